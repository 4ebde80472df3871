"""Evidence: what the daemon itself saw of a run. An agent cannot write it."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ids import AssignmentId, RunId


class EvidenceKind(StrEnum):
    SETUP = "setup"  # a command of workspace.setup
    BASELINE = "baseline"  # a check at the base, before the first job
    CHECK = "check"  # a check at a run's snapshot
    DIFF = "diff"  # what a job changed
    VERDICT = "verdict"  # what a review or a uat said of a tree
    LEFT_OUT = "left_out"  # what a run has left in its workspace and no commit holds
    FAULT = "fault"  # what could not be gathered, and why


@dataclass(frozen=True)
class Evidence:
    id: int
    run_id: RunId
    assignment_id: AssignmentId
    kind: EvidenceKind
    name: str  # of the check, or the job type of a verdict
    tree: str | None  # the tree that it speaks of
    commit_id: str | None
    ok: bool
    command: str | None
    exit_code: int | None  # None: timed out, or no command
    duration_ms: int | None
    path: str | None  # whole output, or the patch
    sha256: str | None
    bytes: int | None
    tail: str  # the end of the output, the diff stat, or the findings as JSON
    created_at: int


@dataclass(frozen=True)
class NewEvidence:
    """Evidence before the store has given it an id."""

    kind: EvidenceKind
    name: str
    ok: bool
    tree: str | None = None
    commit_id: str | None = None
    command: str | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    path: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    tail: str = ""
