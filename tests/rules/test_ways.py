"""What can be typed to a question, and where yes or no would say nothing."""

import json

import pytest

from wfd.domain.ids import AssignmentId, JobId, QuestionId
from wfd.domain.question import (
    TRUST,
    Asker,
    Forbidden,
    Question,
    QuestionKind,
    QuestionState,
    of_ai,
)
from wfd.rules.ways import ways, why_no_yes_or_no


def asked(
    kind: QuestionKind = QuestionKind.QUESTION, *options: str, subject: str | None = None
) -> Question:
    return Question(
        id=QuestionId(5),
        namespace_id=None,
        assignment_id=AssignmentId(3),
        job_id=JobId(4),
        run_id=None,
        kind=kind,
        by=Asker.PM,
        text="Which?",
        options=json.dumps(options),
        subject=subject,
        deadline=None,
        at_deadline=None,
        state=QuestionState.OPEN,
        answer=None,
        created_at=0,
        closed_at=None,
    )


def typed(one: Question) -> list[str]:
    return [command for command, _ in ways(one)]


@pytest.mark.parametrize(
    ("one", "commands"),
    [
        (asked(), ['answer Q5 "…"', "approve Q5", 'reject Q5 --reason "…"']),
        (
            asked(QuestionKind.QUESTION, "EUR", "USD"),
            ["answer Q5 1", 'reject Q5 --reason "…"'],
        ),
        (
            asked(QuestionKind.QUESTION, "Yes", "Not yet"),
            ["answer Q5 1", "approve Q5", 'reject Q5 --reason "…"'],
        ),
        (
            asked(QuestionKind.BLOCKED, subject=Forbidden.GATES),
            [
                'answer Q5 "…"', "approve Q5", 'reject Q5 --reason "…"',
                'override Q5 --reason "…"',
            ],
        ),
        (
            asked(QuestionKind.CAP, subject=Forbidden.CAP),
            [
                'override Q5 --reason "…"', "approve Q5",
                "update-assignment A3 --status complete", "update-assignment A3 --status cancelled",
            ],
        ),
        (
            asked(QuestionKind.DEPENDENCY, subject="J2"),
            ["retry J2", "depend J4 --drop J2", "cancel J4", 'answer Q5 "…"'],
        ),
        (asked(QuestionKind.BLOCKED, subject=TRUST), []),
        (
            asked(QuestionKind.BLOCKED, subject=of_ai("J5")),
            ["ai check J5", 'answer Q5 "…"', "approve Q5", 'reject Q5 --reason "…"'],
        ),
        (
            asked(QuestionKind.BLOCKED, subject="J2"),
            ["retry J2", "depend J4 --drop J2", "cancel J4", 'answer Q5 "…"'],
        ),
        (asked(QuestionKind.AI, subject="account work"), ['answer Q5 "…"']),
    ],
)  # fmt: skip
def test_what_is_offered_is_what_settles_it(one: Question, commands: list[str]) -> None:
    expected = [f"wfctl {command}" for command in commands]
    assert typed(one) == (expected or ["wfd trust"])


@pytest.mark.parametrize(
    "one",
    [asked(kind, subject="J2") for kind in QuestionKind]
    + [asked(QuestionKind.QUESTION, *options) for options in (("EUR", "USD"), ("yes", "no"))],
)
def test_what_is_offered_is_not_refused(one: Question) -> None:
    for word, is_yes in (("approve", True), ("reject", False)):
        if f"wfctl {word} Q5" in " ".join(typed(one)):
            assert why_no_yes_or_no(one, is_yes=is_yes) is None


def test_who_says_yes_to_one_of_several_is_told_what_there_is() -> None:
    why_not = why_no_yes_or_no(asked(QuestionKind.QUESTION, "EUR", "USD"), is_yes=True)
    assert why_not is not None
    assert "'yes' to Q5 does not say what to do: 'wfctl answer Q5 1'" in why_not
