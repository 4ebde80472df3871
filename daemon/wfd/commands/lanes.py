"""Where a retry works: in the lane of what it tries again, or in a new one."""

from dataclasses import replace

from wfd.commands.closing import close_lane, get_lane
from wfd.commands.queue import NewJob, enqueue
from wfd.domain.assignment import Assignment
from wfd.domain.ids import JobId, RunId
from wfd.domain.job import MAIN_LANE, Job, JobState
from wfd.domain.lane import LaneState
from wfd.ports import Read, Snapshot, Tx


def tried_again(read: Read, job: Job) -> Job:
    """What a retry of `job` does again: of a merge, the work that was to be merged."""
    if job.merges is None:
        return job
    of = job.assignment_id
    found = read.one(Job, "last_in_lane", assignment_id=of, lane=job.merges)
    assert found is not None, "a merge brings in what a job did"
    return found


def enqueue_retry(tx: Tx, assignment: Assignment, tried: Job, new: NewJob) -> JobId:
    """Add the retry of `tried`, which `tried_again` gave.

    What failed goes on in its lane. What was done and is wanted again, since it could not be
    merged or was not right, begins at the assignment's head anew; what it did stays on its branch.
    """
    new = replace(new, locks=tried.locks, lane=tried.lane)
    if not tried.has_own_lane or _goes_on(tx, tried):
        return enqueue(tx, assignment, new)
    job_id = enqueue(tx, assignment, replace(new, lane=MAIN_LANE, is_parallel=True))
    close_lane(tx, assignment.id, tried.lane, LaneState.ABANDONED)
    return job_id


def _goes_on(tx: Tx, tried: Job) -> bool:
    lane = get_lane(tx, tried.assignment_id, tried.lane)
    return lane.state is LaneState.OPEN and tried.state is not JobState.DONE


def as_seen_from(read: Read, assignment: Assignment, job: Job) -> Assignment:
    """The assignment as the lane of a job has it: its branch, base and head."""
    if not job.has_own_lane:
        return assignment
    return get_lane(read, assignment.id, job.lane).view(assignment)


def set_up(tx: Tx, seen: Assignment, *, is_set_up: bool) -> None:
    """Say of the workspace of a lane, or of the assignment's own, whether it is there, set up."""
    if seen.lane == MAIN_LANE:
        tx.run("set_up", id=seen.id, is_set_up=is_set_up)
    else:
        tx.run("set_up_lane", assignment_id=seen.id, name=seen.lane, is_set_up=is_set_up)


def set_head(tx: Tx, seen: Assignment, run_id: RunId, taken: Snapshot) -> bool:
    """Say where a run has moved the branch of its lane, or the assignment's own.

    False, and nothing is written, when its lease is lost.
    """
    values = {"run_id": run_id, "commit": taken.commit, "tree": taken.tree}
    if seen.lane == MAIN_LANE:
        return bool(tx.run("set_head", **values))
    return bool(tx.run("set_head_of_lane", name=seen.lane, **values))
