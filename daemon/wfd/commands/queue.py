"""The moves on the queue that commands and the engine share.

An assignment has at most one job whose turn it is: queued, running, or waiting for a time or
for its assignment. All others wait in their lane, and whoever closes that job promotes the next.
"""

from dataclasses import dataclass

from wfd.commands.record import event_of_assignment, event_of_job
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.errors import Conflict
from wfd.domain.ids import AssignmentId, JobId
from wfd.domain.job import MAIN_LANE, PM, PM_LANE, By, Job, JobState, WaitsFor
from wfd.domain.outcome import Kind
from wfd.domain.run import Run
from wfd.ports import Tx


@dataclass(frozen=True)
class NewJob:
    type: str
    context: str
    created_by: By
    harness: str | None = None
    priority: int = 0
    run_after: int | None = None
    decision_id: int | None = None
    retry_of: JobId | None = None
    key: str | None = None
    attempts: int = 1
    no_work: int = 0
    resume_session: str | None = None


def get_assignment(tx: Tx, assignment_id: AssignmentId) -> Assignment:
    found = tx.one(Assignment, "assignment_by_id", id=assignment_id)
    assert found is not None, "a row points at its assignment"
    return found


def get_job(tx: Tx, job_id: JobId) -> Job:
    found = tx.one(Job, "job_by_id", id=job_id)
    assert found is not None, "a row points at its job"
    return found


def enqueue(tx: Tx, assignment: Assignment, new: NewJob) -> Job:
    """Add a job at the end of its lane, and give it the turn if nobody has it."""
    job_id = tx.insert(
        "add_job",
        now=tx.now,
        namespace_id=assignment.namespace_id,
        assignment_id=assignment.id,
        lane=PM_LANE if new.type == PM else MAIN_LANE,
        **vars(new),
    )
    if new.type != PM:
        tx.run("count_job", id=assignment.id)
    job = get_job(tx, JobId(job_id))
    event_of_job(tx, "job.inserted", job, by=new.created_by, retry_of=new.retry_of)
    promote(tx, assignment.id)
    return job


def enqueue_pm(
    tx: Tx,
    assignment: Assignment,
    by: By,
    context: str = "",
    retry_of: JobId | None = None,
) -> Job:
    new = NewJob(type=PM, context=context, created_by=by, retry_of=retry_of)
    return enqueue(tx, assignment, new)


def promote(tx: Tx, assignment_id: AssignmentId) -> None:
    """Give the turn to the next in line, and make whoever has it ready if nothing hinders it."""
    assignment = get_assignment(tx, assignment_id)
    job = tx.one(Job, "head_of", assignment_id=assignment_id) or tx.one(
        Job, "next_in_line", assignment_id=assignment_id
    )
    if job is None or job.state is JobState.RUNNING:
        return
    state, waits_for = _place(assignment, job, tx.now)
    if (state, waits_for) == (job.state, job.waits_for):
        return
    _move(tx, job, state, waits_for)


def promote_due(tx: Tx) -> int:
    """Wake the jobs whose time has come, and return how many."""
    due = tx.all(Job, "due_jobs", now=tx.now)
    for job in due:
        promote(tx, job.assignment_id)
    return len(due)


def _place(assignment: Assignment, job: Job, now: int) -> tuple[JobState, WaitsFor | None]:
    if assignment.state is not AssignmentState.ACTIVE:
        return JobState.WAITING, WaitsFor.ASSIGNMENT
    if job.run_after is not None and job.run_after > now:
        return JobState.WAITING, WaitsFor.TIME
    return JobState.QUEUED, None


def _move(tx: Tx, job: Job, state: JobState, waits_for: WaitsFor | None) -> None:
    tx.run("move_job", id=job.id, was=job.state, state=state, waits_for=waits_for)
    if state is JobState.QUEUED:
        event_of_job(tx, "job.queued", job)
    else:
        event_of_job(tx, "job.parked", job, waits_for=waits_for, until=job.run_after)


def close_job(
    tx: Tx,
    job: Job,
    state: JobState,
    outcome: Kind | None = None,
    answer: str | None = None,
    counter: str | None = None,
) -> None:
    """End a job for good. The caller promotes the next when all else is written."""
    if not tx.run(
        "close_job",
        id=job.id,
        was=job.state,
        state=state,
        outcome=outcome,
        answer=answer,
        counter=counter,
        now=tx.now,
    ):
        raise Conflict(f"J{job.id} is no longer {job.state}")
    event_of_job(tx, "job.closed", job, state=state, outcome=outcome)


def cancel_open_jobs(tx: Tx, assignment: Assignment, reason: str) -> None:
    """Cancel what is not running, and ask the worker to end what is."""
    for job in tx.all(Job, "open_jobs_of", assignment_id=assignment.id):
        cancel_open(tx, job, reason)


def cancel_open(tx: Tx, job: Job, reason: str) -> None:
    if job.state is not JobState.RUNNING:
        close_job(tx, job, JobState.CANCELLED)
        return
    for run in tx.all(Run, "live_runs_of", assignment_id=job.assignment_id):
        if run.job_id == job.id and tx.run("ask_to_cancel", id=run.id, reason=reason):
            event_of_job(tx, "run.cancel_asked", job, run_id=run.id, reason=reason)


def set_state(
    tx: Tx, assignment: Assignment, state: AssignmentState, reason: str | None = None
) -> Assignment:
    """Move an assignment, wake or park whoever has the turn, and return it as it is now."""
    if not tx.run(
        "set_assignment_state",
        id=assignment.id,
        was=assignment.state,
        state=state,
        reason=reason,
        now=tx.now,
    ):
        raise Conflict(f"A{assignment.id} is no longer {assignment.state}")
    event_of_assignment(
        tx, f"assignment.{_EVENTS[state]}", assignment, reason=reason, was=assignment.state
    )
    promote(tx, assignment.id)
    return get_assignment(tx, assignment.id)


_EVENTS = {
    AssignmentState.ACTIVE: "activated",
    AssignmentState.PAUSED: "paused",
    AssignmentState.BLOCKED: "blocked",
    AssignmentState.COMPLETE: "completed",
    AssignmentState.CANCELLED: "cancelled",
}
