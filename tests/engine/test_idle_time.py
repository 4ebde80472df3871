"""Time in which nothing ran is not counted against the cap on time."""

import sqlite3
from typing import TYPE_CHECKING

from tests.engine.test_leases import EDIT, leased_by_another

from wfd.store.store import utc_ms

if TYPE_CHECKING:
    from tests.engine.conftest import Bench

NIGHT_MS = 10 * 3_600_000


def a_night_passes(bench: "Bench") -> None:
    with sqlite3.connect(bench.place.store_path) as store:
        store.execute(
            "update run set started_at = started_at - :night, lease_until = lease_until - :night",
            {"night": NIGHT_MS},
        )
    store.close()


async def test_a_night_without_a_daemon_does_not_reach_the_cap_on_time(bench: "Bench") -> None:
    bench.plays({"implement": [[EDIT]]})
    async with bench.opened() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await leased_by_another(engine, ttl_ms=1000)
    a_night_passes(bench)
    async with bench.running() as engine:
        done = await engine.settled(one)
        assert (await engine.runs(one))[0].outcome == "lost"
    assert done.state == "complete"
    assert done.wall_ms < NIGHT_MS / 10


async def test_a_run_that_is_swept_late_is_counted_until_its_lease_lapsed(bench: "Bench") -> None:
    bench.flags["leaseTtlMs"] = 300
    bench.plays({"implement": [[EDIT]]})
    async with bench.opened() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await leased_by_another(engine, ttl_ms=1)
        a_night_passes(bench)
        async with bench.at_work(engine):
            done = await engine.settled(one)
        assert (await engine.runs(one))[0].outcome == "lost"
    assert done.wall_ms < NIGHT_MS / 10


class Calendar:
    """What a machine's calendar says when it has slept."""

    def __init__(self) -> None:
        self.slept_ms = 0

    def now(self) -> int:
        return utc_ms() + self.slept_ms


async def test_the_time_for_which_the_machine_slept_is_not_counted(bench: "Bench") -> None:
    go, calendar = bench.tmp / "go", Calendar()
    bench.plays({"implement": [[{"wait_for": str(go)}, EDIT]]})
    async with bench.opened() as engine:
        engine.parts.clock = calendar
        async with bench.at_work(engine):
            one = await engine.create("Greet", type="implement", context="Greet")
            await engine.until_running(one)
            a_night_passes(bench)
            calendar.slept_ms = NIGHT_MS
            go.touch()
            done = await engine.settled(one)
        assert (await engine.runs(one))[0].outcome == "succeeded"
    assert done.state == "complete"
    assert done.wall_ms < NIGHT_MS / 10
