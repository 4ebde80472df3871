"""A job: what should be done once. A closed job never reopens."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.outcome import Kind


class JobState(StrEnum):
    QUEUED = "queued"  # ready: a worker may lease it now
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


J = JobState

MOVES: dict[JobState, frozenset[JobState]] = {
    J.WAITING: frozenset({J.QUEUED, J.CANCELLED}),
    J.QUEUED: frozenset({J.RUNNING, J.WAITING, J.CANCELLED}),
    J.RUNNING: frozenset({J.QUEUED, J.WAITING, J.DONE, J.FAILED, J.CANCELLED}),
    J.DONE: frozenset(),
    J.FAILED: frozenset(),
    J.CANCELLED: frozenset(),
}

CLOSED = frozenset({J.DONE, J.FAILED, J.CANCELLED})


class WaitsFor(StrEnum):
    LANE = "lane"  # another job of its assignment goes first
    TIME = "time"  # run_after
    ASSIGNMENT = "assignment"  # its assignment is paused or blocked
    AI = "ai"  # every AI that fits is held, broken or at its limit
    DEPENDENCY = "dependency"  # a job that it comes after
    LOCK = "lock"  # a running job that may touch the same paths


# What a job was sent back to wait for when it was about to start. It keeps the turn, and what
# it waits for releases it.
PARKED = frozenset({WaitsFor.AI, WaitsFor.LOCK})


class By(StrEnum):
    """Who decided."""

    PERSON = "person"
    PM = "pm"
    POLICY = "policy"


PM = "pm"  # the one job type whose answer the daemon acts on
HAND = "hand"  # stands for the harness and the AI of what somebody claims
MERGE = "merge"  # brings a lane into main; done by the daemon itself
RESERVED = frozenset({PM, MERGE})  # types that only the daemon inserts
MAIN_LANE = "main"
PM_LANE = "pm"


@dataclass(frozen=True)
class Counters:
    """How often a job was tried again, by kind of failure."""

    attempts: int = 1  # counts along retry_of; the first try is attempt 1
    no_work: int = 0  # counts along retry_of
    transient: int = 0
    lost: int = 0
    interrupted: int = 0
    rate_limited: int = 0


@dataclass(frozen=True)
class Job:
    id: JobId
    namespace_id: NamespaceId
    assignment_id: AssignmentId
    type: str
    lane: str
    state: JobState
    waits_for: WaitsFor | None
    waits_on: str | None  # names what it waits for, where that is not plain
    run_after: int | None  # UTC milliseconds
    priority: int  # higher goes first
    harness: str | None  # None: the default of its type
    needs: str | None  # JSON: what its AI must have beside that
    locks: str | None  # JSON: globs of the paths that it may touch
    merges: str | None  # the lane that it brings into main
    context: str
    created_by: By
    decision_id: int | None  # the decision that made it
    retry_of: JobId | None
    type_seq: int  # the how-manieth of its type in its assignment, from 1
    attempts: int
    no_work: int
    transient: int
    lost: int
    interrupted: int
    rate_limited: int
    outcome: Kind | None  # of its last run
    resume_session: str | None  # the session that its next run goes on with
    answer: str | None  # the last words of its last run
    created_at: int
    closed_at: int | None
    finishes: RunId | None = None  # the run whose agent is done, and whose end failed

    @property
    def is_pm(self) -> bool:
        return self.type == PM

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED

    @property
    def has_own_lane(self) -> bool:
        """It was declared parallel, and works beside the others of its assignment."""
        return self.lane not in (MAIN_LANE, PM_LANE)

    @property
    def has_begun(self) -> bool:
        """A run of it is on, or has been: it may have changed what it may touch."""
        return self.state is JobState.RUNNING or self.outcome is not None
