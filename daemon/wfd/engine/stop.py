"""Stopping: drain first, then interrupt. What is interrupted costs its job no attempt."""

import anyio

from wfd.domain.outcome import EndedBy
from wfd.engine.parts import Parts
from wfd.engine.pulse import WORKER

TURN_S = 60.0  # a turn that takes longer hangs


class Stopping:
    def __init__(self) -> None:
        self._asked = anyio.Event()
        self._at_once = anyio.Event()

    def ask(self, *, at_once: bool = False) -> None:
        """Stop; asked twice, or at once, running work is interrupted."""
        if at_once or self._asked.is_set():
            self._at_once.set()
        self._asked.set()

    async def wait(self) -> None:
        await self._asked.wait()

    async def drain(self, parts: Parts) -> None:
        """Let running work end for a while, then interrupt it and wait for it to be closed."""
        parts.is_stopping = True
        parts.wake()
        with anyio.move_on_after(parts.settings.config.drain_ms / 1000):
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_empty, parts, group.cancel_scope)
                await self._at_once.wait()
                group.cancel_scope.cancel()
        for live in list(parts.live.values()):
            live.end(EndedBy.STOP)
        await self._until_empty(parts)

    async def _until_empty(self, parts: Parts, scope: anyio.CancelScope | None = None) -> None:
        while parts.live:
            parts.pulse.beat(WORKER, TURN_S)
            await parts.wait(100)
        if scope is not None:
            scope.cancel()
