"""The system's processes as /proc shows them. Linux; elsewhere there is nothing to see."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wfd.ports import Birth

PROC = "/proc"
_BLOCK = 16384
_ROUNDS = 20  # listings of one look, before it goes on with what it has


@dataclass(frozen=True, slots=True)
class Seen:
    """One process at the moment of a look."""

    pid: int
    start: int  # clock ticks since boot
    parent: int
    session: int
    is_alive: bool  # not a zombie


Table = dict[int, Seen]


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


def look() -> Table:
    """All processes of this moment.

    It lists again until nothing new turns up, so that one which forks and exits faster than
    a single listing is read does not slip through.
    """
    table: Table = {}
    read: set[str] = set()
    for _ in range(_ROUNDS):
        # os.listdir, because a Path for each of them would cost more than the rest
        listing = os.listdir(PROC)  # noqa: PTH208
        new = [name for name in listing if name.isdigit() and name not in read]
        if not new:
            break
        read.update(new)
        for name in new:
            if seen := see(int(name)):
                table[seen.pid] = seen
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
    return Seen(pid, int(fields[19]), int(fields[1]), int(fields[3]), is_alive)


def environ(pid: int) -> bytes:
    """The environment it was started with, each NAME=value between zero bytes."""
    return b"\0" + _read(f"{PROC}/{pid}/environ")


def ancestors(table: Table, pid: int) -> set[int]:
    """The process itself, its parent, and so on up."""
    found: set[int] = set()
    while pid in table and pid not in found:
        found.add(pid)
        pid = table[pid].parent
    return found


def _read(path: str) -> bytes:
    """The whole file; empty if it is gone or not ours to read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    parts = []
    try:
        while part := os.read(fd, _BLOCK):
            parts.append(part)
            if len(part) < _BLOCK:
                break  # these files come short only at their end
    except OSError:
        return b""
    finally:
        os.close(fd)
    return b"".join(parts)
