"""What every wfctl command begins with: the place, the store, the namespace, common options."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wfd.adapters.place import Place, place
from wfd.domain import ids
from wfd.domain.errors import BadInput
from wfd.domain.namespace import Namespace
from wfd.edge.here import namespace_here
from wfd.edge.shell import is_terminal
from wfd.store.alone import reading, utc_ms

if TYPE_CHECKING:
    from wfd.ports import Read

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Scene:
    place: Place
    read: "Read"
    namespace: Namespace
    now: int


@contextmanager
def look(where: Place) -> Iterator["Read"]:
    """One consistent look into the store. Raises DamagedStore for one that is gone."""
    where.refuse_lost_store()
    with reading(where.store_path) as read:
        yield read


@contextmanager
def scene(named: str | None) -> Iterator[Scene]:
    """The same, from the namespace that the caller means."""
    where = place()
    with look(where) as read:
        namespace = namespace_here(read, named, os.environ, Path.cwd())
        yield Scene(where, read, namespace, utc_ms())


@contextmanager
def wide_scene(named: str | None, is_all: bool) -> Iterator[tuple["Read", Namespace | None, int]]:
    """The same for a list, whose namespace is None when it is to show all of them."""
    if is_all and named is not None:
        raise BadInput("--all and --namespace exclude each other")
    with look(place()) as read:
        here = None if is_all else namespace_here(read, named, os.environ, Path.cwd())
        yield read, here, utc_ms()


def namespace_name(named: str | None) -> str:
    """The name alone, for a command that writes."""
    with scene(named) as here:
        return here.namespace.name


def either_id(text: str) -> tuple[str, int]:
    """("A", 7) or ("J", 42): here the letter tells which, so it must be there."""
    match text[:1].upper():
        case "A":
            return "A", ids.assignment_id(text)
        case "J":
            return "J", ids.job_id(text)
        case _:
            raise BadInput(f"'{text}' may be an assignment or a job; say A7 or J42")


def job_or_assignment(text: str) -> tuple[str, int]:
    """("J", 42) for J42 and 42, ("A", 7) for A7. Raises BadInput, which names the right command."""
    letter = text[:1].upper()
    way_out = {
        "R": "is a run, and a run ends with its job; 'wfctl jobs' lists those: wfctl cancel J42",
        "Q": f'is a question: wfctl reject {text.upper()} --reason "…"',
    }.get(letter)
    if way_out is not None and text[1:].isdigit():
        raise BadInput(f"'{text}' {way_out}")
    return ("A", ids.assignment_id(text)) if letter == "A" else ("J", ids.job_id(text))


def namespace_option(command: Command) -> Command:
    option = click.option(
        "--namespace", metavar="NAME", help="Instead of the one that this folder belongs to."
    )
    return option(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


def list_options(command: Command) -> Command:
    """--namespace, --all, --limit and --json."""
    command = json_option(command)
    command = click.option(
        "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
    )(command)
    command = click.option("--all", "is_all", is_flag=True, help="Of all namespaces.")(command)
    return namespace_option(command)


def watch_option(command: Command) -> Command:
    return click.option(
        "--watch",
        "watch_s",
        type=click.FloatRange(0.1),
        metavar="SECONDS",
        help="Show it again every so often.",
    )(command)


def tell_daemon_is_down() -> None:
    if not is_terminal():
        return
    from wfd.adapters.lock import holder

    if holder(place()) is None:
        click.secho("the daemon is not running, so nothing moves: wfd start", fg="yellow")


def tell_cut(shown: int, limit: int) -> None:
    if shown == limit and is_terminal():
        click.secho(f"the first {limit}; --limit shows more", dim=True)
