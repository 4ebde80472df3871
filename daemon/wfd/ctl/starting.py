"""Where an assignment begins: what `wfctl create` finds out of the repository before it sends."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from wfd.adapters.git import GitFailed, in_checkout
from wfd.adapters.names_taken import NamesTaken
from wfd.adapters.standing import Start, Uncommitted, commit_changes, pin, start_at, uncommitted
from wfd.ctl.scene import Scene, scene
from wfd.domain.errors import BadInput, Broken, NotFound
from wfd.edge.here import checkout_here, workspace_around
from wfd.edge.words import plural, tame
from wfd.rules.typed import typed

Command = TypeVar("Command", bound=Callable[..., Any])

MAX_NAMED = 5  # paths, in one line


@dataclass(frozen=True)
class Beginning:
    start: Start
    git_dir: Path
    left: Uncommitted  # what it begins without

    @property
    def values(self) -> dict[str, object]:
        return {"from_commit": self.start.commit, "from_branch": self.start.branch}


def start_options(command: Command) -> Command:
    command = click.option(
        "--with-changes",
        is_flag=True,
        help="Include your uncommitted changes as a first commit. Ignored files are left out.",
    )(command)
    return click.option(
        "--base",
        metavar="REF",
        help="The branch, tag or commit to begin from; by default your current commit.",
    )(command)


def beginning(namespace: str | None, base: str | None, *, with_changes: bool) -> Beginning:
    """The commit to begin from, in the worktree that the caller stands in.

    In a workspace of wfd's it is the branch of its assignment. Raises BadInput for a base that is
    none, and Conflict where a branch is in the way of the one that is to be made.
    """
    if with_changes and base is not None:
        raise BadInput("--with-changes begins from where you stand, and --base elsewhere; say one")
    with scene(namespace) as here:
        next_id = here.read.one(int, "next_assignment")
    git_dir = Path(here.namespace.git_dir)
    if not git_dir.is_dir():
        raise NotFound(
            f"the repository of '{here.namespace.name}' is not at {git_dir} any more; go to where"
            f" it is now, and run: {typed('wfd', 'namespace', 'move', here.namespace.name)}"
        )
    NamesTaken(git_dir, f"wfd/A{next_id}").refuse_at_once(in_checkout(git_dir))
    inside = workspace_around(Path.cwd(), here.place.state_dir)
    if inside is not None and here.namespace.id == inside.namespace_id:
        return _from_a_workspace(here, inside.assignment_id, base, with_changes=with_changes)
    checkout = checkout_here(here.namespace, Path.cwd())
    start = start_at(checkout, base)
    if with_changes:
        taken = commit_changes(checkout, start)
        left = Uncommitted([], uncommitted(checkout).submodules)
        return Beginning(Start(taken, start.branch), git_dir, left)
    return Beginning(start, git_dir, Uncommitted([], []) if base else _uncommitted(checkout))


def pin_base(began: Beginning, assignment_id: object) -> None:
    """Keep its commit until the first job; if that fails, the daemon does so, and says why not."""
    try:
        pin(began.git_dir, f"refs/wfd/A{assignment_id}/base", began.start.commit)
    except Broken as error:
        click.echo(f"wfctl: its base is not pinned yet: {tame(str(error))}", err=True)


def tell_left(left: Uncommitted) -> None:
    """On stderr: what it begins without."""
    if left.files:
        click.echo(
            f"it begins without {plural(len(left.files), 'change')} that you have not committed:"
            f" {_named(left.files)}; 'wfctl create --with-changes' includes them",
            err=True,
        )
    if left.submodules:
        click.echo(
            f"it begins without changes in submodules and nested repositories:"
            f" {_named(left.submodules)}; commit and push them there first",
            err=True,
        )


def start_words(answer: dict[str, object]) -> str:
    """ "from main at 1a2b3c4"; nothing for one that begins at HEAD when its first job starts."""
    commit, branch = answer["from_commit"], answer["from_branch"]
    if commit is None:
        return ""
    return f", from {f'{branch} at ' if branch else ''}{str(commit)[:7]}"


def _from_a_workspace(
    here: Scene, assignment_id: int | None, base: str | None, *, with_changes: bool
) -> Beginning:
    if with_changes:
        raise BadInput(
            "this is a workspace of wfd's, whose changes are its assignment's; leave out"
            f" --with-changes, or go to {here.namespace.checkout}"
        )
    checkout = Path(here.namespace.checkout)
    ref = base if base is not None or assignment_id is None else f"wfd/A{assignment_id}"
    return Beginning(start_at(checkout, ref), Path(here.namespace.git_dir), Uncommitted([], []))


def _uncommitted(checkout: Path) -> Uncommitted:
    """Nothing where git cannot tell it: that is no reason to make no assignment."""
    try:
        return uncommitted(checkout)
    except GitFailed as error:
        click.echo(f"wfctl: {tame(str(error))}", err=True)
        return Uncommitted([], [])


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return tame(", ".join(paths[:MAX_NAMED]).replace("\n", " ")) + more
