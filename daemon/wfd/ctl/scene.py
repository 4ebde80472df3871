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
from wfd.domain.errors import BadInput, NotFound
from wfd.domain.namespace import Namespace
from wfd.edge.here import namespace_here, workspace_around
from wfd.edge.shell import is_terminal
from wfd.edge.words import tame
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
        yield Scene(where, read, _here(read, where, named), utc_ms())


@contextmanager
def scene_of(named: str | None, shown: str) -> Iterator[Scene]:
    """The same, from the namespace that "A7" or "J42" belongs to, wherever the caller stands.

    Raises NotFound for what is not there, or not of the namespace that the caller has named. An
    agent sees what is of its own namespace alone.
    """
    where = place()
    with look(where) as read:
        owner = _owner(read, where, named, shown)
        assert owner is not None, "only a question may belong to none"
        yield Scene(where, read, owner, utc_ms())


@contextmanager
def wide_scene(named: str | None, is_all: bool) -> Iterator[tuple["Read", Namespace | None, int]]:
    """The same for a list, whose namespace is None when it is to show all of them."""
    if is_all and named is not None:
        raise BadInput("--all and --namespace exclude each other")
    where = place()
    with look(where) as read:
        yield read, None if is_all else _here(read, where, named), utc_ms()


def namespace_name(named: str | None, shown: str | None = None) -> str | None:
    """The name alone, for a command that writes: of what is named by its id, else of this folder.

    None for a question that concerns all namespaces. Raises what `scene_of` raises.
    """
    where = place()
    with look(where) as read:
        if shown is None:
            return _here(read, where, named).name
        owner = _owner(read, where, named, shown)
        return None if owner is None else owner.name


def assignment_here() -> int:
    """The assignment in whose workspace the caller stands. Raises BadInput anywhere else."""
    inside = workspace_around(Path.cwd(), place().state_dir)
    if inside is None or inside.assignment_id is None:
        raise BadInput("say which assignment, such as A7; 'wfctl assignments' lists them")
    return inside.assignment_id


def _here(read: "Read", where: Place, named: str | None) -> Namespace:
    return namespace_here(read, named, os.environ, Path.cwd(), where.state_dir)


def _owner(read: "Read", where: Place, named: str | None, shown: str) -> Namespace | None:
    """Whose it is; on stderr, too, where that is another than the caller stands in."""
    from wfd.commands.scope import owner_of  # late: a list needs no jobs and questions

    if named is not None or "WFD_RUN_ID" in os.environ:
        return owner_of(read, _here(read, where, named).name, shown)
    owner = owner_of(read, None, shown)
    if owner is not None and not _is_here(read, where, owner):
        _tell_whose(shown, owner)
    return owner


def _is_here(read: "Read", where: Place, owner: Namespace) -> bool:
    try:
        return _here(read, where, None) == owner
    except NotFound:
        return False


def _tell_whose(shown: str, owner: Namespace) -> None:
    """A document says it itself."""
    if not click.get_current_context().params.get("as_json"):
        click.echo(tame(f"{shown} belongs to '{owner.name}', {owner.checkout}"), err=True)


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
    if not text[1:].isdigit() and not text.isdigit():
        raise BadInput(f"'{text}' is no id: a job's looks like J42 or 42, an assignment's like A7")
    return ("A", ids.assignment_id(text)) if letter == "A" else ("J", ids.job_id(text))


def namespace_option(command: Command) -> Command:
    option = click.option(
        "--namespace",
        metavar="NAME",
        help="The namespace; by default that of the id, or of this folder.",
    )
    return option(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


def list_options(command: Command) -> Command:
    """--namespace, --all, --limit and --json."""
    command = json_option(command)
    command = click.option(
        "--limit",
        type=click.IntRange(1),
        default=100,
        show_default=True,
        help="Show at most this many.",
    )(command)
    command = click.option("--all", "is_all", is_flag=True, help="Show those of all namespaces.")(
        command
    )
    return namespace_option(command)


def watch_option(command: Command) -> Command:
    return click.option(
        "--watch",
        "watch_s",
        type=click.FloatRange(0.1),
        metavar="SECONDS",
        help="Show it again every SECONDS.",
    )(command)


def tell_daemon_is_down() -> None:
    if not is_terminal():
        return
    from wfd.adapters.lock import holder

    if holder(place()) is None:
        click.secho("the daemon is not running, so no job starts: wfd start", fg="yellow")


def tell_cut(shown: int, limit: int) -> None:
    if shown == limit and is_terminal():
        click.secho(f"the first {limit}; --limit shows more", dim=True)
