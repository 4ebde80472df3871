"""Path locks: whose paths a job has to wait for, and who may go on when paths are free.

Jobs of different assignments share nothing but what lands in the end, so one waits for another
only while that runs. Within an assignment a job has its paths from its first run to its end, or,
in a lane of its own, until that is merged: what it did is nowhere else yet.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from wfd.commands.queue import line_of, release
from wfd.domain.ids import AssignmentId, JobId, NamespaceId
from wfd.domain.job import Job
from wfd.ports import Read, Tx
from wfd.rules.globs import overlap

MAX_LOOKED_AT = 100  # of those that wait for paths, whenever a run ends


def blocker(read: Read, job: Job) -> Job | None:
    """Another job whose end this one has to wait for, before it may touch its paths."""
    if job.is_pm or job.merges is not None:
        return None
    is_alone = not job.has_own_lane and not _has_open_lanes(read, job)
    if is_alone and job.locks is None:
        return None
    return _Paths(read, job.namespace_id).blocker(job)


def free_paths(tx: Tx, namespace_id: NamespaceId) -> None:
    """Let the jobs go on whose paths nobody has any more."""
    paths = _Paths(tx, namespace_id)
    for job in paths.waiting:
        other = paths.blocker(job)
        if other is None:
            release(tx, job.id)
            paths.released.add(job.id)
        elif f"J{other.id}" != job.waits_on:
            tx.run("note_wait", id=job.id, waits_on=f"J{other.id}")


def globs_of(job: Job) -> list[str]:
    return [] if job.locks is None else [str(glob) for glob in json.loads(job.locks)]


def _has_open_lanes(read: Read, job: Job) -> bool:
    return bool(read.all(str, "open_lanes_of", assignment_id=job.assignment_id))


@dataclass
class _Paths:
    """Who has paths of a namespace, and who waits for some, read once for all who ask."""

    read: Read
    namespace_id: NamespaceId
    released: set[JobId] = field(default_factory=set)
    begun: dict[AssignmentId, list[Job]] = field(default_factory=dict)

    @cached_property
    def waiting(self) -> list[Job]:
        """In the order in which they go on."""
        values = {"namespace_id": self.namespace_id, "limit": MAX_LOOKED_AT}
        return self.read.all(Job, "parked_for_lock", **values)

    @cached_property
    def running(self) -> list[Job]:
        return self.read.all(Job, "running_with_locks", namespace_id=self.namespace_id)

    def begun_of(self, of: AssignmentId) -> list[Job]:
        if of not in self.begun:
            self.begun[of] = self.read.all(Job, "begun_jobs_of", assignment_id=of)
        return self.begun[of]

    def blocker(self, job: Job) -> Job | None:
        return next((other for other in self._others(job) if _excludes(other, job)), None)

    def _others(self, job: Job) -> Iterator[Job]:
        yield from self.begun_of(job.assignment_id)
        if job.locks is not None:
            yield from self.running
        if job.outcome is None:  # those who waited before it go first, or they might for ever
            yield from (
                other
                for other in self.waiting
                if other.id not in self.released and _rank(other) > _rank(job)
            )


def _excludes(other: Job, job: Job) -> bool:
    if other.id == job.id:
        return False
    if other.assignment_id != job.assignment_id:
        both = other.merges is None and other.locks is not None and job.locks is not None
        return both and overlap(globs_of(other), globs_of(job))
    if line_of(other.lane) == line_of(job.lane):
        return False  # one of them at a time, anyway
    if other.locks is None or job.locks is None:
        return True  # it may touch whatever it wants
    return overlap(globs_of(other), globs_of(job))


def _rank(job: Job) -> tuple[int, int]:
    return job.priority, -job.id
