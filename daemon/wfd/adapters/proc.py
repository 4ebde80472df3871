"""The system's processes as /proc shows them. Linux; elsewhere there is nothing to see."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from wfd.ports import Birth

PROC = "/proc"
_BLOCK = 16384
_ROUNDS = 20  # listings of one look, before it goes on with what it has
_KERNEL_THREAD = 0x00200000  # of a process's flags
NOWHERE = (0, 0)


class Seen(NamedTuple):
    """One process at the moment of a look."""

    pid: int
    start: int  # clock ticks since boot
    parent: int
    session: int
    is_alive: bool  # not a zombie
    # Where its environment lies, and so another after each exec; (0, 0) when it is not ours to
    # read, while an exec is under way, and None for what has none at all.
    environment: tuple[int, int] | None


class Table(dict[int, Seen]):
    """Processes by pid."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: dict[int, int] = {}  # all pids, also of what was not read, with their inodes

    @cached_property
    def by_parent(self) -> Mapping[int, Sequence[Seen]]:
        return self._grouped(lambda seen: seen.parent)

    @cached_property
    def by_session(self) -> Mapping[int, Sequence[Seen]]:
        return self._grouped(lambda seen: seen.session)

    @cached_property
    def ours(self) -> frozenset[int]:
        """This process, its parent, and so on up."""
        found: set[int] = set()
        pid = os.getpid()
        while pid not in found and (seen := self.get(pid) or see(pid)):
            found.add(pid)
            pid = seen.parent
        return frozenset(found)

    def _grouped(self, key: Callable[[Seen], int]) -> Mapping[int, Sequence[Seen]]:
        groups: dict[int, list[Seen]] = {}
        for seen in self.values():
            groups.setdefault(key(seen), []).append(seen)
        return groups


@cache
def is_there() -> bool:
    return Path(PROC, "self/stat").exists()


@cache
def boot_id() -> str | None:
    """What tells this boot from every other, or None where the system does not say."""
    try:
        return Path(PROC, "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def birth_of(pid: int) -> Birth:
    """What finds the process again; without a start time if it is gone already."""
    seen = see(pid)
    return Birth(pid, seen.start if seen else None, boot_id())


def look(but: Mapping[int, int] | None = None) -> Table:
    """All processes of this moment, except those that `but` names by pid and inode.

    It lists again until nothing new turns up, so that one which forks and exits faster than
    a single listing is read does not slip through.
    """
    table = Table()
    but = but or {}
    for _ in range(_ROUNDS):
        listed = _listed()
        new = [pid for pid in listed if pid not in table.listed]
        if not new:
            break
        table.listed |= listed
        for pid in new:
            if but.get(pid) != listed[pid] and (seen := see(pid)):
                table[pid] = seen
    return table


def see(pid: int) -> Seen | None:
    """One process, or None if there is none of that number."""
    data = _read(f"{PROC}/{pid}/stat")
    if not data:
        return None
    # The name stands in brackets and may itself hold spaces and brackets.
    fields = data[data.rindex(b")") + 2 :].split()
    # A leader that ended before its other threads looks like a zombie and is none.
    is_alive = fields[0] not in (b"Z", b"X") or int(fields[17]) > 1
    is_kernels = int(fields[6]) & _KERNEL_THREAD
    environment = None if is_kernels else (int(fields[47]), int(fields[48]))
    return Seen(pid, int(fields[19]), int(fields[1]), int(fields[3]), is_alive, environment)


def children(pid: int) -> list[int]:
    """The pids of its children, adopted ones too, if it has one thread."""
    if _tells_children():
        return [int(child) for child in _read(f"{PROC}/{pid}/task/{pid}/children").split()]
    return [seen.pid for seen in look().by_parent.get(pid, ())]


def inner_pids(pid: int) -> tuple[int, ...]:
    """Its numbers in the PID namespaces that it is in below this one, the innermost last."""
    for line in _read(f"{PROC}/{pid}/status").split(b"\n"):
        if line.startswith(b"NSpid:"):
            return tuple(map(int, line.split()[2:]))
    return ()


def environ(pid: int) -> bytes:
    """The environment it was started with, each NAME=value between zero bytes."""
    return b"\0" + _read(f"{PROC}/{pid}/environ")


def is_readable(seen: Seen) -> bool:
    """Whether its environment was there to be read, if it has one and is not another user's."""
    if not seen.is_alive or seen.environment != NOWHERE:
        return True
    try:
        # a Path for each would cost more than the rest
        return os.stat(f"{PROC}/{seen.pid}").st_uid != os.geteuid()  # noqa: PTH116
    except OSError:
        return False


@cache
def _tells_children() -> bool:
    """Most kernels are built so."""
    return Path(PROC, "thread-self/children").exists()


def _listed() -> dict[int, int]:
    """All pids, each with its inode: a process keeps it, and the next of that pid has another."""
    with os.scandir(PROC) as listing:
        return {int(entry.name): entry.inode() for entry in listing if entry.name.isdigit()}


def _read(path: str) -> bytes:
    """The whole file; empty if it is gone or not ours to read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        data = os.read(fd, _BLOCK)
        if len(data) == _BLOCK:  # these files come short only at their end
            while part := os.read(fd, _BLOCK):
                data += part
    except OSError:
        return b""
    finally:
        os.close(fd)
    return data
