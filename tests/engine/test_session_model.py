"""Which session a run goes on with, and on which model."""

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
LONG = "opus[1m]"


async def _first_two_runs(engine: "Opened", one: "AssignmentId") -> "list[Run]":
    with anyio.fail_after(60):
        while True:
            runs = [run for run in await engine.runs(one) if run.outcome]
            if len(runs) >= 2:
                return runs[:2]
            await anyio.sleep(0.02)


async def _configure(bench: "Bench", engine: "Opened", **own: str) -> None:
    bench.flags["harnesses"] = {"sim": own}
    engine.settings.reload()


async def test_a_resumed_session_keeps_the_model_that_it_ran_on(bench: "Bench") -> None:
    bench.flags["harnesses"] = {"sim": {"model": LONG}}
    denied = {"error": {"status": 401, "text": "Invalid API key"}, "run": 1}
    bench.plays({"implement": [[EDIT, denied]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "blocked"
        await _configure(bench, engine)
        await engine.send("update_assignment", assignment=one, status="active")
        first, second = await _first_two_runs(engine, one)
    assert second.resumed == first.session_id
    assert second.model == first.model == LONG


async def test_a_model_that_does_not_exist_is_not_kept_with_its_session(bench: "Bench") -> None:
    bench.flags["harnesses"] = {"sim": {"model": "nonsense"}}
    unknown = {"error": {"status": 404, "text": "no such model"}, "run": 1}
    bench.plays({"implement": [[EDIT, unknown]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "blocked"
        await _configure(bench, engine)
        await engine.send("update_assignment", assignment=one, status="active")
        first, second = await _first_two_runs(engine, one)
    assert (first.outcome, first.model) == ("usage", "nonsense")
    assert second.resumed == first.session_id
    assert second.model == "sim-1"


async def test_a_session_is_not_gone_on_with_by_another_agent(bench: "Bench") -> None:
    denied = {"error": {"status": 401, "text": "Invalid API key"}, "run": 1}
    bench.plays({"implement": [[EDIT, denied]]})
    bench.flags["harnesses"] = {"codex": {"binary": "/bin/true"}}
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "blocked"
        bench.flags["harnessDefaults"] = {"default": "codex"}
        engine.settings.reload()
        await engine.send("update_assignment", assignment=one, status="active")
        first, second = await _first_two_runs(engine, one)
    assert (first.harness, second.harness) == ("sim", "codex")
    assert first.session_id is not None
    assert (second.resumed, second.model) == (None, None)
