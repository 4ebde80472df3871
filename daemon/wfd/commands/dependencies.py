"""What a job comes after, and when an assignment can move no more for it."""

from dataclasses import dataclass

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.dependency import Need, Standing
from wfd.domain.ids import JobId
from wfd.domain.job import Job, JobState
from wfd.ports import Read

STUCK = "it cannot continue: "  # how the reason of an assignment begins that only waits


def is_stuck(assignment: Assignment) -> bool:
    """It stands still since all that is open in it comes after what failed."""
    is_blocked = assignment.state is AssignmentState.BLOCKED
    return is_blocked and (assignment.reason or "").startswith(STUCK)


def needs_of(read: Read, job_id: JobId) -> list[Need]:
    return read.all(Need, "needs_of", job_id=job_id)


@dataclass(frozen=True)
class Stuck:
    """A job that comes after what failed, in an assignment in which nothing else can move."""

    job_id: JobId
    need: Need

    def __str__(self) -> str:
        job, need = f"J{self.job_id}", f"J{self.need.id}"
        return (
            f"{STUCK}{job} comes after {self.need}; 'wfctl retry {need}',"
            f" 'wfctl depend {job} --drop {need}' or 'wfctl cancel {job}'"
        )


def stuck_at(read: Read, assignment: Assignment) -> Stuck | None:
    """What keeps all that is open in an assignment; None where something can move by itself."""
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
                found = found or Stuck(job.id, need)
            elif need.standing is Standing.OPEN and not is_ours:
                return None
    return found
