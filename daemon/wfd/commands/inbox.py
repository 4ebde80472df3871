"""What waits for a person, as a list."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfd.domain.assignment import AssignmentState
from wfd.domain.namespace import Namespace
from wfd.domain.question import Question

if TYPE_CHECKING:
    from wfd.ports import Read


@dataclass(frozen=True)
class ListedQuestion(Question):
    namespace: str | None
    assignment_state: AssignmentState | None
    north_star: str | None
    job_type: str | None


@dataclass(frozen=True)
class Elsewhere:
    namespace: str
    open_questions: int


def questions(
    read: "Read", namespace: Namespace | None, limit: int, *, is_closed: bool
) -> list[ListedQuestion]:
    """What is open, the oldest first; or what is over, the newest first."""
    namespace_id = namespace.id if namespace else None
    if is_closed:
        return read.all(ListedQuestion, "closed_questions", namespace_id=namespace_id, limit=limit)
    return read.all(ListedQuestion, "inbox", namespace_id=namespace_id, limit=limit)


def elsewhere(read: "Read", namespace: Namespace | None) -> list[Elsewhere]:
    """What is open in other namespaces, if a list shows one of them alone."""
    if namespace is None:
        return []
    return read.all(Elsewhere, "questions_elsewhere", namespace_id=namespace.id)
