"""The inbox: what waits for a person, whole enough to decide on, with the commands to type."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import assert_never

from wfd.commands.inbox import Elsewhere, ListedQuestion
from wfd.domain.question import (
    Asker,
    AtDeadline,
    Question,
    QuestionKind,
    QuestionState,
)
from wfd.edge.page import Blank, PageLine, fact, line, passage, title
from wfd.edge.table import Cell, Column, cell, print_table
from wfd.edge.words import ago, iso, one_line, tame
from wfd.rules.ways import options_of, ways

NOTHING_WAITS = (
    "nothing waits for you.\n  wfctl inbox --closed   shows closed questions\n"
    "  wfctl queue            what is open"
)
NOTHING_WAITS_HERE = "nothing waits for you in this repository"
MAX_NAMES = 5  # of other namespaces, in one line
COLOURS = {
    QuestionState.OPEN: "yellow",
    QuestionState.ANSWERED: "green",
    QuestionState.EXPIRED: "red",
    QuestionState.WITHDRAWN: "bright_black",
}


def inbox_page(asked: Sequence[ListedQuestion], now: int, *, is_all: bool) -> Iterator[PageLine]:
    for number, one in enumerate(asked):
        if number:
            yield Blank()
        yield from _question_lines(one, now, is_all=is_all)


def print_inbox_columns(asked: Sequence[ListedQuestion]) -> None:
    """For a program: one line each."""
    names = (
        "QUESTION", "ASSIGNMENT", "NAMESPACE", "KIND", "BY", "STATE", "DEADLINE", "THEN", "MADE",
        "TEXT", "ANSWER",
    )  # fmt: skip
    print_table([Column(name) for name in names], [_row(one) for one in asked], empty="")


def inbox_document(asked: Sequence[ListedQuestion]) -> list[dict[str, object]]:
    """Each question with "ways": what can be typed while it is open, and what that does."""
    return [
        {
            **dataclasses.asdict(one),
            "ways": [
                {"command": command, "does": does}
                for command, does in (ways(one) if one.state is QuestionState.OPEN else ())
            ],
        }
        for one in asked
    ]


def elsewhere_words(found: Sequence[Elsewhere]) -> str:
    """ "3 more in 'shop', 'web': wfctl inbox --all"."""
    total = sum(one.open_questions for one in found)
    names = ", ".join(f"'{one.namespace}'" for one in found[:MAX_NAMES])
    more = f" and {len(found) - MAX_NAMES} others" if len(found) > MAX_NAMES else ""
    return f"{total} more in {tame(names)}{more}: wfctl inbox --all"


def in_brief(asked: Question) -> str:
    """'Q5 by the PM: Which currency?'"""
    return f"Q{asked.id} by {_BY[asked.by]}: {one_line(asked.text)}"


_BY = {Asker.PM: "the PM", Asker.POLICY: "the daemon", Asker.AGENT: "an agent"}


def _question_lines(one: ListedQuestion, now: int, *, is_all: bool) -> Iterator[PageLine]:
    yield title(
        "question",
        f"Q{one.id}",
        cell("" if one.assignment_id is None else f"A{one.assignment_id}"),
        Cell(one.state, one.state, COLOURS[one.state]),
        f"{one.kind} by {_asker(one)}",
        cell(ago(one.created_at, now), iso(one.created_at)),
        one.namespace if is_all else None,
    )
    if one.north_star is not None:
        yield fact("of", one_line(one.north_star, 100))
    yield from passage("asks", one.text)
    for number, option in enumerate(options_of(one), start=1):
        yield line("option", str(number), option, depth=3)
    if one.deadline is not None:
        yield fact("deadline", cell(ago(one.deadline, now), iso(one.deadline)), _then(one))
    if one.answer is not None:
        yield from passage("answer", one.answer)
    if one.state is QuestionState.OPEN:
        yield from _ways(one)


def _ways(one: ListedQuestion) -> Iterator[PageLine]:
    typed = [*ways(one)]
    if one.assignment_id is not None:
        typed.append((f"wfctl assignment A{one.assignment_id}", "shows everything that led here"))
    width = max(len(command) for command, _ in typed)
    for command, does in typed:
        yield line("way", Cell(f"{command:<{width}}", command), does, depth=1)


def _asker(one: ListedQuestion) -> str:
    """As exactly as is known: which job, for an agent."""
    if one.by is Asker.AGENT and one.job_id is not None:
        return f"J{one.job_id} ({one.job_type})"
    about = f", about J{one.job_id}" if one.kind is QuestionKind.DEPENDENCY else ""
    return _BY[one.by] + about


def _then(one: ListedQuestion) -> str:
    match one.at_deadline:
        case None:
            return ""
        case AtDeadline.WAIT:
            return "nothing happens then: it keeps waiting for you"
        case AtDeadline.PROCEED:
            return "then the PM chooses the safest next step by itself"
        case AtDeadline.CANCEL:
            return "then the assignment is cancelled; its branch is kept"
        case _:
            assert_never(one.at_deadline)


def _row(one: ListedQuestion) -> list[Cell]:
    return [
        cell(f"Q{one.id}"),
        cell("" if one.assignment_id is None else f"A{one.assignment_id}"),
        cell(one.namespace),
        cell(one.kind),
        cell(one.by),
        cell(one.state),
        cell("" if one.deadline is None else iso(one.deadline)),
        cell(one.at_deadline),
        cell(iso(one.created_at)),
        cell(one.text),
        cell(one.answer),
    ]
