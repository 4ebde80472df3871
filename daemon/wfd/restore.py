"""Putting a backup in the place of the store, while no daemon runs."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters import refs, tree
from wfd.adapters.git import own
from wfd.adapters.lock import DaemonLock
from wfd.adapters.marks import OWNER
from wfd.adapters.place import Place
from wfd.adapters.proc import look
from wfd.domain.errors import AlreadyRunning
from wfd.engine.steps import Step, reached
from wfd.store.backup import Tell, backup, sync_folder
from wfd.store.restored import (
    Branch,
    Found,
    Head,
    Readied,
    last_ids,
    ready,
    refuse_useless,
    set_up_in,
)

_LOGS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True)
class Restored:
    readied: Readied
    replaced: Path | None  # where the store before lies now
    newer: range  # assignments that were made since, and are not in it
    killed: int  # processes of agents that still ran


def restore(place: Place, file: Path, stamp: str, tell: Tell) -> Restored:
    """Put the backup `file` in the store's place; the store before it is moved aside.

    Raises AlreadyRunning while a daemon runs, Broken or NewerStore for a file of no use, and
    changes nothing then.
    """
    lock = DaemonLock(place)
    try:
        lock.acquire()
    except AlreadyRunning as error:
        raise AlreadyRunning(f"{error}; stop it before its store is replaced: wfd stop") from None
    try:
        refuse_useless(file)
        killed = len(tree.end(lambda: tree.members(_agents(place), look())))
        fresh = place.state_dir / "wfd.db.restoring"
        _remove(fresh)
        backup(file, fresh, tell)
        replaced = last_ids(place.store_path)
        readied = ready(fresh, replaced, _on_disk(place), _finder(place))
        own_last = (last_ids(file) or {}).get("assignment", 0)
        aside = _move_aside(place, stamp)
        reached(Step.ASIDE)
        fresh.rename(place.store_path)
        sync_folder(place.state_dir)
    finally:
        lock.release()
    newer = range(own_last + 1, (replaced or {}).get("assignment", 0) + 1)
    return Restored(readied, aside, newer, killed)


def _agents(place: Place) -> tree.Tree:
    """All that a killed daemon of this place has left running: no row may know of it any more."""
    return tree.Tree(marks=(frozenset({f"{OWNER}={place.key}".encode()}),))


def _remove(file: Path) -> None:
    for name in ("", *_LOGS):
        Path(f"{file}{name}").unlink(missing_ok=True)


def _move_aside(place: Place, stamp: str) -> Path | None:
    """Move what is there, a damaged store too, byte by byte: a log of it would spoil the next."""
    there = [file for name in ("", *_LOGS) if (file := Path(f"{place.store_path}{name}")).exists()]
    if not there:
        return None
    aside = place.backups / f"replaced-{stamp}"
    aside.mkdir(mode=0o700, parents=True)
    for file in there:
        file.rename(aside / file.name)
    sync_folder(aside)
    return aside / place.store_path.name


def _on_disk(place: Place) -> dict[str, int]:
    """The highest ids that folders and refs have."""
    spaces = place.state_dir / "ns"
    branches = [*spaces.glob("*/repo.git/refs/wfd/A*"), *spaces.glob("*/A*")]
    runs = [*place.state_dir.glob("runs/R*"), *spaces.glob("*/repo.git/refs/wfd/A*/R*")]
    return {
        "namespace": _highest(spaces.glob("*"), ""),
        "assignment": _highest(branches, "A"),
        "run": _highest(runs, "R"),
    }


def _highest(files: Iterable[Path], letter: str) -> int:
    found = (re.fullmatch(rf"{letter}([0-9]{{1,15}})", file.name) for file in files)
    return max((int(name[1]) for name in found if name), default=0)


def _finder(place: Place) -> Callable[[Branch], Found]:
    set_up = set_up_in(place.store_path)

    def find(branch: Branch) -> Found:
        space = place.state_dir / "ns" / str(branch.namespace_id)
        git_dir, at = space / "repo.git", f"refs/wfd/{branch.place}"
        base, head = (refs.loose(git_dir, f"{at}/{name}") for name in ("base", "head"))
        of = (branch.assignment_id, branch.lane)
        return Found(
            base=_head(git_dir, base if branch.base is None else None),
            head=_head(git_dir, head if head != branch.head else None),
            is_set_up=(space / branch.place).is_dir() and (set_up is None or of in set_up),
        )

    return find


def _head(git_dir: Path, commit: str | None) -> Head | None:
    """The commit with its tree, if it is really there."""
    if commit is None:
        return None
    said = own(git_dir).at_once("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")
    return Head(commit, said.out.decode().strip()) if said.code == 0 else None
