"""An assignment: the user's intent, its state, and what it has used up."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ids import AssignmentId, NamespaceId


class AssignmentState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"  # by a person or a cap: no new lease, running work ends
    BLOCKED = "blocked"  # a question for a person
    COMPLETE = "complete"
    CANCELLED = "cancelled"


A = AssignmentState

MOVES: dict[AssignmentState, frozenset[AssignmentState]] = {
    A.ACTIVE: frozenset({A.PAUSED, A.BLOCKED, A.COMPLETE, A.CANCELLED}),
    A.PAUSED: frozenset({A.ACTIVE, A.BLOCKED, A.COMPLETE, A.CANCELLED}),
    A.BLOCKED: frozenset({A.ACTIVE, A.PAUSED, A.COMPLETE, A.CANCELLED}),
    A.COMPLETE: frozenset({A.ACTIVE, A.PAUSED}),  # active calls a PM; paused takes jobs first
    A.CANCELLED: frozenset({A.ACTIVE, A.PAUSED}),
}


@dataclass(frozen=True)
class Assignment:
    id: AssignmentId
    namespace_id: NamespaceId
    north_star: str
    state: AssignmentState
    reason: str | None
    base_commit: str | None  # where the branch began; None until the first workspace
    base_tree: str | None
    head_commit: str | None  # the last snapshot
    head_tree: str | None
    is_set_up: bool  # workspace.setup and the baseline are done
    jobs: int  # jobs ever made; the PM's own, one after each, are not counted
    cost_usd: float | None  # sum of what was reported; None when nothing was
    unmeasured: int  # finished runs that reported no cost
    wall_ms: int  # sum of the time that runs took
    created_at: int
    closed_at: int | None
    tokens: int | None  # sum of what was reported, in and out; None when nothing was
    pm_cost_usd: float | None  # the PM's share of these, likewise
    pm_tokens: int | None
    pm_wall_ms: int
    allowance: str  # JSON: what a person has added to its caps
    resumes_at: int | None  # when its pause ends by itself
    from_commit: str | None = (
        None  # where its branch is to begin; None: at HEAD when its first job starts
    )
    from_branch: str | None = None  # the branch that its author stood on
    kept: str = "[]"  # JSON: what was kept of its workspaces when they were removed
    lane: str = "main"  # whose branch, base and head these are, as domain/lane.py has it

    @property
    def place(self) -> str:
        """The name of the workspace, and of all that belongs to it."""
        return f"A{self.id}" if self.lane == "main" else f"A{self.id}-{self.lane}"

    @property
    def branch(self) -> str:
        return f"wfd/{self.place}"

    @property
    def is_closed(self) -> bool:
        return self.state in (AssignmentState.COMPLETE, AssignmentState.CANCELLED)
