"""wfctl backup, restore and prune: keeping the store, and keeping it small."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wfd.adapters.place import Place, place
from wfd.ctl.scene import json_option
from wfd.domain.errors import AlreadyRunning, BadInput, Conflict, NotFound
from wfd.edge.here import refuse_in_a_run
from wfd.edge.shell import is_terminal, print_document
from wfd.edge.when import age
from wfd.edge.words import ago, local_time, plural
from wfd.rules.size import size
from wfd.rules.typed import typed
from wfd.store.alone import utc_ms

if TYPE_CHECKING:
    from wfd.prune import Pruned
    from wfd.restore import Restored

_NOT_IN_IT = "not in it: runs/ with the transcripts, workspaces, and your branches wfd/*"


@click.command()
@click.option(
    "--to", "to", type=click.Path(path_type=Path), metavar="FILE", help="A file or a folder."
)
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@json_option
def backup(to: Path | None, force: bool, as_json: bool) -> None:
    """Write a copy of the store, even while it is in use. Prints the name of the file.

    It holds all rows as of one moment: assignments, jobs, runs, evidence, decisions, events. Not in
    it are the folders of runs with their transcripts, workspaces, and your repositories.
    """
    from wfd.store.backup import backup as write_backup

    refuse_in_a_run(os.environ)
    where = place()
    where.refuse_lost_store()
    file = _named(where, to)
    if file.exists() and not force:
        raise Conflict(f"{file} is there already; choose another with --to, or say --force")
    if not file.parent.is_dir():
        raise NotFound(f"there is no folder {file.parent}; make it, or choose another with --to")
    with _progress("copying") as tell:
        count = write_backup(where.store_path, file, tell)
    if as_json:
        print_document({"file": str(file), "bytes": count})
    elif is_terminal():
        click.echo(f"{file}, {size(count)}\n  {_NOT_IN_IT}\n  {typed('wfctl', 'restore', file)}")
    else:
        click.echo(str(file))


@click.command()
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@json_option
def restore(file: Path, as_json: bool) -> None:
    """Replace the store with a backup. The daemon must be down.

    The store before it is moved into 'backups' beside it. The store forgets what was done since
    the backup; the branches, snapshots and transcripts of that stay where they are, and no id is
    used twice. Runs that were open count as lost, and their jobs are tried again.
    """
    from wfd.restore import restore as put_back

    refuse_in_a_run(os.environ)
    file = file.absolute()
    with _progress("copying") as tell:
        done = put_back(place(), file, _stamp(), tell)
    if as_json:
        print_document(_document(file, done))
    else:
        for line in _told(file, done):
            click.echo(line)


@click.command()
@click.option("--older-than", metavar="SPAN", help="How long ago they ended: 12h, 30d, 2w.")
@click.option(
    "--transcripts-only", is_flag=True, help="Delete only the folders of runs, and keep the rows."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--vacuum",
    is_flag=True,
    help="Return free pages of the store to the disk; the daemon must be down.",
)
@json_option
def prune(
    older_than: str | None,
    transcripts_only: bool,
    dry_run: bool,
    yes: bool,
    vacuum: bool,
    as_json: bool,
) -> None:
    """Delete assignments of all namespaces that were completed or cancelled long ago.

    Deletes their rows, and the folders of their runs with the transcripts. Keeps everything that
    is open or that something open points at, branches and refs in your repositories, ids (none is
    used twice), what was spent on each day, and for 30 days the keys of --key.

    It first says what would be deleted, and asks; where it cannot ask, it needs --yes.
    """
    from wfd.prune import Wanted
    from wfd.prune import prune as make_room

    refuse_in_a_run(os.environ)
    if older_than is None and not vacuum:
        raise BadInput("say how old they must be: --older-than 30d")
    where, done, freed = place(), None, 0
    where.refuse_lost_store()
    if older_than is not None:
        before = utc_ms() - age(older_than)
        wanted = Wanted(before, None if transcripts_only else before)
        with _progress("looking at") as tell:
            done = make_room(where, wanted, is_trial=True, tell=tell.say)
        if not dry_run:
            _confirm(done, is_confirmed=yes)
            with _progress("removing") as tell:
                done = make_room(where, wanted, is_trial=False, tell=tell.say)
    if vacuum and not dry_run:
        freed = _vacuum(where)
    if as_json:
        print_document({**(vars(done) if done else {}), "dry_run": dry_run, "vacuumed": freed})
        return
    if done is not None:
        for line in _pruned(done, dry_run=dry_run):
            click.echo(line)
    if vacuum and not dry_run:
        click.echo(f"the store gave back {size(freed)}")


def _confirm(found: "Pruned", *, is_confirmed: bool) -> None:
    """Raises BadInput where nobody can be asked, and Abort for a no."""
    if is_confirmed or not (found.folders or found.assignments):
        return
    if not (is_terminal() and sys.stdin.isatty()):
        raise BadInput(f"nothing was removed: {'; '.join(_would_go(found))}; say --yes")
    for line in _would_go(found):
        click.echo(line)
    click.confirm("Forget them?", abort=True)


def _would_go(found: "Pruned") -> Iterator[str]:
    return _pruned(found, dry_run=True)


def _named(where: Place, to: Path | None) -> Path:
    if to is not None:
        file = to.absolute()
        return file / f"wfd-{_stamp()}.db" if file.is_dir() else file
    where.backups.mkdir(mode=0o700, exist_ok=True)
    return where.backups / f"wfd-{_stamp()}.db"


def _stamp() -> str:
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}Z"


def _vacuum(where: Place) -> int:
    from wfd.adapters.lock import DaemonLock
    from wfd.store.backup import vacuum

    lock = DaemonLock(where)
    try:
        lock.acquire()
    except AlreadyRunning as error:
        raise AlreadyRunning(
            f"{error}; it fills free pages of the store again by itself. To give them back to the"
            " disk: wfd stop, then wfctl prune --vacuum"
        ) from None
    try:
        return vacuum(where.store_path)
    finally:
        lock.release()


def _document(file: Path, done: "Restored") -> dict[str, object]:
    return {
        "file": str(file),
        "last_event_at": done.readied.last_event_at,
        "assignments": done.readied.assignments,
        "lost_runs": [f"R{run}" for run in done.readied.open_runs],
        "moved": [f"A{of}" for of in done.readied.moved],
        "newer": [f"A{of}" for of in done.newer],
        "replaced": None if done.replaced is None else str(done.replaced),
        "killed": done.killed,
    }


def _told(file: Path, done: "Restored") -> Iterator[str]:
    readied = done.readied
    at = readied.last_event_at
    when = "" if at is None else f" of {local_time(at)} ({ago(at, utc_ms())})"
    yield f"restored {file}{when}: {plural(readied.assignments, 'assignment')}"
    if done.replaced is not None:
        yield f"  the store before it lies in {done.replaced.parent}"
    if readied.open_runs:
        runs = ", ".join(f"R{run}" for run in readied.open_runs)
        yield f"  taken for lost, and tried again at the next start: {runs}"
    if readied.moved:
        moved = ", ".join(f"A{of}" for of in readied.moved)
        yield f"  their branches have moved on since, and are gone on from: {moved}"
    if done.newer:
        newer = ", ".join(f"A{of}" for of in done.newer[:20])
        yield f"  made since, and not in it; their branches wfd/… stay: {newer}"
    yield "  wfd start"


def _pruned(done: "Pruned", *, dry_run: bool) -> Iterator[str]:
    would = "would go" if dry_run else "are gone"
    yield f"{plural(done.folders, 'folder')} of runs ({size(done.bytes)}) {would}"
    rows = "" if dry_run else f" ({plural(done.rows, 'row')})"
    yield f"{plural(done.assignments, 'assignment')}{rows} {would}"
    if done.kept:
        yield (
            f"{plural(done.kept, 'assignment')} as old stay: something open points at them, their"
            " workspace is still there, or a key of theirs is younger than 30 days"
        )
    if done.rows:
        yield "the store fills the free pages again; wfctl prune --vacuum gives them back"


class _Progress:
    """One moving line on a terminal, and nothing elsewhere."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._is_shown = sys.stderr.isatty()
        self._width = 0

    def __call__(self, done: int, total: int) -> None:
        self.say(f"{size(done)} of {size(total)}")

    def say(self, what: str) -> None:
        if self._is_shown:
            line = f"{self._doing} {what}"
            click.echo(f"\r{line.ljust(self._width)}", nl=False, err=True)
            self._width = len(line)

    def end(self) -> None:
        if self._width:
            click.echo(f"\r{' ' * self._width}\r", nl=False, err=True)


@contextmanager
def _progress(doing: str) -> Iterator[_Progress]:
    progress = _Progress(doing)
    try:
        yield progress
    finally:
        progress.end()
