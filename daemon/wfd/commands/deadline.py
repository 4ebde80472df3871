"""Questions that nobody has answered in time."""

from typing import assert_never

from wfd.commands.answer import inputs_of
from wfd.commands.ask import close_question
from wfd.commands.closing import abandon_lanes, cancel_open_jobs
from wfd.commands.house import HouseOf
from wfd.commands.queue import get_assignment, set_state
from wfd.commands.record import decide
from wfd.commands.scope import namespace_of
from wfd.commands.settle import carry_on, pause_at_cap
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.job import By
from wfd.domain.question import AtDeadline, Question, QuestionState
from wfd.ports import Tx


def expire_due(tx: Tx, house_of: HouseOf) -> list[Question]:
    """Do what was to happen at their deadline; those whose deadline it was, at most 100."""
    due = tx.all(Question, "due_questions", now=tx.now)
    for asked in due:
        assert asked.assignment_id is not None, "others have nothing to happen to"
        close_question(tx, asked, QuestionState.EXPIRED)
        _go_without(tx, house_of, asked, get_assignment(tx, asked.assignment_id))
    return due


def _go_without(tx: Tx, house_of: HouseOf, asked: Question, assignment: Assignment) -> None:
    assert asked.at_deadline is not None, "the schema demands it"
    match asked.at_deadline:
        case AtDeadline.PROCEED:
            reason = f"nobody answered Q{asked.id} in time: the PM chooses the safest next step"
            decision_id = _decide(tx, assignment, DecisionKind.ACTIVATE, reason, asked)
            moved = carry_on(tx, assignment, By.POLICY, decision_id, is_pm_first=True)
            pause_at_cap(tx, moved, house_of(namespace_of(tx, moved.namespace_id)))
        case AtDeadline.CANCEL:
            reason = f"nobody answered Q{asked.id} in time; its branch is kept"
            _decide(tx, assignment, DecisionKind.CANCEL, reason, asked)
            moved = set_state(tx, assignment, AssignmentState.CANCELLED, reason)
            cancel_open_jobs(tx, moved, reason)
            abandon_lanes(tx, moved)
        case AtDeadline.WAIT:
            raise AssertionError("one that waits is never due")
        case _:
            assert_never(asked.at_deadline)


def _decide(
    tx: Tx, assignment: Assignment, kind: DecisionKind, reason: str, asked: Question
) -> int:
    return decide(
        tx,
        assignment,
        By.POLICY,
        kind,
        reason,
        run_id=asked.run_id,
        job_id=asked.job_id,
        inputs=inputs_of(asked),
    )
