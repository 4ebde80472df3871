"""Room on the disk: no work is begun without it, and what failed for want of it is tried again."""

import errno
import math
import os
from collections.abc import Callable, Iterator

import anyio

from wfd.domain.errors import StoreDown, TryLater
from wfd.engine.parts import Parts

_LOOK_S = 0.25
_HARDLY_ANY = 1024 * 1024  # bytes; what an agent says may not have been written
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# as a git says it that failed, also one whose last byte of an index found no room
_WORDS = (*(os.strerror(number) for number in _NO_ROOM), "Out of diskspace")


def pauses(first_s: float, longest_s: float) -> Iterator[float]:
    """How long to wait before each further try: twice as long each time, up to a bound."""
    pause = first_s
    while True:
        yield pause
        pause = min(2 * pause, longest_s)


async def wait(parts: Parts, pause_s: float, meanwhile: Callable[[], None] = lambda: None) -> None:
    """So long, or until the daemon is told to stop."""
    for _ in range(math.ceil(pause_s / _LOOK_S)):
        if parts.is_stopping:
            return
        meanwhile()
        await anyio.sleep(min(pause_s, _LOOK_S))


def may_heal(error: BaseException | None) -> bool:
    """Whether something failed for want of a disk that can be written, and not of itself."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    return isinstance(error, StoreDown) or any(words in str(error) for words in _WORDS)


def is_full(parts: Parts) -> bool:
    """Whether what was just to be written may have failed for want of room."""
    return parts.free_bytes() < _HARDLY_ANY


def refuse_without_room(parts: Parts) -> None:
    """Raise TryLater where new work would find no room, or could not be written down."""
    free, wanted = _free_and_wanted(parts)
    if free < wanted:
        raise TryLater(
            f"no new work is begun: the disk of the state folder has {free} bytes free, and"
            f" limits.freeBytes wants {wanted}"
        )
    if parts.store.trouble is not None:
        raise TryLater(f"no new work is begun: {parts.store.trouble.reason}")


def _free_and_wanted(parts: Parts) -> tuple[int, int]:
    return parts.free_bytes(), parts.settings.config.limits.free_bytes


class Room:
    """Whether there is enough for new work; said once when it is short, and once when not."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._was_short = False

    def is_short(self) -> bool:
        free, wanted = _free_and_wanted(self._parts)
        is_short = free < wanted
        if is_short and not self._was_short:
            self._parts.log.error(
                "disk.short",
                free_bytes=free,
                wanted_bytes=wanted,
                reason="no new work is begun until there is room, or limits.freeBytes is less",
            )
        elif self._was_short and not is_short:
            self._parts.log.warning("disk.has_room", free_bytes=free)
        self._was_short = is_short
        return is_short
