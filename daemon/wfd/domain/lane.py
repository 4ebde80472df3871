"""A lane: where a job that was declared parallel works, beside the others of its assignment.

It has a workspace and a branch of its own, which begin at the assignment's head and are merged
into it by the daemon. The lanes `main` and `pm` have no row: they are the assignment itself.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from wfd.domain.assignment import Assignment
from wfd.domain.ids import AssignmentId


class LaneState(StrEnum):
    OPEN = "open"
    MERGED = "merged"  # what was done in it is in the assignment's branch
    ABANDONED = "abandoned"  # it stays on its own branch


@dataclass(frozen=True)
class Lane:
    assignment_id: AssignmentId
    name: str
    state: LaneState
    base_commit: str | None  # the assignment's head as it was; None until its first run
    base_tree: str | None
    head_commit: str | None  # the last snapshot
    head_tree: str | None
    is_set_up: bool

    def view(self, assignment: Assignment) -> Assignment:
        """The assignment as this lane sees it: with its own branch, base and head."""
        return replace(
            assignment,
            lane=self.name,
            base_commit=self.base_commit,
            base_tree=self.base_tree,
            head_commit=self.head_commit,
            head_tree=self.head_tree,
            is_set_up=self.is_set_up,
        )

    @property
    def has_changed(self) -> bool:
        return self.head_tree != self.base_tree
