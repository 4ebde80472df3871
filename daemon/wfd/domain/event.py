"""An event: append-only, written in the same transaction as the change that it tells."""

from dataclasses import dataclass

from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId


@dataclass(frozen=True)
class Event:
    seq: int  # total order within a store
    at: int  # UTC milliseconds
    kind: str  # noun.past_verb
    namespace_id: NamespaceId | None
    assignment_id: AssignmentId | None
    job_id: JobId | None
    run_id: RunId | None
    data: str  # JSON
