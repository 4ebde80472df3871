"""A person's word on an open question: an answer, yes, or no."""

from dataclasses import dataclass

from wfd.commands.ask import close_question
from wfd.commands.dependencies import is_stuck
from wfd.commands.house import MAX_REASON, HouseOf
from wfd.commands.queue import get_assignment
from wfd.commands.record import decide
from wfd.commands.scope import assignment_in, namespace_of, question_in, text_of
from wfd.commands.settle import carry_on
from wfd.domain.assignment import Assignment
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import BadInput, NotAllowed
from wfd.domain.ids import QuestionId
from wfd.domain.job import By
from wfd.domain.question import STOPPING, Asker, Question, QuestionState
from wfd.ports import Read, Tx
from wfd.rules.caps import breach, caps_of
from wfd.rules.ways import YES, options_of, why_no_yes_or_no


@dataclass(frozen=True)
class ToQuestion:
    """Which question is meant: by its own id, or as the one that an assignment has open."""

    namespace: str | None  # None: whichever it belongs to
    question: int | None = None
    assignment: int | None = None


@dataclass(frozen=True)
class AnswerQuestion(ToQuestion):
    text: str = ""


@dataclass(frozen=True)
class Approve(ToQuestion):
    reason: str | None = None


@dataclass(frozen=True)
class Reject(ToQuestion):
    reason: str = ""


def answer(tx: Tx, house_of: HouseOf, want: AnswerQuestion) -> dict[str, object]:
    """{"question": id, "answer": …, "assignment": id or None, "state": … or None}"""
    asked = meant(tx, want)
    said = _chosen(asked, text_of(want.text, "answer", MAX_REASON))
    return _carry_out(tx, house_of, asked, DecisionKind.ANSWER, said)


def approve(tx: Tx, house_of: HouseOf, want: Approve) -> dict[str, object]:
    """As `answer`, with yes."""
    asked = meant(tx, want)
    _refuse_unclear(asked, is_yes=True)
    said = YES
    if want.reason is not None:
        said = f"{YES}: {text_of(want.reason, 'reason', MAX_REASON)}"
    return _carry_out(tx, house_of, asked, DecisionKind.APPROVE, said)


def reject(tx: Tx, house_of: HouseOf, want: Reject) -> dict[str, object]:
    """As `answer`, with no and why. The PM hears it before anything else goes on."""
    asked = meant(tx, want)
    _refuse_unclear(asked, is_yes=False)
    said = f"no: {text_of(want.reason, 'reason', MAX_REASON)}"
    return _carry_out(tx, house_of, asked, DecisionKind.REJECT, said)


def meant(tx: Tx, want: ToQuestion) -> Question:
    """The open question. Raises NotFound, NotAllowed, or BadInput where it may be two."""
    if (want.question is None) == (want.assignment is None):
        raise BadInput("say which question: Q5, or the A3 that asks")
    if want.question is not None:
        asked = question_in(tx, want.namespace, QuestionId(want.question))
        if asked.state is not QuestionState.OPEN:
            said = f" ({asked.answer})" if asked.answer else ""
            raise NotAllowed(
                f"Q{asked.id} is {asked.state} already{said}; 'wfctl inbox' lists what is open"
            )
        return asked
    assert want.assignment is not None
    return _only_one_of(tx, assignment_in(tx, want.namespace, want.assignment))


def inputs_of(asked: Question, **more: object) -> dict[str, object]:
    """What a decision on a question was made on."""
    return {
        "question": {
            "id": asked.id,
            "kind": asked.kind,
            "by": asked.by,
            "text": asked.text,
            "options": options_of(asked),
        },
        **more,
    }


def answered(asked: Question, said: str | None, assignment: Assignment | None) -> dict[str, object]:
    """What a word on it has come to; without an answer it is open still."""
    return {
        "question": asked.id,
        "answer": said,
        "assignment": assignment and assignment.id,
        "state": assignment and assignment.state,
    }


def _only_one_of(read: Read, assignment: Assignment) -> Question:
    found = read.all(Question, "open_questions_of", assignment_id=assignment.id)
    if not found:
        raise NotAllowed(
            f"A{assignment.id} asks nothing: it is {assignment.state};"
            f" 'wfctl note A{assignment.id}' tells it something,"
            f" 'wfctl update-assignment A{assignment.id} --status …' moves it"
        )
    if len(found) > 1:
        names = ", ".join(f"Q{asked.id}" for asked in found)
        raise BadInput(f"A{assignment.id} asks {len(found)} questions: {names}; name one of them")
    return found[0]


def _refuse_unclear(asked: Question, *, is_yes: bool) -> None:
    why_not = why_no_yes_or_no(asked, is_yes=is_yes)
    if why_not is not None:
        raise NotAllowed(why_not)


def _chosen(asked: Question, text: str) -> str:
    """An option by its words or by its number, as the inbox shows them; else what was said."""
    options = options_of(asked)
    for option in options:
        if option.strip().casefold() == text.casefold():
            return option
    if not options or not (text.isascii() and text.isdigit()):
        return text
    if not 1 <= int(text) <= len(options):
        raise BadInput(f"Q{asked.id} has the options 1 to {len(options)}; '{text}' is none of them")
    return options[int(text) - 1]


def _carry_out(
    tx: Tx, house_of: HouseOf, asked: Question, kind: DecisionKind, said: str
) -> dict[str, object]:
    if asked.assignment_id is None:
        close_question(tx, asked, QuestionState.ANSWERED, said)
        return answered(asked, said, None)
    assignment = get_assignment(tx, asked.assignment_id)
    keeps = asked.kind in STOPPING or is_stuck(assignment)
    if keeps:
        _refuse_at_cap(tx, house_of, asked, assignment)
    close_question(tx, asked, QuestionState.ANSWERED, said)
    decision_id = decide(
        tx,
        assignment,
        By.PERSON,
        kind,
        said,
        run_id=asked.run_id,
        job_id=asked.job_id,
        inputs=inputs_of(asked, answer=said),
    )
    if keeps:
        # nobody has judged the job of an agent that asked; and a "no" is no "go on"
        is_pm_first = asked.by is Asker.AGENT or kind is DecisionKind.REJECT
        assignment = carry_on(tx, assignment, By.PERSON, decision_id, is_pm_first=is_pm_first)
    return answered(asked, said, assignment)


def _refuse_at_cap(tx: Tx, house_of: HouseOf, asked: Question, assignment: Assignment) -> None:
    house = house_of(namespace_of(tx, assignment.namespace_id))
    over = breach(assignment, caps_of(assignment, house.caps), adding=0)
    if over is not None:
        raise NotAllowed(
            f"{over}; 'wfctl override Q{asked.id} --reason …' adds the same amount again"
            " to that cap for A{assignment.id}; or raise the cap in .wfd/config.json"
        )
