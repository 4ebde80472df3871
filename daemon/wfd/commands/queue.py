"""The moves on the queue that commands and the engine share.

An assignment has at most one job whose turn it is: queued, running, or waiting for a time or
for its assignment. All others wait in their lane, and whoever closes that job promotes the next.
"""

from dataclasses import dataclass

from wfd.commands.ask import settle_questions, withdraw_questions_on
from wfd.commands.record import event_of_assignment, event_of_job
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.errors import Conflict
from wfd.domain.ids import AssignmentId, JobId, NamespaceId
from wfd.domain.job import MAIN_LANE, PARKED, PM, PM_LANE, By, Job, JobState, WaitsFor
from wfd.domain.outcome import Kind
from wfd.domain.run import Run
from wfd.ports import Tx


@dataclass(frozen=True)
class NewJob:
    type: str
    context: str
    created_by: By
    harness: str | None = None
    needs: str | None = None  # JSON, as the column has it
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


@dataclass(frozen=True)
class _Line:
    assignment_state: AssignmentState
    is_empty: bool


def enqueue(tx: Tx, assignment: Assignment, new: NewJob) -> JobId:
    """Add a job at the end of its lane, or with the turn if no other is open; its id."""
    line = tx.one(_Line, "count_job", id=assignment.id, counts=int(new.type != PM))
    assert line is not None, "a job has an assignment"
    place = _IN_LANE
    if line.is_empty:
        place = _place(line.assignment_state, new.run_after, tx.now)
    job_id = tx.insert(
        "add_job",
        now=tx.now,
        namespace_id=assignment.namespace_id,
        assignment_id=assignment.id,
        lane=PM_LANE if new.type == PM else MAIN_LANE,
        state=place[0],
        waits_for=place[1],
        **vars(new),
    )
    job = _Named(JobId(job_id), assignment.namespace_id, assignment.id, new.type)
    event_of_job(tx, "job.inserted", job, by=new.created_by, retry_of=new.retry_of)
    if line.is_empty:
        _tell(tx, job, place, new.run_after)
    else:
        promote(tx, assignment.id)
    return job.id


def enqueue_pm(
    tx: Tx,
    assignment: Assignment,
    by: By,
    context: str = "",
    retry_of: JobId | None = None,
    decision_id: int | None = None,
) -> JobId:
    new = NewJob(
        type=PM, context=context, created_by=by, retry_of=retry_of, decision_id=decision_id
    )
    return enqueue(tx, assignment, new)


def promote(tx: Tx, assignment_id: AssignmentId) -> None:
    """Give the turn to the next in line, and make whoever has it ready if nothing hinders it.

    One that is parked stays so: what it waits for releases it.
    """
    job = tx.one(_Turn, "whose_turn", assignment_id=assignment_id)
    if job is None or job.state is JobState.RUNNING or job.waits_for in PARKED:
        return
    _move(tx, job, _place(job.assignment_state, job.run_after, tx.now))


def park(tx: Tx, job: Job, waits_for: WaitsFor, waits_on: str) -> None:
    """Send back a job that was about to start; the caller gives its namespace's turn back."""
    tx.run(
        "move_job",
        id=job.id,
        was=JobState.RUNNING,
        state=JobState.WAITING,
        waits_for=waits_for,
        waits_on=waits_on,
    )
    event_of_job(tx, "job.parked", job, waits_for=waits_for, on=waits_on)


def release(tx: Tx, job_id: JobId) -> None:
    """Let a job go on that was parked. It may be hindered again, and is parked anew then."""
    job = tx.one(_Turn, "parked_job", id=job_id)
    if job is not None:
        _move(tx, job, _place(job.assignment_state, job.run_after, tx.now))


def _move(tx: Tx, job: "_Turn", place: "_Place") -> None:
    if place == (job.state, job.waits_for):
        return
    tx.run("move_job", id=job.id, was=job.state, state=place[0], waits_for=place[1], waits_on=None)
    _tell(tx, job, place, job.run_after)


def promote_due(tx: Tx) -> int:
    """Wake the jobs whose time has come, and return how many."""
    due = tx.all(Job, "due_jobs", now=tx.now)
    for job in due:
        promote(tx, job.assignment_id)
    return len(due)


@dataclass(frozen=True)
class _Named:
    id: JobId
    namespace_id: NamespaceId
    assignment_id: AssignmentId
    type: str


@dataclass(frozen=True)
class _Turn(_Named):
    state: JobState
    waits_for: WaitsFor | None
    run_after: int | None
    assignment_state: AssignmentState


_Place = tuple[JobState, WaitsFor | None]
_IN_LANE: _Place = (JobState.WAITING, WaitsFor.LANE)


def _place(of_assignment: AssignmentState, run_after: int | None, now: int) -> _Place:
    """The place of whoever has the turn."""
    if of_assignment is not AssignmentState.ACTIVE:
        return JobState.WAITING, WaitsFor.ASSIGNMENT
    if run_after is not None and run_after > now:
        return JobState.WAITING, WaitsFor.TIME
    return JobState.QUEUED, None


def _tell(tx: Tx, job: _Named, place: _Place, run_after: int | None) -> None:
    state, waits_for = place
    if state is JobState.QUEUED:
        event_of_job(tx, "job.queued", job)
    else:
        event_of_job(tx, "job.parked", job, waits_for=waits_for, until=run_after)


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
        if job.waits_for is WaitsFor.DEPENDENCY:
            withdraw_questions_on(tx, get_assignment(tx, job.assignment_id), job.id)
        return
    for run in tx.all(Run, "live_runs_of", assignment_id=job.assignment_id):
        if run.job_id == job.id and tx.run("ask_to_cancel", id=run.id, reason=reason):
            event_of_job(tx, "run.cancel_asked", job, run_id=run.id, reason=reason)


def set_state(
    tx: Tx,
    assignment: Assignment,
    state: AssignmentState,
    reason: str | None = None,
    *,
    resumes_at: int | None = None,
) -> Assignment:
    """Move an assignment, wake or park whoever has the turn, and return it as it is now.

    `resumes_at` is when a pause ends by itself, in UTC milliseconds.
    """
    if not tx.run(
        "set_assignment_state",
        id=assignment.id,
        was=assignment.state,
        state=state,
        reason=reason,
        resumes_at=resumes_at,
        now=tx.now,
    ):
        raise Conflict(f"A{assignment.id} is no longer {assignment.state}")
    event_of_assignment(
        tx, f"assignment.{_EVENTS[state]}", assignment, reason=reason, was=assignment.state
    )
    if state in (AssignmentState.COMPLETE, AssignmentState.CANCELLED):
        settle_questions(tx, assignment, reason, is_over=True)
    elif state is AssignmentState.ACTIVE:
        settle_questions(tx, assignment, None)
    promote(tx, assignment.id)
    return get_assignment(tx, assignment.id)


def step_back(tx: Tx, assignment_id: AssignmentId) -> None:
    """Let who has the turn and waits get in line again, so that a PM goes first."""
    job = tx.one(_Turn, "whose_turn", assignment_id=assignment_id)
    if job is not None and job.waits_for in {WaitsFor.ASSIGNMENT, *PARKED}:
        _move(tx, job, _IN_LANE)


_EVENTS = {
    AssignmentState.ACTIVE: "activated",
    AssignmentState.PAUSED: "paused",
    AssignmentState.BLOCKED: "blocked",
    AssignmentState.COMPLETE: "completed",
    AssignmentState.CANCELLED: "cancelled",
}
