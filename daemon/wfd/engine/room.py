"""Room on the disk: no work is begun without it, and what failed for want of it is tried again."""

import math
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import anyio

from wfd.domain.errors import Broken, Conflict, StoreDown, TryLater
from wfd.domain.run import Run
from wfd.engine.parts import Parts
from wfd.rules.passing import is_for_want_of_room, passes

T = TypeVar("T")

AGAIN_S = (1.0, 30.0)  # the first and the longest pause between two tries of a step
ROOM_DEADLINE_S = 12 * 3600.0  # that a disk is waited for; then a person is asked
SHORT_DEADLINE_S = 180.0  # the same for what comes back soon, or never
_LOOK_S = 0.25
_HARDLY_ANY = 1024 * 1024  # bytes; what an agent says may not have been written


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
    """Whether something failed for want of what comes back, and not of itself."""
    return isinstance(error, StoreDown) or (error is not None and passes(error))


async def once_it_passes(
    parts: Parts, run: Run, step: Callable[[], Awaitable[T]], for_s: float
) -> T:
    """What a step comes to, tried again while it fails for want of what comes back.

    A disk that is full, or a store that is down, is waited for so long; a lack of processes,
    memory or open files, or a lock of another git, for a few minutes at most. Raises what the
    last try has raised. Each step finds what an earlier try of it has done.
    """
    began, told = anyio.current_time(), False
    for pause in pauses(*AGAIN_S):
        try:
            return await step()
        except (Broken, Conflict, OSError) as error:
            within_s = for_s if _is_waited_for(error) else min(for_s, SHORT_DEADLINE_S)
            if not may_heal(error) or anyio.current_time() - began > within_s:
                raise
            if not told:
                parts.log.error("run.waits_for_room", run_id=run.id, error=str(error))
                told = True
        await anyio.sleep(pause)
    raise AssertionError("the pauses never end")


def _is_waited_for(error: Exception) -> bool:
    return isinstance(error, StoreDown) or is_for_want_of_room(error)


def is_full(parts: Parts) -> bool:
    """Whether what was just to be written may have failed for want of room."""
    return parts.free_bytes() < _HARDLY_ANY


def refuse_without_room(parts: Parts) -> None:
    """Raise TryLater where new work would find no room, or could not be written down."""
    free, wanted = _free_and_wanted(parts)
    if free < wanted:
        raise TryLater(
            f"no new work starts: the disk of the state folder has {free} bytes free, and"
            f" limits.freeBytes requires {wanted}"
        )
    if parts.store.trouble is not None:
        raise TryLater(f"no new work starts: {parts.store.trouble.reason}")


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
                reason="no new work starts until there is room, or limits.freeBytes is less",
            )
        elif self._was_short and not is_short:
            self._parts.log.warning("disk.has_room", free_bytes=free)
        self._was_short = is_short
        return is_short
