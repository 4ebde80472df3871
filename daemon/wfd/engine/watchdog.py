"""Telling a service manager that the daemon lives: not that it runs, but that it does its work."""

from collections.abc import Callable

import anyio

from wfd.domain.errors import StoreFailed
from wfd.engine.parts import Parts
from wfd.engine.pulse import WORKER


async def watch(parts: Parts, within_s: float, alive: Callable[[], None]) -> None:
    """Call `alive` at least every `within_s / 2`, while the store answers and the worker turns.

    Where one of them does not, nobody is told, and whoever waits for it ends this process.
    """
    while True:
        if await _is_well(parts, within_s):
            alive()
        await anyio.sleep(within_s / 4)


async def _is_well(parts: Parts, within_s: float) -> bool:
    """Once both have answered, however long that takes; the log says whom it waits for."""
    async with anyio.create_task_group() as group:
        group.start_soon(_tell_if_late, parts, within_s / 2, name="watchdog's patience")
        try:
            await parts.store.write(lambda tx: None)
        except StoreFailed:
            pass  # that is an answer: another start heals no disk, and would end all that runs
        except Exception as error:  # a loop that is to tell of trouble outlives it
            parts.log.error("watchdog.silent", reason=f"the store: {error}")
            group.cancel_scope.cancel()
            return False
        await _turned(parts)
        group.cancel_scope.cancel()
    return True


async def _turned(parts: Parts) -> None:
    """Until the worker's loop, or that of the drain, has come round once more."""
    parts.wake()
    await parts.pulse.turned(WORKER)


async def _tell_if_late(parts: Parts, after_s: float) -> None:
    await anyio.sleep(after_s)
    parts.log.error("watchdog.silent", reason="the store or the worker does not answer")
