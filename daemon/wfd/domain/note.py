"""A note: what a person wants the next prompts to know."""

from dataclasses import dataclass

from wfd.domain.ids import AssignmentId


@dataclass(frozen=True)
class Note:
    id: int
    assignment_id: AssignmentId
    text: str
    created_at: int
