"""The process trees of runs: who belongs to them, and their end."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from wfd.adapters import proc
from wfd.adapters.proc import Seen, Table
from wfd.domain.errors import Broken
from wfd.ports import Birth

_MAX_SWEEPS = 50
_MAX_SECONDS = 5.0
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Tree:
    """What its members are known by. Several runs' trees can be one."""

    marks: tuple[tuple[bytes, ...], ...] = ()  # any of them: entries of the environment
    births: tuple[Birth, ...] = ()
    sessions: frozenset[int] = frozenset()  # known to be its own, even without their leader
    remembered: frozenset[tuple[int, int]] = frozenset()  # pid and start of earlier members


def union(trees: Iterable[Tree]) -> Tree:
    """One tree with the members of all."""
    all_ = list(trees)
    return Tree(
        marks=tuple(mark for tree in all_ for mark in tree.marks),
        births=tuple(birth for tree in all_ for birth in tree.births),
        sessions=frozenset().union(*(tree.sessions for tree in all_)),
        remembered=frozenset().union(*(tree.remembered for tree in all_)),
    )


def members(tree: Tree, table: Table) -> list[Seen]:
    """All processes of the table that belong to the tree, zombies included.

    Never this process nor one that it descends from.
    """
    ours = proc.ancestors(table, os.getpid())
    born = [birth for birth in tree.births if is_still(birth, table)]
    remembered = tree.remembered | {(birth.pid, birth.pid_start) for birth in born}
    roots = [
        seen
        for seen in table.values()
        if seen.pid not in ours
        and (
            (seen.pid, seen.start) in remembered
            or seen.session in tree.sessions
            or (tree.marks and seen.is_alive and _is_marked(seen.pid, tree.marks))
        )
    ]
    return [seen for seen in _with_descendants(roots, table) if seen.pid not in ours]


def is_still(birth: Birth, table: Table) -> bool:
    """Whether the pid is the process that was born, and not a later one of that number."""
    seen = table.get(birth.pid)
    return (
        seen is not None
        and birth.pid_start == seen.start
        and birth.boot_id is not None
        and birth.boot_id == proc.boot_id()
    )


def end(find: Callable[[Table], Iterable[Seen]]) -> set[int]:
    """Kill what `find` sees until it sees nothing alive, twice at least; return the pids.

    All are stopped before the first is killed: while they stand still none forks, and none
    loses the parent by which it is found. Raises Broken, naming what survives.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + _MAX_SECONDS
    for sweep in range(_MAX_SWEEPS):
        standing = _freeze(find)
        for seen in standing.values():
            _send(seen, signal.SIGKILL)
        killed.update(standing)
        if not standing and sweep > 0:
            return killed
        if time.monotonic() > deadline:
            break
        if standing:
            time.sleep(min(0.001 * 2**sweep, 0.2))
    left = sorted(seen.pid for seen in find(proc.look()) if seen.is_alive)
    if left:
        raise Broken(f"these processes survive every kill: {', '.join(map(str, left))}")
    return killed


def reap(pids: Iterable[int]) -> int:
    """Take the exit of those that are dead children of this process; return how many."""
    count = 0
    for pid in pids:
        try:
            count += os.waitpid(pid, os.WNOHANG)[0] == pid
        except ChildProcessError:
            continue
    return count


def become_subreaper() -> bool:
    """Have orphans among our descendants become our children; whether the system does so."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _is_marked(pid: int, marks: tuple[tuple[bytes, ...], ...]) -> bool:
    environ = proc.environ(pid)
    return any(all(b"\0" + entry + b"\0" in environ for entry in mark) for mark in marks)


def _freeze(find: Callable[[Table], Iterable[Seen]]) -> dict[int, Seen]:
    """Stop the living until a look shows no new one."""
    standing: dict[int, Seen] = {}
    for _ in range(_MAX_SWEEPS):
        found = [seen for seen in find(proc.look()) if seen.is_alive]
        new = [seen for seen in found if seen.pid not in standing]
        if not new:
            break
        for seen in new:
            _send(seen, signal.SIGSTOP)
            standing[seen.pid] = seen
    return standing


def _send(seen: Seen, number: signal.Signals) -> None:
    """Signal this very process, not another that has taken its number since the look."""
    now = proc.see(seen.pid)
    if now is not None and now.start == seen.start:
        # What refuses the signal is still there at the next look.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(seen.pid, number)


def _with_descendants(roots: Iterable[Seen], table: Table) -> list[Seen]:
    """The roots, what descends from them, and what shares a session that one of them leads.

    A session is only ever inherited from its leader, so its members are descendants too,
    even those whose parent is gone.
    """
    by_parent = _grouped(table, lambda seen: seen.parent)
    by_session = _grouped(table, lambda seen: seen.session)
    found: dict[int, Seen] = {}
    todo = list(roots)
    while todo:
        seen = todo.pop()
        if seen.pid not in found:
            found[seen.pid] = seen
            todo += by_parent.get(seen.pid, ())
            todo += by_session.get(seen.pid, ())
    return list(found.values())


def _grouped(table: Table, key: Callable[[Seen], int]) -> dict[int, list[Seen]]:
    groups: dict[int, list[Seen]] = {}
    for seen in table.values():
        groups.setdefault(key(seen), []).append(seen)
    return groups
