"""Lanes whose work is not in the assignment's branch, and nobody is about to bring it there."""

from collections.abc import Iterable, Sequence

from wfd.domain.job import Job, JobState
from wfd.domain.lane import Lane, LaneState


def unmerged(jobs: Iterable[Job], lanes: Iterable[Lane]) -> list[Job]:
    """The jobs that are done, and whose lane is not merged."""
    left = {lane.name for lane in lanes if lane.state is LaneState.OPEN}
    return [job for job in jobs if job.lane in left and job.state is JobState.DONE]


def left_lying(jobs: Sequence[Job], lanes: Iterable[Lane]) -> Job | None:
    """The job that ended last of those by which an open lane has come to a halt.

    Its work failed, or its merge did: it is to be decided what becomes of that.
    """
    halted = {lane.name for lane in lanes if lane.state is LaneState.OPEN}
    halted -= {job.merges or job.lane for job in jobs if not job.is_closed}
    last = [job for job in jobs if job.is_closed and (job.merges or job.lane) in halted]
    return max(last, key=lambda job: (job.closed_at or 0, job.id), default=None)
