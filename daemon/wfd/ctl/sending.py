"""A command to the daemon from here, and how its answer is told."""

import os
from collections.abc import Mapping

import click

from wfd.adapters.place import place
from wfd.ctl.scene import namespace_name
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import is_terminal, print_document

_LETTERS = {"assignment": "A", "job": "J", "question": "Q"}


def send_command(command: str, namespace: str | None, **values: object) -> dict[str, object]:
    """One that is of a namespace: the named one, that of the id in `values`, or of this folder.

    The answer names it. Raises NotAllowed inside an agent's run.
    """
    refuse_in_a_run(os.environ)
    shown = next((f"{_LETTERS[key]}{values[key]}" for key in _LETTERS if key in values), None)
    name = namespace_name(namespace, shown)
    return {"namespace": name, **send_plain(command, namespace=name, **values)}


def send_plain(command: str, **values: object) -> dict[str, object]:
    """One that is of no namespace."""
    from wfd.send import send  # late: a slip in the call needs no socket

    return send(place(), command, values)


def tell(
    answer: dict[str, object], plain: str, told: str, next_step: str, *, as_json: bool
) -> None:
    """The answer for a program, or what happened and what to do next for a person."""
    if as_json:
        print_document(answer)
    elif is_terminal():
        click.echo(f"{told}\n  {next_step}")
    else:
        click.echo(plain)


def unmerged_words(answer: dict[str, object]) -> str:
    """What an assignment that is complete has left on the branches of its lanes."""
    left = answer.get("unmerged")
    if not isinstance(left, list) or not left:
        return ""
    return f"; not merged, and kept on the branches of their lanes: {', '.join(map(str, left))}"


def goes_on_words(answer: Mapping[str, object]) -> str:
    """Which assignments it has set going again."""
    found = answer.get("goes_on")
    return "".join(f"\\n  A{one} continues" for one in found) if isinstance(found, list) else ""
