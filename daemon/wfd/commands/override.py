"""Go past what an open question says is forbidden. It is recorded as what it is."""

import json
from dataclasses import dataclass, replace

from wfd.commands.answer import ToQuestion, answered, inputs_of, meant
from wfd.commands.ask import close_question
from wfd.commands.house import MAX_REASON, House, HouseOf
from wfd.commands.queue import get_assignment
from wfd.commands.record import decide
from wfd.commands.scope import namespace_of, text_of
from wfd.commands.settle import carry_on
from wfd.commands.update_assignment import UpdateAssignment, update_assignment
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import NotAllowed
from wfd.domain.job import By
from wfd.domain.question import Forbidden, Question, QuestionState
from wfd.ports import Tx
from wfd.rules.caps import breach, cap_reached, caps_of
from wfd.rules.policy import Caps
from wfd.rules.ways import ways

MAX_TIMES = 1000  # how often a cap is given again by one word


@dataclass(frozen=True)
class Override(ToQuestion):
    reason: str = ""


def override(tx: Tx, house_of: HouseOf, want: Override) -> dict[str, object]:
    """As `answer`, and "unmerged": jobs whose work is left on the branches of their lanes.

    A cap that stands in the way of another question is lifted, and that is still to be answered.
    Raises NotAllowed where nothing is forbidden, with what is possible.
    """
    asked = meant(tx, want)
    reason = text_of(want.reason, "reason", MAX_REASON)
    if asked.assignment_id is None:
        raise NotAllowed(_nothing_to_pass(asked))
    assignment = get_assignment(tx, asked.assignment_id)
    house = house_of(namespace_of(tx, assignment.namespace_id))
    forbidden = _forbidden(asked, assignment, house)
    if forbidden is None:
        raise NotAllowed(_nothing_to_pass(asked))
    said = f"override: {reason}"
    is_answered = forbidden is not Forbidden.CAP or asked.subject == Forbidden.CAP
    if is_answered:
        close_question(tx, asked, QuestionState.ANSWERED, said)
    if forbidden is Forbidden.GATES:
        done = UpdateAssignment(
            want.namespace, assignment.id, AssignmentState.COMPLETE, reason, force=True
        )
        unmerged = update_assignment(tx, house_of, done)["unmerged"]
        told = answered(asked, said, get_assignment(tx, assignment.id))
        return {**told, "unmerged": unmerged}
    inputs = inputs_of(asked, forbidden=forbidden)
    if forbidden is Forbidden.CAP:
        inputs["allowance"] = allowance = _more(assignment, house.caps)
        tx.run("set_allowance", id=assignment.id, allowance=json.dumps(allowance))
    decision_id = decide(
        tx,
        assignment,
        By.PERSON,
        DecisionKind.OVERRIDE,
        reason,
        run_id=asked.run_id,
        job_id=asked.job_id,
        inputs=inputs,
        is_override=True,
    )
    if not is_answered:
        return answered(asked, None, assignment)
    moved = carry_on(tx, assignment, By.PERSON, decision_id, is_pm_first=False)
    return answered(asked, said, moved)


def _forbidden(asked: Question, assignment: Assignment, house: House) -> Forbidden | None:
    """A cap that is reached stands in the way of all else, whatever was asked."""
    own = caps_of(assignment, house.caps)
    if breach(assignment, own, adding=0) is not None:
        return Forbidden.CAP
    if asked.subject == Forbidden.CAP and breach(assignment, own) is None:
        return None  # it was raised meanwhile
    return Forbidden(asked.subject) if asked.subject in set(Forbidden) else None


def _more(assignment: Assignment, caps: Caps) -> dict[str, float]:
    """The allowance with each cap that is reached given once more, or as often as makes room."""
    given: dict[str, float] = json.loads(assignment.allowance)
    for _ in range(MAX_TIMES):
        raised = replace(assignment, allowance=json.dumps(given))
        own = caps_of(raised, caps)
        over = breach(raised, own)
        if over is None:
            return given
        name = cap_reached(raised, own)
        if name is None:
            break
        given[name] = given.get(name, 0) + getattr(caps, name)
    raise NotAllowed(f"{over}; A{assignment.id} is too far beyond it: raise it, or complete it")


def _nothing_to_pass(asked: Question) -> str:
    typed = "; ".join(f"'{command}' {does}" for command, does in ways(asked))
    return f"Q{asked.id} has nothing to override: {typed}"
