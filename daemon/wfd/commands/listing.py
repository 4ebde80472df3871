"""The lists: what is open, assignments, jobs. Imports little, because they are asked for often."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfd.domain.assignment import AssignmentState
from wfd.domain.ids import AssignmentId, JobId, NamespaceId, QuestionId, RunId
from wfd.domain.job import By, JobState, WaitsFor
from wfd.domain.namespace import Namespace
from wfd.domain.outcome import Kind

if TYPE_CHECKING:
    from wfd.domain.assignment import Assignment
    from wfd.ports import Read


@dataclass(frozen=True)
class QueuedJob:
    id: JobId
    namespace_id: NamespaceId
    namespace: str
    assignment_id: AssignmentId
    type: str
    lane: str
    state: JobState
    waits_for: WaitsFor | None
    waits_on: str | None
    run_after: int | None
    priority: int
    harness: str | None
    locks: str | None  # JSON
    outcome: Kind | None  # of its last run, when it waits for another
    created_by: By
    created_at: int
    assignment_state: AssignmentState
    assignment_reason: str | None
    assignment_resumes_at: int | None  # when its pause ends by itself
    run_id: RunId | None
    run_started_at: int | None
    run_harness: str | None
    run_ai: str | None
    run_activity: str | None  # as in its run
    run_activity_since: int | None
    run_by_hand: str | None  # who works on it, if no agent of the daemon's
    question_id: QuestionId | None  # that its assignment waits for


@dataclass(frozen=True)
class LockedJob:
    """A job that has paths, or waits for some."""

    id: JobId
    namespace: str
    assignment_id: AssignmentId
    type: str
    lane: str
    state: JobState
    waits_for: WaitsFor | None
    waits_on: str | None
    locks: str | None  # JSON
    merges: str | None
    created_at: int


@dataclass(frozen=True)
class ListedJob:
    id: JobId
    namespace: str
    assignment_id: AssignmentId
    type: str
    lane: str
    state: JobState
    waits_for: WaitsFor | None
    run_after: int | None
    priority: int
    harness: str | None
    attempts: int
    outcome: Kind | None
    created_by: By
    created_at: int
    closed_at: int | None


@dataclass(frozen=True)
class ListedAssignment:
    id: AssignmentId
    namespace: str
    north_star: str
    state: AssignmentState
    reason: str | None
    jobs: int
    open_jobs: int
    cost_usd: float | None
    unmeasured: int
    wall_ms: int
    tokens: int | None
    pm_cost_usd: float | None
    pm_tokens: int | None
    pm_wall_ms: int
    created_at: int
    closed_at: int | None


def queue(read: "Read", namespace: Namespace | None, limit: int) -> list[QueuedJob]:
    """All that is open: running, then ready in the order of taking, then waiting."""
    namespace_id = namespace.id if namespace else None
    running = read.all(QueuedJob, "queue_running", namespace_id=namespace_id, limit=limit)
    ready = [
        job
        for one in ([namespace] if namespace else read.all(Namespace, "namespaces"))
        for job in read.all(QueuedJob, "queue_ready", namespace_id=one.id, limit=limit)
    ]
    ready.sort(key=lambda job: (-job.priority, job.id))
    waiting = read.all(QueuedJob, "queue_waiting", namespace_id=namespace_id, limit=limit)
    waiting.sort(key=lambda job: (job.waits_for is WaitsFor.LANE, -job.priority, job.id))
    return (running + ready + waiting)[:limit]


def open_questions(read: "Read", namespace: Namespace | None) -> int:
    namespace_id = namespace.id if namespace else None
    return read.one(int, "count_open_questions", namespace_id=namespace_id) or 0


def locks(read: "Read", namespace: Namespace | None, limit: int) -> list[LockedJob]:
    """Who has paths, and then who waits for them."""
    namespace_id = namespace.id if namespace else None
    return read.all(LockedJob, "locks_in", namespace_id=namespace_id, limit=limit)


def assignments(
    read: "Read", namespace: Namespace | None, state: AssignmentState | None, limit: int
) -> list[ListedAssignment]:
    """The newest first."""
    return read.all(
        ListedAssignment,
        "assignments_in",
        namespace_id=namespace.id if namespace else None,
        state=state,
        limit=limit,
    )


def jobs(
    read: "Read",
    namespace: Namespace | None,
    assignment: "Assignment | None",
    state: JobState | None,
    job_type: str | None,
    limit: int,
) -> list[ListedJob]:
    """The newest first."""
    if assignment is not None:
        return read.all(
            ListedJob,
            "jobs_listed_of",
            assignment_id=assignment.id,
            state=state,
            type=job_type,
            limit=limit,
        )
    return read.all(
        ListedJob,
        "jobs_in",
        namespace_id=namespace.id if namespace else None,
        state=state,
        type=job_type,
        limit=limit,
    )
