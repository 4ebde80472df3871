"""A service manager hears that the daemon lives only while it does its work."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.abc import TaskGroup
from structlog.testing import capture_logs

from wfd.domain.errors import StoreDown
from wfd.engine import watchdog, worker
from wfd.engine.parts import Parts
from wfd.engine.pulse import WORKER
from wfd.engine.stop import Stopping

if TYPE_CHECKING:
    from tests.engine.conftest import Bench

WITHIN_S = 0.4
DEADLINE_S = 8


class Heard:
    def __init__(self) -> None:
        self.times: list[float] = []

    def alive(self) -> None:
        self.times.append(anyio.current_time())

    async def more(self, count: int = 3) -> None:
        wanted = len(self.times) + count
        with anyio.fail_after(DEADLINE_S):
            while len(self.times) < wanted:
                await anyio.sleep(0.01)

    async def none(self, for_s: float = 3 * WITHIN_S) -> None:
        await anyio.sleep(WITHIN_S / 4)  # one that was on its way
        before = len(self.times)
        await anyio.sleep(for_s)
        assert len(self.times) == before


@asynccontextmanager
async def watched(parts: Parts) -> AsyncIterator[tuple[Heard, TaskGroup]]:
    heard = Heard()
    async with anyio.create_task_group() as group:
        group.start_soon(watchdog.watch, parts, WITHIN_S, heard.alive)
        try:
            yield heard, group
        finally:
            group.cancel_scope.cancel()


async def test_it_is_told_while_the_worker_turns_however_rarely_it_looks_by_itself(
    bench: "Bench",
) -> None:
    bench.flags["pollMs"] = 60_000
    async with bench.running() as engine, watched(engine.parts) as (heard, _):
        await heard.more(6)
    gaps = [after - before for before, after in zip(heard.times, heard.times[1:], strict=False)]
    assert sorted(gaps)[len(gaps) // 2] <= WITHIN_S / 2


async def test_a_worker_that_is_stuck_is_not_alive(bench: "Bench") -> None:
    async with bench.opened() as engine, watched(engine.parts) as (heard, group):
        with capture_logs() as logged:
            await heard.none()
        assert heard.times == []
        assert "watchdog.silent" in {line["event"] for line in logged}
        group.start_soon(worker.work, engine.parts, group)
        await heard.more()


async def test_a_store_that_cannot_be_reached_is_not_alive(bench: "Bench") -> None:
    async def turn() -> None:
        while True:
            engine.parts.pulse.beat(WORKER, 60)
            await anyio.sleep(0.01)

    async with bench.opened() as engine, watched(engine.parts) as (heard, group):
        group.start_soon(turn)  # it is the store alone that does not answer
        await heard.more()
        with closing(sqlite3.connect(bench.place.store_path, isolation_level=None)) as foreign:
            foreign.execute("begin immediate")
            await heard.none()
            foreign.execute("rollback")
        await heard.more()


async def test_a_store_that_says_that_it_cannot_be_written_has_answered(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is not mended by a restart, and what runs would be lost by it."""

    full = StoreDown("the store could not be written: database or disk is full")

    async def fails(work: object) -> None:
        engine.parts.store._condition.failed(full)  # type: ignore[attr-defined]
        raise full

    async with bench.running() as engine, watched(engine.parts) as (heard, _):
        monkeypatch.setattr(engine.parts.store, "write", fails)
        with anyio.fail_after(DEADLINE_S):
            while engine.parts.store.trouble is None:
                await anyio.sleep(0.01)
        await heard.more(5)
        assert engine.parts.pulse.overdue() == []


async def test_a_drain_is_alive(bench: "Bench") -> None:
    bench.flags["drainMs"] = 60_000
    bench.plays({"implement": [[{"wait_for": str(bench.tmp / "go")}]]})
    async with bench.opened() as engine, watched(engine.parts) as (heard, group):
        group.start_soon(worker.work, engine.parts, group)
        one = await engine.create("Greet", type="implement", context="Greet")
        await engine.until_running(one)
        group.start_soon(Stopping().drain, engine.parts)
        with anyio.fail_after(DEADLINE_S):
            while not engine.parts.is_stopping:
                await anyio.sleep(0.01)
        await heard.more(5)
        assert engine.parts.pulse.overdue() == []
        (bench.tmp / "go").touch()
        with anyio.fail_after(DEADLINE_S):
            while engine.parts.live:
                await anyio.sleep(0.01)
