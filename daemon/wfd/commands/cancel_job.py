"""Cancel one open job."""

from dataclasses import dataclass

from wfd.commands.closing import cancel_open
from wfd.commands.house import MAX_REASON, HouseOf
from wfd.commands.queue import get_assignment, promote_all
from wfd.commands.record import decide
from wfd.commands.scope import job_in, namespace_of, text_of
from wfd.commands.settle import pause_if_idle
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import NotAllowed
from wfd.domain.job import By, JobState
from wfd.ports import Tx


@dataclass(frozen=True)
class CancelJob:
    namespace: str | None  # None: whichever it belongs to
    job: int
    reason: str | None = None


def cancel_job(tx: Tx, house_of: HouseOf, want: CancelJob) -> dict[str, object]:
    """{"job": id, "state": "cancelled" | "running"}: a running one ends within seconds."""
    job = job_in(tx, want.namespace, want.job)
    if job.is_closed:
        raise NotAllowed(f"J{job.id} is already {job.state}; nothing is left to cancel")
    assignment = get_assignment(tx, job.assignment_id)
    own_words = text_of(want.reason, "reason", MAX_REASON) if want.reason else None
    reason = own_words or f"a person cancelled J{job.id}"
    decide(tx, assignment, By.PERSON, DecisionKind.CANCEL, reason, job_id=job.id)
    cancel_open(tx, job, reason)
    promote_all(tx, assignment.id)
    patience = house_of(namespace_of(tx, assignment.namespace_id)).patience
    pause_if_idle(tx, assignment, reason, patience)
    now = JobState.RUNNING if job.state is JobState.RUNNING else JobState.CANCELLED
    return {"job": job.id, "state": now}
