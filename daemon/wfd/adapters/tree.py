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
from wfd.adapters.marks import Marks
from wfd.adapters.proc import Seen, Table
from wfd.domain.errors import Broken
from wfd.ports import Birth

_MAX_SWEEPS = 50
_MAX_SECONDS = 5.0
_PR_SET_CHILD_SUBREAPER = 36

_marks = Marks()


@dataclass(frozen=True)
class Tree:
    """What its members are known by. Several runs' trees can be one."""

    marks: tuple[frozenset[bytes], ...] = ()  # any of them: entries of the environment
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
    born = {(birth.pid, birth.pid_start) for birth in tree.births if is_still(birth, table)}
    roots = [
        seen
        for pid, start in tree.remembered | born
        if (seen := table.get(pid)) is not None and seen.start == start
    ]
    for session in tree.sessions:
        roots += table.by_session.get(session, ())
    if tree.marks:
        _marks.forget_ended(table)
        roots += [seen for seen in table.values() if seen.is_alive and _is_marked(seen, tree)]
    found = _with_descendants([seen for seen in roots if seen.pid not in table.ours], table)
    return [seen for seen in found if seen.pid not in table.ours]


def is_still(birth: Birth, table: Table) -> bool:
    """Whether the pid is the process that was born, and not a later one of that number."""
    seen = table.get(birth.pid)
    return (
        seen is not None
        and birth.pid_start == seen.start
        and birth.boot_id is not None
        and birth.boot_id == proc.boot_id()
    )


def near(table: Table) -> list[Seen]:
    """What hangs below this process or a process that is marked, by whichever daemon."""
    me = table.get(os.getpid())
    marked = [seen for seen in table.values() if seen.is_alive and _marks.of(seen)]
    return _with_descendants([*marked, me] if me else marked, table)


def end(find: Callable[[], Iterable[Seen]]) -> set[int]:
    """Kill what `find` sees until it sees nothing alive, twice at least; return the pids.

    All are stopped before the first is killed: while they stand still none forks, and none
    loses the parent by which it is found. Raises Broken, naming what survives.
    """
    killed: dict[int, Seen] = {}

    def left() -> list[Seen]:
        """Also what was killed and is not dead yet, though by now nothing leads to it."""
        return [seen for seen in (*find(), *_as_now(killed.values())) if seen.is_alive]

    deadline = time.monotonic() + _MAX_SECONDS
    for sweep in range(_MAX_SWEEPS):
        standing = _freeze(left)
        for seen in standing.values():
            _send(seen, signal.SIGKILL)
        killed.update(standing)
        if not standing and sweep > 0:
            return set(killed)
        if time.monotonic() > deadline:
            break
        if standing:
            time.sleep(min(0.001 * 2**sweep, 0.2))
    survivors = sorted({seen.pid for seen in left()})
    if survivors:
        raise Broken(f"these processes survive every kill: {', '.join(map(str, survivors))}")
    return set(killed)


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


def _is_marked(seen: Seen, tree: Tree) -> bool:
    marks = _marks.of(seen)
    return bool(marks) and any(mark <= marks for mark in tree.marks)


def _as_now(known: Iterable[Seen]) -> list[Seen]:
    """Those that are there still, and not a later process of their number."""
    pairs = [(proc.see(one.pid), one) for one in known]
    return [now for now, one in pairs if now is not None and now.start == one.start]


def _freeze(left: Callable[[], Iterable[Seen]]) -> dict[int, Seen]:
    """Stop the living until a look shows no new one."""
    standing: dict[int, Seen] = {}
    for _ in range(_MAX_SWEEPS):
        new = [seen for seen in left() if seen.pid not in standing]
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
    found: dict[int, Seen] = {}
    todo = list(roots)
    while todo:
        seen = todo.pop()
        if seen.pid not in found:
            found[seen.pid] = seen
            todo += table.by_parent.get(seen.pid, ())
            todo += table.by_session.get(seen.pid, ())
    return list(found.values())
