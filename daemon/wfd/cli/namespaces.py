"""wfd namespace: the repositories that are registered, where they lie, and how one is forgotten."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import click

from wfd.adapters.git import of_user
from wfd.adapters.lock import holder
from wfd.adapters.moved import is_gone
from wfd.adapters.on_disk import workspaces_on_disk
from wfd.adapters.place import Place, place
from wfd.adapters.repository import Repository, find
from wfd.cli.moving import refuse_lacking, refuse_within
from wfd.commands.namespaces import ListedNamespace, listed, open_assignments, refuse_open
from wfd.commands.scope import namespace_named
from wfd.domain.errors import BadInput, Conflict, NotAllowed
from wfd.domain.namespace import Namespace
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import Group, is_terminal, print_document
from wfd.edge.table import Cell, Column, cell, print_table
from wfd.edge.words import plural, tame
from wfd.layers import REPOSITORY_FILE, hash_of
from wfd.rules.typed import typed
from wfd.send import send
from wfd.store.alone import reading

ENDING_S = 30.0  # how long cancelled runs may take to end
REMOVING_S = 12.0  # and workspaces to be removed: the daemon looks for them every 5 s
_PAUSE_S = 0.2


@click.group(cls=Group)
def namespace() -> None:
    """List, move or remove registered repositories."""


@namespace.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_namespaces(as_json: bool) -> None:
    """List them all, with where they are, and whether they are still there.

    Columns: name, checkout, there or gone, trust, open assignments, assignments.
    """
    where = place()
    where.refuse_lost_store()
    with reading(where.store_path) as read:
        found = listed(read)
    if as_json:
        print_document([_document(one) for one in found])
    else:
        names = ("NAMESPACE", "CHECKOUT", "IS", "CONFIGURATION", "OPEN", "ASSIGNMENTS")
        rows = [_row(one) for one in found]
        print_table([Column(name) for name in names], rows, empty="no repository is registered")


@namespace.command("move")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path), required=False)
def move(name: str, path: Path | None) -> None:
    """Point a namespace at its repository in PATH, or in the current folder.

    The repository may have been moved, or be a fresh clone: it must have the commits that the open
    assignments of NAME need. Its branches and assignments stay as they are.
    """
    refuse_in_a_run(os.environ)
    where = place()
    where.refuse_lost_store()
    folder = Path.cwd() if path is None else path.absolute()
    refuse_within(where, folder)
    repository = anyio.run(find, folder)
    with reading(where.store_path) as read:
        known = namespace_named(read, name)
        _refuse_stranger(known, repository)
        refuse_lacking(read, where, known, repository)
    values: dict[str, object] = {
        "namespace": name,
        "was": known.git_dir,
        "git_dir": str(repository.git_dir),
        "checkout": str(repository.checkout),
    }
    send(where, "namespace.move", values)
    click.echo(f"'{name}' is at {repository.checkout} now; it was at {known.checkout}")
    if not _is_trusted(known.trusted_hash, repository.checkout):
        click.echo(
            f"its {REPOSITORY_FILE} has changed since you accepted it:"
            f" {typed('cd', repository.checkout)} && wfd trust"
        )


@namespace.command("remove")
@click.argument("name")
@click.option("--cancel", is_flag=True, help="Cancel its open assignments first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, cancel: bool, yes: bool) -> None:
    """Forget a namespace with all its assignments, jobs, runs and evidence.

    Nothing in the repository changes: its branches wfd/… and refs stay, and the output says how to
    delete them. Refused while an assignment is open, unless you say --cancel.
    """
    refuse_in_a_run(os.environ)
    where = place()
    where.refuse_lost_store()
    with reading(where.store_path) as read:
        known = namespace_named(read, name)
        going = next(one for one in listed(read) if one.id == known.id)
        opened = open_assignments(read, known.id)
        if not cancel:
            refuse_open(read, known)
    _confirm(going, is_confirmed=yes)
    for one in opened:
        values: dict[str, object] = {"namespace": name, "assignment": one, "status": "cancelled"}
        send(where, "update_assignment", values)
    _await_workspaces(where, known)
    rows = _forget(where, name)
    click.echo(f"'{name}' is forgotten: {plural(rows, 'row')}")
    for line in _what_stays(where, known):
        click.echo(f"  {line}")


def _refuse_stranger(known: Namespace, repository: Repository) -> None:
    """Raise Conflict while the repository that it has is there, and this one is another."""
    if Path(known.git_dir).resolve() == repository.git_dir.resolve() or is_gone(
        Path(known.git_dir)
    ):
        return
    raise Conflict(
        f"the repository of '{known.name}' is still at {known.checkout}; move it away first, or"
        " register this one under a name of its own: wfd init --name …"
    )


def _confirm(going: ListedNamespace, *, is_confirmed: bool) -> None:
    told = f"'{going.name}' ({going.checkout}) with {plural(going.assignments, 'assignment')}"
    if going.open_assignments:
        told += f", {going.open_assignments} of them open"
    if is_confirmed:
        return
    if not (is_terminal() and sys.stdin.isatty()):
        raise BadInput(f"this would forget {told}; say --yes")
    click.confirm(tame(f"Forget {told}?"), abort=True)


def _await_workspaces(where: Place, going: Namespace) -> None:
    """Let the daemon remove its workspaces, if it can: what is nowhere else it leaves alone."""
    deadline = time.monotonic() + (0 if is_gone(Path(going.git_dir)) else REMOVING_S)
    while holder(where) is not None and time.monotonic() < deadline:
        if all(one.namespace_id != going.id for one in workspaces_on_disk(where.state_dir)):
            return
        time.sleep(_PAUSE_S)


def _forget(where: Place, name: str) -> int:
    """How many rows are gone. Cancelled runs have some time to end."""
    rows, deadline = 0, time.monotonic() + ENDING_S
    while True:
        try:
            answer = send(where, "namespace.remove", {"namespace": name})
        except NotAllowed:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
            continue
        rows += int(str(answer["rows"]))
        if answer["is_gone"]:
            return rows


def _what_stays(where: Place, gone: Namespace) -> Iterator[str]:
    folder = where.state_dir / "ns" / str(gone.id)
    if folder.exists():
        yield f"its workspaces and snapshots stay in {folder}; if you need nothing there, delete it"
    if is_gone(Path(gone.git_dir)):
        return
    git = typed("git", "--git-dir", gone.git_dir)
    said = of_user(Path(gone.git_dir)).at_once(
        "for-each-ref", "--format=%(refname)", "refs/heads/wfd/", "refs/wfd/"
    )
    refs = said.out.split()
    branches = [ref for ref in refs if ref.startswith(b"refs/heads/")]
    if refs:
        yield (
            f"its branches wfd/… ({len(branches)}) and refs refs/wfd/…"
            f" ({len(refs) - len(branches)}) stay in {gone.checkout};"
            f" to delete them: {git} for-each-ref --format='delete %(refname)' refs/heads/wfd/"
            f" refs/wfd/ | {git} update-ref --stdin"
        )
    if (Path(gone.checkout) / REPOSITORY_FILE).exists():
        yield f"{Path(gone.checkout) / REPOSITORY_FILE} stays"


def _is_trusted(trusted: str | None, checkout: Path) -> bool:
    try:
        return hash_of((checkout / REPOSITORY_FILE).read_text(encoding="utf-8")) == trusted
    except FileNotFoundError:
        return trusted is None
    except (OSError, UnicodeDecodeError):
        return False


def _document(one: ListedNamespace) -> dict[str, object]:
    return {
        "name": one.name,
        "checkout": one.checkout,
        "git_dir": one.git_dir,
        "is_there": not is_gone(Path(one.git_dir)),
        "is_trusted": _is_trusted(one.trusted_hash, Path(one.checkout)),
        "open_assignments": one.open_assignments,
        "assignments": one.assignments,
    }


def _row(one: ListedNamespace) -> list[Cell]:
    told = _document(one)
    there = Cell("there", "there") if told["is_there"] else Cell("gone", "gone", "red")
    trusted = "accepted" if told["is_trusted"] else "not accepted"
    return [
        cell(one.name), cell(one.checkout), there, cell(trusted),
        cell(str(one.open_assignments)), cell(str(one.assignments)),
    ]  # fmt: skip
