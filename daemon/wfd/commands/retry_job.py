"""Try a closed job again, because a person says so."""

from dataclasses import dataclass

from wfd.commands.ai import let_try
from wfd.commands.ask import settle_questions
from wfd.commands.house import MAX_TEXT, HouseOf
from wfd.commands.insert_job import refuse_closed
from wfd.commands.lanes import enqueue_retry, tried_again
from wfd.commands.queue import NewJob, enqueue_pm, get_assignment, set_state
from wfd.commands.record import decide
from wfd.commands.scope import job_in, namespace_of, text_of
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import NotAllowed
from wfd.domain.job import By, Job
from wfd.ports import Tx
from wfd.rules import retry
from wfd.rules.caps import breach, caps_of


@dataclass(frozen=True)
class RetryJob:
    namespace: str | None  # None: whichever it belongs to
    job: int
    changes: str | None = None  # what is to be different this time


def retry_job(tx: Tx, house_of: HouseOf, want: RetryJob) -> dict[str, object]:
    """{"job": id of the new one}. Its attempts count from one: a person's word is a fresh start.

    A blocked assignment becomes active, since this is the answer that it waited for.
    """
    job = job_in(tx, want.namespace, want.job)
    if not job.is_closed:
        raise NotAllowed(f"J{job.id} is still {job.state}; 'wfctl cancel J{job.id}' ends it first")
    assignment = get_assignment(tx, job.assignment_id)
    refuse_closed(assignment, "retry")
    house = house_of(namespace_of(tx, assignment.namespace_id))
    over = breach(assignment, caps_of(assignment, house.caps))
    if over is not None and not job.is_pm:
        raise NotAllowed(f"{over}; raise it in .wfd/config.json or start a new assignment")
    changes = None if want.changes is None else text_of(want.changes, "change", MAX_TEXT)
    decision_id = decide(
        tx,
        assignment,
        By.PERSON,
        DecisionKind.RETRY,
        changes or f"a person asked for J{job.id} again",
        job_id=job.id,
    )
    if job.is_pm:
        _refuse_a_second_pm(tx, assignment)
        new_id = enqueue_pm(tx, assignment, By.PERSON, changes or "", retry_of=job.id)
    else:
        tried = tried_again(tx, job)
        _refuse_a_second_in_lane(tx, tried)
        new_id = enqueue_retry(
            tx,
            assignment,
            tried,
            NewJob(
                type=tried.type,
                context=retry.context(tried, changes) if changes else tried.context,
                created_by=By.PERSON,
                harness=tried.harness,
                needs=tried.needs,
                priority=tried.priority,
                decision_id=decision_id,
                retry_of=tried.id,
            ),
        )
    if assignment.state is AssignmentState.BLOCKED:
        settle_questions(tx, assignment, changes)
        let_try(tx, assignment.id)
        if get_assignment(tx, assignment.id).state is AssignmentState.BLOCKED:  # still
            set_state(tx, assignment, AssignmentState.ACTIVE)
    return {"job": new_id}


def _refuse_a_second_pm(tx: Tx, assignment: Assignment) -> None:
    for other in tx.all(Job, "open_jobs_of", assignment_id=assignment.id):
        if other.is_pm:
            raise NotAllowed(
                f"J{other.id} is a PM job that is {other.state}; it is already deciding"
            )


def _refuse_a_second_in_lane(tx: Tx, tried: Job) -> None:
    """When one of two is cancelled or merged, the lane is closed under the other."""
    for other in tx.all(Job, "open_jobs_of", assignment_id=tried.assignment_id):
        if tried.has_own_lane and tried.lane in (other.lane, other.merges):
            raise NotAllowed(
                f"J{other.id} ({other.type}, {other.state}) works in its lane already;"
                f" 'wfctl cancel J{other.id}' ends it first"
            )
