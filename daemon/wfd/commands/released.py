"""Questions that are answered by what has happened, and not by a word on them."""

from collections.abc import Callable

from wfd.commands.answer import inputs_of
from wfd.commands.ask import close_question
from wfd.commands.queue import get_assignment
from wfd.commands.record import decide
from wfd.commands.settle import carry_on
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.ids import NamespaceId
from wfd.domain.job import By
from wfd.domain.question import Question, QuestionState
from wfd.ports import Tx


def release(
    tx: Tx,
    subject: str,
    said: str,
    by: By,
    namespace_id: NamespaceId | None = None,
    may_go: Callable[[Question], bool] = lambda asked: True,
) -> list[Assignment]:
    """Answer all that wait for this, of one namespace or of all; their assignments as they are.

    One that something else keeps, too, stays where it is.
    """
    values = {"subject": subject, "namespace_id": namespace_id}
    waiting = tx.all(Question, "open_questions_on", **values)
    return [_let_go(tx, one, said, by) for one in waiting if may_go(one)]


def _let_go(tx: Tx, asked: Question, said: str, by: By) -> Assignment:
    assert asked.assignment_id is not None, "these are asked by an assignment"
    assignment = get_assignment(tx, asked.assignment_id)
    close_question(tx, asked, QuestionState.ANSWERED, said)
    decision_id = decide(
        tx,
        assignment,
        by,
        DecisionKind.ANSWER,
        said,
        run_id=asked.run_id,
        job_id=asked.job_id,
        inputs=inputs_of(asked, answer=said),
    )
    if assignment.state is not AssignmentState.BLOCKED:  # a person has paused it since
        return assignment
    return carry_on(tx, assignment, by, decision_id, is_pm_first=False)
