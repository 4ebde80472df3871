"""How a job ends, and a lane: whoever waited for it is looked at in the same transaction."""

from wfd.commands.ask import NewQuestion, ask, withdraw_questions_on
from wfd.commands.dependencies import needs_of
from wfd.commands.locks import free_paths
from wfd.commands.queue import get_assignment, line_up, promote_all
from wfd.commands.record import event_of_assignment, event_of_job
from wfd.commands.settle import pause_if_idle
from wfd.domain.assignment import Assignment
from wfd.domain.dependency import Need, OnFailure, Standing
from wfd.domain.errors import Conflict
from wfd.domain.ids import AssignmentId, JobId
from wfd.domain.job import Job, JobState, WaitsFor
from wfd.domain.lane import Lane, LaneState
from wfd.domain.outcome import Kind
from wfd.domain.question import FOR_EVER, Asker, QuestionKind
from wfd.domain.run import Run
from wfd.ports import Read, Tx


def close_job(
    tx: Tx,
    job: Job,
    state: JobState,
    outcome: Kind | None = None,
    answer: str | None = None,
    counter: str | None = None,
) -> None:
    """End a job for good. The caller promotes in all lines when all else is written."""
    _close(tx, job, state, outcome, answer, counter)
    if job.has_own_lane and state is JobState.CANCELLED:
        close_lane(tx, job.assignment_id, job.lane, LaneState.ABANDONED)
    _tell_dependents(tx, job.id, job.assignment_id)


def cancel_open_jobs(tx: Tx, assignment: Assignment, reason: str) -> None:
    """Cancel what is not running, and ask the worker to end what is."""
    for job in tx.all(Job, "open_jobs_of", assignment_id=assignment.id):
        now = tx.one(Job, "job_by_id", id=job.id)
        if now is not None and not now.is_closed:  # it may have gone with one that it came after
            cancel_open(tx, now, reason)


def cancel_open(tx: Tx, job: Job, reason: str) -> None:
    if job.state is not JobState.RUNNING:
        close_job(tx, job, JobState.CANCELLED)
        free_paths(tx, job.namespace_id)
        return
    for run in tx.all(Run, "live_runs_of", assignment_id=job.assignment_id):
        if run.job_id == job.id and tx.run("ask_to_cancel", id=run.id, reason=reason):
            event_of_job(tx, "run.cancel_asked", job, run_id=run.id, reason=reason)


def get_lane(read: Read, assignment_id: AssignmentId, name: str) -> Lane:
    found = read.one(Lane, "lane_by_name", assignment_id=assignment_id, name=name)
    assert found is not None, "a parallel job has a lane"
    return found


def close_lane(tx: Tx, assignment_id: AssignmentId, name: str, state: LaneState) -> bool:
    """Say what becomes of a lane's work; whether it was open until now."""
    values = {"assignment_id": assignment_id, "name": name}
    if not tx.run("close_lane", **values, state=state, now=tx.now):
        return False
    event_of_assignment(tx, f"lane.{state}", get_assignment(tx, assignment_id), lane=name)
    for job in tx.all(Job, "done_in_lane", assignment_id=assignment_id, lane=name):
        _tell_dependents(tx, job.id, assignment_id)
    return True


def abandon_lanes(tx: Tx, assignment: Assignment) -> None:
    """What is not merged when an assignment ends stays on the branches of its lanes."""
    for name in tx.all(str, "open_lanes_of", assignment_id=assignment.id):
        close_lane(tx, assignment.id, name, LaneState.ABANDONED)


def _close(
    tx: Tx,
    job: Job,
    state: JobState,
    outcome: Kind | None = None,
    answer: str | None = None,
    counter: str | None = None,
) -> None:
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
    if job.waits_for is WaitsFor.DEPENDENCY:
        withdraw_questions_on(tx, get_assignment(tx, job.assignment_id), job.id)
    event_of_job(tx, "job.closed", job, state=state, outcome=outcome)


def _tell_dependents(tx: Tx, job_id: JobId, of: AssignmentId) -> None:
    """Let go on who waited for a job, or wait on, or be cancelled with it, as was said."""
    ended = [job_id]
    others: set[AssignmentId] = set()
    while ended:
        need = ended.pop(0)
        for job in tx.all(Job, "waiting_for", needs_job_id=need):
            if _look_again(tx, job, need):
                ended.append(job.id)
            others.add(job.assignment_id)
    for other in sorted(others - {of}):  # of its own the caller takes care
        promote_all(tx, other)
        reason = f"J{job_id}, which it came after, ended"
        pause_if_idle(tx, get_assignment(tx, other), reason, FOR_EVER)


def _look_again(tx: Tx, job: Job, ended: JobId) -> bool:
    """What the end of one job means for another; whether it is cancelled with it."""
    needs = needs_of(tx, job.id)
    failed = [need for need in needs if need.standing is Standing.FAILED]
    if any(need.on_failure is OnFailure.CANCEL for need in failed):
        event_of_job(tx, "job.dependency_failed", job, needs=ended, then="cancel")
        _close(tx, job, JobState.CANCELLED)
        if job.has_own_lane:
            close_lane(tx, job.assignment_id, job.lane, LaneState.ABANDONED)
        return True
    if ended in {need.id for need in failed}:
        event_of_job(tx, "job.dependency_failed", job, needs=ended, then="wait")
        _ask_about(tx, job, next(need for need in failed if need.id == ended))
    line_up(tx, job, needs)
    return False


def _ask_about(tx: Tx, job: Job, need: Need) -> None:
    assignment = get_assignment(tx, job.assignment_id)
    if assignment.is_closed:
        return
    text = (
        f"J{job.id} ({job.type}) comes after {need}, and waits. 'wfctl retry J{need.id}' tries that"
        f" again, 'wfctl depend J{job.id} --drop J{need.id}' runs it without that,"
        f" 'wfctl cancel J{job.id}' cancels it"
    )
    new = NewQuestion(
        QuestionKind.DEPENDENCY, Asker.POLICY, text, subject=f"J{need.id}", job_id=job.id
    )
    ask(tx, assignment, new)
