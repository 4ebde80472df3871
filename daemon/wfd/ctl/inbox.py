"""wfctl's inbox, and a person's words on what lies in it."""

from collections.abc import Iterator

import click

from wfd.commands.inbox import elsewhere, questions
from wfd.ctl.scene import (
    json_option,
    list_options,
    namespace_option,
    tell_cut,
    watch_option,
    wide_scene,
)
from wfd.ctl.sending import send_command, tell, unmerged_words
from wfd.domain import ids
from wfd.domain.errors import BadInput
from wfd.edge.editor import given_or_written
from wfd.edge.inbox_page import (
    NOTHING_WAITS,
    NOTHING_WAITS_HERE,
    elsewhere_words,
    inbox_document,
    inbox_page,
    print_inbox_columns,
)
from wfd.edge.page import print_page
from wfd.edge.shell import is_terminal, print_document, text_or_stdin
from wfd.edge.watch import draw_or_watch
from wfd.edge.words import one_line, tame
from wfd.rules.ways import options_of

_MANY = 1000  # open questions


@click.command()
@click.option(
    "--closed", "is_closed", is_flag=True, help="Show answered and closed ones, the newest first."
)
@list_options
@watch_option
def inbox(
    is_closed: bool,
    namespace: str | None,
    is_all: bool,
    limit: int,
    as_json: bool,
    watch_s: float | None,
) -> None:
    """List what waits for a person: questions, approvals, caps, and what is stuck.

    Shows the questions of this repository, and counts those of others.

    Columns: question, assignment, namespace, kind, by, state, deadline, what happens then, made,
    text, answer.
    """

    def draw() -> None:
        with wide_scene(namespace, is_all) as (read, here, now):
            found = questions(read, here, limit, is_closed=is_closed)
            others = [] if is_closed else elsewhere(read, here)
        if as_json:
            print_document(inbox_document(found))
        elif not is_terminal():
            print_inbox_columns(found)
        elif found:
            print_page(inbox_page(found, now, is_all=is_all))
            tell_cut(len(found), limit)
        elif others:
            click.echo(NOTHING_WAITS_HERE)
        else:
            click.echo(NOTHING_WAITS)
        if others and not as_json:  # stdout is the list alone, where a program reads it
            click.secho(elsewhere_words(others), fg="yellow", err=not is_terminal())

    draw_or_watch(draw, watch_s)


def _question_or_assignment(text: str) -> dict[str, int]:
    """Q5, or A3 for the one question that it has open: here the letter tells which."""
    match text[:1].upper():
        case "Q":
            return {"question": ids.question_id(text)}
        case "A":
            return {"assignment": ids.assignment_id(text)}
        case _:
            raise BadInput(f"'{text}' may be a question or an assignment; say Q5 or A3")


_asked = click.argument("asked", metavar="QUESTION|ASSIGNMENT", type=_question_or_assignment)


@click.command()
@_asked
@click.argument("text", metavar="[TEXT|-]", required=False)
@namespace_option
@json_option
def answer(asked: dict[str, int], text: str | None, namespace: str | None, as_json: bool) -> None:
    """Answer a question of the inbox: an option's number or words, or words of your own.

    The assignment continues, and all its later prompts contain the answer. Without TEXT your editor
    opens for it, with the question.
    """
    said = given_or_written(text, "the answer", *_asked_words(namespace, asked, text))
    done = send_command("answer", namespace, **asked, text=said)
    _tell(done, as_json=as_json)


def _asked_words(namespace: str | None, asked: dict[str, int], text: str | None) -> Iterator[str]:
    """What is asked, for whoever writes the answer."""
    if text is not None:
        return
    with wide_scene(namespace, is_all=namespace is None) as (read, here, _):
        found = questions(read, here, _MANY, is_closed=False)
    for one in found:
        if one.id == asked.get("question") or one.assignment_id == asked.get("assignment"):
            yield f"Q{one.id} asks: {tame(one.text)}"
            yield from (f"{at}. {tame(said)}" for at, said in enumerate(options_of(one), 1))


@click.command()
@_asked
@click.option("--reason", metavar="TEXT|-", help="A comment for the PM.")
@namespace_option
@json_option
def approve(
    asked: dict[str, int], reason: str | None, namespace: str | None, as_json: bool
) -> None:
    """Answer a question of the inbox with yes."""
    said = None if reason is None else text_or_stdin(reason)
    done = send_command("approve", namespace, **asked, reason=said)
    _tell(done, as_json=as_json)


@click.command()
@_asked
@click.option("--reason", metavar="TEXT|-", required=True, help="Why; the PM sees it.")
@namespace_option
@json_option
def reject(asked: dict[str, int], reason: str, namespace: str | None, as_json: bool) -> None:
    """Answer a question of the inbox with no. The PM learns why before anything else runs."""
    done = send_command("reject", namespace, **asked, reason=text_or_stdin(reason))
    _tell(done, as_json=as_json)


@click.command()
@_asked
@click.option("--reason", metavar="TEXT|-", required=True, help="Why; it is recorded.")
@namespace_option
@json_option
def override(asked: dict[str, int], reason: str, namespace: str | None, as_json: bool) -> None:
    """Override the gate, cap or loop limit that an open question is about. It is recorded.

    Overriding gates completes the assignment. Overriding a cap adds the same amount again, for
    this assignment alone.
    """
    done = send_command("override", namespace, **asked, reason=text_or_stdin(reason))
    _tell(done, as_json=as_json)


def _tell(done: dict[str, object], *, as_json: bool) -> None:
    shown = f"Q{done['question']}"
    told = f"{shown} is settled: {one_line(str(done['answer']))}"
    if done["answer"] is None:
        told = f"{shown} can be answered now: wfctl inbox"
    if done["assignment"] is None:
        tell(done, shown, told, "wfctl inbox", as_json=as_json)
        return
    of = f"A{done['assignment']}"
    plain = f"{shown}\t{of}\t{done['state']}"
    stands = f"{of} is {done['state']}{unmerged_words(done)}"
    tell(done, plain, f"{told}\n{stands}", f"wfctl assignment {of}", as_json=as_json)
