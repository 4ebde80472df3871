"""What a shell can complete beside names of commands: ids with their titles, types, AIs.

It answers a person who has just pressed a key: short reads, and nothing at all where there is no
store, or one that cannot be read.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from wfd.adapters.assets import shipped, user_dir
from wfd.adapters.place import place
from wfd.commands import listing
from wfd.commands.inbox import questions
from wfd.domain.ai import AiRow
from wfd.domain.errors import WfdError
from wfd.domain.job import HAND
from wfd.domain.namespace import Namespace
from wfd.domain.run import Run
from wfd.edge.here import namespace_here
from wfd.edge.shell import Group
from wfd.edge.words import one_line, tame
from wfd.store.alone import reading

if TYPE_CHECKING:
    from wfd.ports import Read

MOST = 100  # of each kind, the newest
_TITLE = 60
_OF_AN_AI = frozenset({"unregister", "label", "disable", "enable", "resume", "check"})

Pair = tuple[str, str]  # what is typed, and what a shell shows beside it


def complete_values() -> None:
    """Have each command that is looked at complete its values, too."""
    Group.dress = _dress


def _dress(command: click.Command) -> None:
    for param in command.params:
        key = "AI" if command.name in _OF_AN_AI and param.name == "name" else _key(param)
        found = _SOURCES.get(key)
        if found is not None:
            setattr(param, "shell_complete", _completer(found))  # noqa: B010 - it is a method


def _key(param: click.Parameter) -> str:
    if isinstance(param, click.Argument):
        return (param.metavar or param.human_readable_name).strip("[]").upper()
    return param.opts[-1]


def _completer(
    found: Callable[[], Iterator[Pair]],
) -> Callable[[click.Context, str], list[CompletionItem]]:
    def complete(ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # in 'J3,J4' only the last one is being typed
        before, comma, typed = incomplete.rpartition(",")
        items = []
        with suppress(WfdError, OSError):
            for value, title in found():
                if _fits(value, typed):
                    shown = tame(one_line(title, _TITLE))
                    items.append(CompletionItem(f"{before}{comma}{value}", help=shown))
        return items

    return complete


def _fits(value: str, typed: str) -> bool:
    return value.casefold().startswith(typed.casefold())


@contextmanager
def _look() -> Iterator[tuple["Read", Namespace | None]]:
    """The store, and the namespace that the caller stands in; None for all of them."""
    with reading(place().store_path) as read:
        here = None
        with suppress(WfdError):
            here = namespace_here(read, None, os.environ, Path.cwd())
        yield read, here


def _assignments() -> Iterator[Pair]:
    with _look() as (read, here):
        for one in listing.assignments(read, here, None, MOST):
            yield f"A{one.id}", f"{one.state}: {one.north_star}"


def _jobs() -> Iterator[Pair]:
    with _look() as (read, here):
        goals = {one.id: one.north_star for one in listing.assignments(read, here, None, MOST)}
        for job in listing.jobs(read, here, None, None, None, MOST):
            of = f"A{job.assignment_id}: {goals.get(job.assignment_id, '')}"
            yield f"J{job.id}", f"{job.type} {job.state} of {of}"


def _runs() -> Iterator[Pair]:
    """Those that are on: no command takes another."""
    with _look() as (read, _):
        for run in read.all(Run, "live_runs"):
            yield f"R{run.id}", f"{run.by_hand or run.ai} does J{run.job_id}"


def _questions() -> Iterator[Pair]:
    with _look() as (read, here):
        for one in questions(read, here, MOST, is_closed=False):
            yield f"Q{one.id}", one.text


def _namespaces() -> Iterator[Pair]:
    with reading(place().store_path) as read:
        yield from ((one.name, one.checkout) for one in read.all(Namespace, "namespaces"))


def _types() -> Iterator[Pair]:
    folders = (home / "prompts" for home in (shipped("templates"), user_dir() / "templates"))
    names = {file.stem for folder in folders for file in folder.glob("*.md")}
    yield from ((name, "job type") for name in sorted(names))


def _harnesses() -> Iterator[Pair]:
    from wfd_runners import harnesses  # late: few values are one

    yield from ((name, "harness") for name in sorted([*harnesses(), HAND]))


def _ais() -> Iterator[Pair]:
    yield from _harnesses()
    with suppress(OSError, ValueError):  # whatever is wrong with it is said elsewhere
        ais = json.loads((user_dir() / "config.json").read_text()).get("ais", {})
        yield from ((str(name), "AI") for name in ais)
    with reading(place().store_path) as read:
        rows = read.all(AiRow, "ais")
    yield from ((row.name, "AI, registered") for row in rows if row.definition is not None)


def _both(*sources: Callable[[], Iterator[Pair]]) -> Callable[[], Iterator[Pair]]:
    return lambda: (pair for source in sources for pair in source())


_SOURCES: Mapping[str, Callable[[], Iterator[Pair]]] = {
    "ASSIGNMENT": _assignments,
    "ASSIGNMENT|JOB": _both(_assignments, _jobs),
    "JOB|ASSIGNMENT": _both(_jobs, _assignments),
    "JOB": _jobs,
    "--job": _jobs,
    "--after": _jobs,
    "--drop": _jobs,
    "RUN": _runs,
    "QUESTION|ASSIGNMENT": _both(_questions, _assignments),
    "--namespace": _namespaces,
    "--type": _types,
    "--harness": _harnesses,
    "--ai": _ais,
    "AI": _ais,
}
