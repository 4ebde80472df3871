"""Making room: the folders of runs whose assignment ended long ago, and then its rows."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.disk import taken
from wfd.adapters.on_disk import workspaces_on_disk
from wfd.adapters.place import Place
from wfd.commands.prune import is_prunable
from wfd.ports import Read
from wfd.send import send
from wfd.store.alone import reading, utc_ms

Tell = Callable[[str], None]  # what is being done; raise to stop


@dataclass(frozen=True)
class Wanted:
    """What may go: all that ended before a moment, in UTC milliseconds; None keeps all."""

    folders_before: int | None
    rows_before: int | None


@dataclass
class Pruned:
    folders: int = 0
    bytes: int = 0  # that these took
    assignments: int = 0
    rows: int = 0
    kept: int = 0  # assignments that something points at, whose keys are good, or with a workspace


@dataclass(frozen=True)
class _Closing:
    assignment_id: int
    closed_at: int | None
    state: str


def prune(place: Place, wanted: Wanted, *, is_trial: bool, tell: Tell) -> Pruned:
    """Remove it, or with `is_trial` only tell what would go. What is cut short can be done again.

    Raises NotFound without a store, and what a command raises.
    """
    done = Pruned()
    if wanted.folders_before is not None:
        _prune_folders(place, wanted.folders_before, done, is_trial=is_trial, tell=tell)
    if wanted.rows_before is not None:
        _prune_rows(place, wanted.rows_before, done, is_trial=is_trial, tell=tell)
    return done


def _prune_folders(place: Place, before: int, done: Pruned, *, is_trial: bool, tell: Tell) -> None:
    with reading(place.store_path) as read:
        gone = list(_folders(read, place, before))
    for folder in gone:
        tell(f"{done.folders} of {len(gone)} folders of runs")
        done.bytes += taken(folder).bytes
        done.folders += 1
        if not is_trial:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(read: Read, place: Place, before: int) -> Iterator[Path]:
    """Those of runs that are over and whose assignment is; those without a row go by their age."""
    for folder in sorted((place.state_dir / "runs").glob("R*")):
        digits = folder.name[1:]
        if folder.is_symlink() or not (digits.isascii() and digits.isdigit()):
            continue
        found = read.one(_Closing, "closing_of_run", id=int(digits))
        if found is None:
            ended: int | None = folder.stat().st_mtime_ns // 1_000_000
        else:
            ended = found.closed_at if found.state == "closed" else None
        if ended is not None and ended < before:
            yield folder


def _prune_rows(place: Place, before: int, done: Pruned, *, is_trial: bool, tell: Tell) -> None:
    with reading(place.store_path) as read:
        ended = read.all(int, "closed_before", before=before)
        may_go = {of for of in ended if is_prunable(read, utc_ms(), of, before)}
    # after it: what has ended by then gets no workspace unless it is opened again
    may_go -= {one.assignment_id for one in workspaces_on_disk(place.state_dir)}
    done.kept = len(ended) - len(may_go)
    for of in (of for of in ended if of in may_go):
        tell(f"{done.assignments} of {len(may_go)} assignments")
        if is_trial or _forget(place, of, before, done):
            done.assignments += 1
    if not is_trial:
        _forget_events(place, done, tell)


def _forget(place: Place, of: int, before: int, done: Pruned) -> bool:
    """Whether it is gone; else somebody has set it active again meanwhile."""
    while True:
        answer = send(place, "prune_assignment", {"assignment": of, "before": before})
        done.rows += int(str(answer["rows"]))
        if answer["is_kept"]:
            done.kept += 1
            return False
        if answer["is_gone"]:
            return True


def _forget_events(place: Place, done: Pruned, tell: Tell) -> None:
    after: object = 0
    while after is not None:
        tell(f"events after {after}")
        answer = send(place, "prune_events", {"after": after})
        done.rows += int(str(answer["rows"]))
        after = answer["next"]
