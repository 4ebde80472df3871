"""The moves on the queue that commands and the engine share.

Jobs of an assignment stand in lines: one for the lanes main and pm, and one for each lane of a
job that was declared parallel. In each at most one has the turn: queued, running, or waiting for
a time, for its assignment, for an AI or for paths. The others wait in their lane, and whoever
closes that job promotes the next. A job that waits for a dependency stands in no line yet.
"""

from dataclasses import dataclass

from wfd.commands.ask import settle_questions, withdraw_questions_on
from wfd.commands.dependencies import is_stuck, needs_of, stuck_at
from wfd.commands.record import event_of_assignment, event_of_job
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.dependency import After, Need, Standing
from wfd.domain.errors import Conflict
from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.job import (
    MAIN_LANE,
    MERGE,
    PARKED,
    PM,
    PM_LANE,
    RESERVED,
    By,
    Job,
    JobState,
    WaitsFor,
)
from wfd.domain.outcome import Kind
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
    lane: str = MAIN_LANE
    is_parallel: bool = False  # in a lane of its own, instead
    locks: str | None = None  # JSON, as in Job
    merges: str | None = None
    after: tuple[After, ...] = ()


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
    """Add a job at the end of its line, or with the turn if no other is open; its id."""
    counts = int(new.type not in RESERVED)
    lane = "" if new.is_parallel else new.lane
    line = tx.one(_Line, "count_job", id=assignment.id, counts=counts, lane=lane)
    assert line is not None, "a job has an assignment"
    place = _IN_LANE
    if new.after:
        place = _AFTER
    elif line.is_empty:
        place = _place(line.assignment_state, new.run_after, tx.now)
    job = _Named(_add(tx, assignment, new, place), assignment.namespace_id, assignment.id, new.type)
    event_of_job(tx, "job.inserted", job, by=new.created_by, retry_of=new.retry_of)
    if new.retry_of is not None:
        _stand_in(tx, job.id, new.retry_of)
    if new.after:
        for after in new.after:
            add_need(tx, job.id, after)
        _line_up_or_tell(tx, get_job(tx, job.id))
        promote(tx, assignment.id, get_job(tx, job.id).lane)
    elif line.is_empty:
        _tell(tx, job, place, new.run_after)
    else:
        if new.type in RESERVED:
            _make_way(tx, assignment.id, new.type)
        promote(tx, assignment.id, new.lane)
    return job.id


def _add(tx: Tx, assignment: Assignment, new: NewJob, place: "_Place") -> JobId:
    values = {
        **vars(new),
        "lane": PM_LANE if new.type == PM else new.lane,
        "state": place[0],
        "waits_for": place[1],
    }
    job_id = tx.insert(
        "add_job",
        now=tx.now,
        namespace_id=assignment.namespace_id,
        assignment_id=assignment.id,
        **values,
    )
    if new.is_parallel:
        tx.run("name_lane", id=job_id)
        tx.insert("add_lane", assignment_id=assignment.id, name=f"J{job_id}", now=tx.now)
    return JobId(job_id)


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


def call_pm(tx: Tx, assignment: Assignment) -> JobId:
    """A PM job that will look at all that is so by now: one that waits already, or a new one."""
    waiting = tx.one(int, "waiting_pm", assignment_id=assignment.id)
    if waiting is not None:
        promote(tx, assignment.id)
        return JobId(waiting)
    return enqueue_pm(tx, assignment, By.POLICY)


def line_of(lane: str) -> str:
    return MAIN_LANE if lane == PM_LANE else lane


def promote(tx: Tx, assignment_id: AssignmentId, lane: str = MAIN_LANE) -> None:
    """Give the turn to the next in line, and make whoever has it ready if nothing hinders it.

    One that is parked stays so: what it waits for releases it.
    """
    job = tx.one(_Turn, "whose_turn", assignment_id=assignment_id, lane=line_of(lane))
    if job is None or job.state is JobState.RUNNING or job.waits_for in PARKED:
        return
    _move(tx, job, _place(job.assignment_state, job.run_after, tx.now))


def promote_all(tx: Tx, assignment_id: AssignmentId) -> None:
    """The same in every line."""
    promote(tx, assignment_id)
    for lane in tx.all(str, "open_lanes_of", assignment_id=assignment_id):
        promote(tx, assignment_id, lane)


def _make_way(tx: Tx, assignment_id: AssignmentId, for_type: str) -> None:
    """Take the turn from whoever has it and has not begun, for a job of the daemon's own.

    A merge passes all of them, or it would wait for one that waits for the paths that are to be
    merged. A PM passes one that waits for paths, or for an AI or a hand: that may take days.
    """
    head = tx.one(_Turn, "whose_turn", assignment_id=assignment_id, lane=MAIN_LANE)
    if head is None or head.has_begun or head.merges is not None:
        return
    if head.waits_for in PARKED or (for_type == MERGE and head.waits_for != WaitsFor.LANE):
        _move(tx, head, _IN_LANE)


def line_up(tx: Tx, job: Job, needs: list[Need] | None = None) -> bool:
    """Let a job that waits for dependencies join its line, if all of them are met.

    The caller promotes, when all else is written: a PM that is due goes before it.
    """
    needs = needs_of(tx, job.id) if needs is None else needs
    missing = [need for need in needs if need.standing is not Standing.MET]
    if not any(need.standing is Standing.FAILED for need in missing):
        withdraw_questions_on(tx, get_assignment(tx, job.assignment_id), job.id)
    if missing:
        names = ", ".join(f"J{need.id}" for need in missing)
        if names != job.waits_on:
            tx.run("note_wait", id=job.id, waits_on=names)
        return False
    _put(tx, job, _IN_LANE)
    _set_going(tx, job.assignment_id)
    return True


def hold_back(tx: Tx, job: Job) -> None:
    """Take a job that has not begun out of its line, to wait for its dependencies."""
    if job.waits_for is not WaitsFor.DEPENDENCY:
        _put(tx, job, _AFTER)
    _line_up_or_tell(tx, get_job(tx, job.id))
    promote(tx, job.assignment_id, job.lane)


def add_need(tx: Tx, job_id: JobId, after: After) -> None:
    tx.run("add_dependency", job_id=job_id, needs_job_id=after.job_id, on_failure=after.on_failure)


def _line_up_or_tell(tx: Tx, job: Job) -> None:
    if not line_up(tx, job):
        on = get_job(tx, job.id).waits_on
        event_of_job(tx, "job.parked", job, waits_for=WaitsFor.DEPENDENCY, on=on)


def _stand_in(tx: Tx, retry: JobId, tried: JobId) -> None:
    """Whoever comes after a job and has not begun comes after its retry now."""
    for job in tx.all(Job, "not_begun_after", needs_job_id=tried):
        tx.run("move_dependency", job_id=job.id, needs_job_id=tried, retry=retry)
        hold_back(tx, job)
        _set_going(tx, job.assignment_id)


def _set_going(tx: Tx, assignment_id: AssignmentId) -> None:
    """What was blocked for nothing but a dependency goes on."""
    assignment = get_assignment(tx, assignment_id)
    if is_stuck(assignment) and stuck_at(tx, assignment) is None:
        set_state(tx, assignment, AssignmentState.ACTIVE)


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
    _put(tx, job, place)
    _tell(tx, job, place, job.run_after)


def _put(tx: Tx, job: "_Turn | Job", place: "_Place") -> None:
    tx.run("move_job", id=job.id, was=job.state, state=place[0], waits_for=place[1], waits_on=None)


def promote_due(tx: Tx) -> int:
    """Wake the jobs whose time has come, and return how many."""
    due = tx.all(Job, "due_jobs", now=tx.now)
    for job in due:
        promote(tx, job.assignment_id, job.lane)
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
    lane: str
    outcome: Kind | None
    merges: str | None
    finishes: RunId | None
    assignment_state: AssignmentState

    @property
    def has_begun(self) -> bool:
        return self.state is JobState.RUNNING or self.outcome is not None


_Place = tuple[JobState, WaitsFor | None]
_IN_LANE: _Place = (JobState.WAITING, WaitsFor.LANE)
_AFTER: _Place = (JobState.WAITING, WaitsFor.DEPENDENCY)


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
    told = {"reason": reason, "was": assignment.state, "resumes_at": resumes_at}
    event_of_assignment(tx, f"assignment.{_EVENTS[state]}", assignment, **told)
    if state in (AssignmentState.COMPLETE, AssignmentState.CANCELLED):
        settle_questions(tx, assignment, reason, is_over=True)
    elif state is AssignmentState.ACTIVE:
        settle_questions(tx, assignment, None)
    promote_all(tx, assignment.id)
    return get_assignment(tx, assignment.id)


def step_back(tx: Tx, assignment_id: AssignmentId) -> None:
    """Let who has the turn and waits get in line again, so that a PM goes first.

    Not one whose agent is done: what that has left in the workspace is in no snapshot yet.
    """
    job = tx.one(_Turn, "whose_turn", assignment_id=assignment_id, lane=MAIN_LANE)
    if job is None or job.finishes is not None:
        return
    if job.waits_for in {WaitsFor.ASSIGNMENT, *PARKED}:
        _move(tx, job, _IN_LANE)


_EVENTS = {
    AssignmentState.ACTIVE: "activated",
    AssignmentState.PAUSED: "paused",
    AssignmentState.BLOCKED: "blocked",
    AssignmentState.COMPLETE: "completed",
    AssignmentState.CANCELLED: "cancelled",
}
