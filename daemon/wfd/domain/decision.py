"""A decision: every choice that changed the course, who made it, and on what."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ids import AssignmentId, JobId, RunId
from wfd.domain.job import By


class DecisionKind(StrEnum):
    INSERT_JOB = "insert_job"
    RETRY = "retry"
    PROCEED = "proceed"  # what is in line already goes next
    COMPLETE = "complete"
    BLOCK = "block"
    PAUSE = "pause"
    ACTIVATE = "activate"
    CANCEL = "cancel"
    FAILOVER = "failover"  # another AI goes on with a job
    REFUSE = "refuse"  # what the PM decided was against a gate, a cap or the schema
    ANSWER = "answer"  # to a question
    APPROVE = "approve"
    REJECT = "reject"
    OVERRIDE = "override"  # on past a cap or a loop


@dataclass(frozen=True)
class Decision:
    id: int
    assignment_id: AssignmentId
    run_id: RunId | None  # the run that made it, or that it is about
    job_id: JobId | None
    by: By
    kind: DecisionKind
    reason: str
    inputs: str  # JSON: what it was decided on
    is_override: bool  # a person went past a gate, a cap or a loop
    created_at: int
