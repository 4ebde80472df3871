"""What a job comes after, and when an assignment can move no more for it."""

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.dependency import Need, Standing
from wfd.domain.ids import JobId
from wfd.domain.job import Job, JobState
from wfd.ports import Read

STUCK = "it can go no further: "  # how the reason of an assignment begins that only waits


def is_stuck(assignment: Assignment) -> bool:
    """It stands still since all that is open in it comes after what failed."""
    is_blocked = assignment.state is AssignmentState.BLOCKED
    return is_blocked and (assignment.reason or "").startswith(STUCK)


def needs_of(read: Read, job_id: JobId) -> list[Need]:
    return read.all(Need, "needs_of", job_id=job_id)


def why_stuck(read: Read, assignment: Assignment) -> str | None:
    """Why nothing that is open in an assignment can move by itself; None where something can."""
    if read.one(int, "in_some_line", assignment_id=assignment.id) is not None:
        return None
    waiting = read.all(Job, "open_jobs_of", assignment_id=assignment.id)
    found = None
    for job in waiting:
        for need in needs_of(read, job.id):
            is_ours = need.assignment_id == assignment.id
            # of ours no merge is due any more, or it would be open
            is_unmerged = is_ours and need.state is JobState.DONE and need.standing is Standing.OPEN
            if need.standing is Standing.FAILED or is_unmerged:
                found = found or (
                    f"{STUCK}J{job.id} comes after {need}; 'wfctl retry J{need.id}',"
                    f" 'wfctl depend J{job.id} --drop J{need.id}' or 'wfctl cancel J{job.id}'"
                )
            elif need.standing is Standing.OPEN and not is_ours:
                return None
    return found
