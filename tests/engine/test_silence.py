"""Which silence ends a run, and which does not."""

import sys
from typing import TYPE_CHECKING

import pytest

from wfd.engine import run_agent
from wfd.store.statements import statements

if TYPE_CHECKING:
    from tests.engine.conftest import Bench

    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


async def _first_run(bench: "Bench") -> "Run":
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await engine.settled(one)
        return (await engine.runs(one))[0]


async def test_an_agent_that_said_for_how_long_it_waits_is_not_stalled_meanwhile(
    bench: "Bench",
) -> None:
    bench.configures(stallMs=1000)
    overloaded = {"api_retry": {"delay_ms": 60_000, "status": 529}}
    bench.plays({"implement": [[overloaded, {"sleep": 2.5}, EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "none")


async def test_an_agent_that_is_slow_to_start_has_the_time_for_its_first_line(
    bench: "Bench",
) -> None:
    bench.configures(stallMs=1000)
    slow = bench.tmp / "slow-agent"
    slow.write_text(f'#!/bin/sh\nsleep 2.5\nexec {sys.executable} -P -m wfd_runners.sim "$@"\n')
    slow.chmod(0o755)
    bench.flags["harnesses"] = {"sim": {"binary": str(slow)}}
    bench.plays({"implement": [[EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "none")


async def test_what_an_agent_says_after_its_result_buys_it_no_time(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_agent, "AFTER_RESULT_MS", 500)
    talker = bench.tmp / "talker"
    sim = f'{sys.executable} -P -m wfd_runners.sim "$@"'
    talker.write_text(f'#!/bin/sh\n{sim}\nwhile :; do echo \'{{"type":"x"}}\'; sleep 0.1; done\n')
    talker.chmod(0o755)
    bench.flags["harnesses"] = {"sim": {"binary": str(talker)}}
    bench.plays({"implement": [[EDIT]]})
    run = await _first_run(bench)
    assert (run.outcome, run.ended_by) == ("succeeded", "timeout")


async def test_a_store_that_fails_for_a_moment_ends_no_agent(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(statements(), "record_session", "update nowhere set id = :id")
    bench.plays({"implement": [[EDIT]]})
    run = await _first_run(bench)
    assert run.outcome == "succeeded"
    assert run.session_id is not None, "the end of the run tells it as well"
