"""Ask a person: one open question for what stands still, in the transaction that stops it."""

import json
from dataclasses import dataclass

from wfd.commands.record import event_of_question
from wfd.domain.assignment import Assignment
from wfd.domain.errors import NotAllowed
from wfd.domain.ids import JobId, QuestionId, RunId
from wfd.domain.question import (
    FOR_EVER,
    STOPPING,
    Asker,
    AtDeadline,
    Patience,
    Question,
    QuestionKind,
    QuestionState,
)
from wfd.ports import Tx

MAX_QUESTION = 20_000  # characters; those who ask are bounded more tightly where they can be


@dataclass(frozen=True)
class NewQuestion:
    kind: QuestionKind
    by: Asker
    text: str
    options: tuple[str, ...] = ()
    subject: str | None = None  # what is forbidden (domain.question.Forbidden), or an AI's name
    job_id: JobId | None = None
    run_id: RunId | None = None


def ask(
    tx: Tx, assignment: Assignment | None, new: NewQuestion, patience: Patience = FOR_EVER
) -> QuestionId:
    """Put a question into the inbox; the one that it takes the place of is withdrawn.

    One is open for each assignment that stands still, and for each of its jobs that asked by
    itself; for each job that waits for a decision, and for each AI. `assignment` is None for what
    concerns all of them.
    """
    for before in _in_its_place(tx, assignment, new):
        close_question(tx, before, QuestionState.WITHDRAWN)
    deadline, at_deadline = _deadline(tx, assignment, new.kind, patience)
    question_id = QuestionId(
        tx.insert(
            "add_question",
            now=tx.now,
            namespace_id=assignment and assignment.namespace_id,
            assignment_id=assignment and assignment.id,
            **{
                **vars(new),
                "text": new.text[:MAX_QUESTION],
                "options": json.dumps(new.options),
            },
            deadline=deadline,
            at_deadline=at_deadline,
        )
    )
    event_of_question(tx, "question.asked", question(tx, question_id))
    return question_id


def question(tx: Tx, question_id: QuestionId) -> Question:
    found = tx.one(Question, "question_by_id", id=question_id)
    assert found is not None, "it was there just now"
    return found


def close_question(
    tx: Tx, asked: Question, state: QuestionState, answer: str | None = None
) -> None:
    if not tx.run("close_question", id=asked.id, state=state, answer=answer, now=tx.now):
        raise NotAllowed(f"Q{asked.id} is not open any more; 'wfctl inbox --closed' shows it")
    event_of_question(tx, f"question.{state}", question(tx, asked.id))


def settle_questions(
    tx: Tx, assignment: Assignment, said: str | None, *, is_over: bool = False
) -> None:
    """Close what kept the assignment, because it goes on; if it is over, all that is open.

    What a person has said to it counts as the answer.
    """
    is_answered = said is not None and not is_over
    state = QuestionState.ANSWERED if is_answered else QuestionState.WITHDRAWN
    for asked in tx.all(Question, "open_questions_of", assignment_id=assignment.id):
        if is_over or asked.kind in STOPPING:
            close_question(tx, asked, state, said)


def withdraw_questions_on(tx: Tx, assignment: Assignment, job_id: JobId) -> None:
    """Take back what was asked about one job, which is settled now."""
    for asked in tx.all(Question, "open_questions_of", assignment_id=assignment.id):
        if asked.kind not in STOPPING and asked.job_id == job_id:
            close_question(tx, asked, QuestionState.WITHDRAWN)


def _in_its_place(tx: Tx, assignment: Assignment | None, new: NewQuestion) -> list[Question]:
    if assignment is None:
        return tx.all(Question, "open_questions_about", kind=new.kind, subject=new.subject)
    earlier = tx.all(Question, "open_questions_of", assignment_id=assignment.id)
    if new.kind in STOPPING:
        return [a for a in earlier if a.kind in STOPPING and _is_made_moot(a, new)]
    return [a for a in earlier if (a.kind, a.job_id) == (new.kind, new.job_id)]


def _is_made_moot(before: Question, new: NewQuestion) -> bool:
    """What stood still stands still for another reason now; what somebody asked is still asked.

    Two jobs that run side by side may both ask.
    """
    return before.by is Asker.POLICY or before.job_id == new.job_id


def _deadline(
    tx: Tx, assignment: Assignment | None, kind: QuestionKind, patience: Patience
) -> tuple[int | None, AtDeadline | None]:
    if patience.deadline_ms is None:
        return None, None
    return tx.now + patience.deadline_ms, _at_deadline(tx, assignment, kind, patience.at_deadline)


def _at_deadline(
    tx: Tx, assignment: Assignment | None, kind: QuestionKind, wanted: AtDeadline
) -> AtDeadline:
    """What can happen without a person, of what is wanted."""
    if assignment is None or kind not in STOPPING:
        return AtDeadline.WAIT
    if wanted is not AtDeadline.PROCEED:
        return wanted
    if kind in (QuestionKind.BLOCKED, QuestionKind.CAP):
        return AtDeadline.WAIT  # a PM logs nobody in, and raises no cap
    last = tx.one(Question, "last_question_of", assignment_id=assignment.id)
    if last is not None and last.state is QuestionState.EXPIRED:
        return AtDeadline.WAIT  # or a PM that asks and asks would go on like that for ever
    return wanted
