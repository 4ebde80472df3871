"""Which session a run goes on with, and on which model."""

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
LONG = "opus[1m]"


def denied(run: int) -> dict[str, object]:
    """A login that fails in the run of that number."""
    return {"error": {"status": 401, "text": "Invalid API key"}, "run": run}


async def _first_runs(engine: "Opened", one: "AssignmentId", count: int) -> "list[Run]":
    with anyio.fail_after(60):
        while True:
            runs = [run for run in await engine.runs(one) if run.outcome]
            if len(runs) >= count:
                return runs[:count]
            await anyio.sleep(0.02)


async def _configure(bench: "Bench", engine: "Opened", **own: str) -> None:
    bench.flags["harnesses"] = {"sim": own}
    engine.settings.reload()


async def test_a_resumed_session_keeps_the_model_that_it_ran_on(bench: "Bench") -> None:
    bench.flags["harnesses"] = {"sim": {"model": LONG}}
    bench.plays({"implement": [[EDIT, denied(1), denied(2)]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "blocked"
        await _configure(bench, engine)
        await engine.send("update_assignment", assignment=one, status="active")
        first, second, third = await _first_runs(engine, one, 3)
    assert second.resumed == third.resumed == first.session_id
    assert third.model == second.model == first.model == LONG


async def test_a_model_that_does_not_exist_is_not_kept_with_its_session(bench: "Bench") -> None:
    bench.flags["harnesses"] = {"sim": {"model": "nonsense"}}
    unknown = {"error": {"status": 404, "text": "no such model"}, "run": 1}
    bench.plays({"implement": [[EDIT, unknown]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "blocked"
        await _configure(bench, engine)
        await engine.send("update_assignment", assignment=one, status="active")
        first, second = await _first_runs(engine, one, 2)
    assert (first.outcome, first.model) == ("usage", "nonsense")
    assert second.resumed == first.session_id
    assert second.model == "sim-1"


async def test_a_session_is_not_gone_on_with_by_another_agent(bench: "Bench") -> None:
    bench.plays({"implement": [[EDIT, denied(1), denied(2)]]})
    bench.flags["harnesses"] = {"codex": {"binary": "/bin/true"}}
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "blocked"
        bench.flags["harnessDefaults"] = {"default": "codex"}
        engine.settings.reload()
        await engine.send("update_assignment", assignment=one, status="active")
        _, second, third = await _first_runs(engine, one, 3)
    assert (second.harness, third.harness) == ("sim", "codex")
    assert second.session_id is not None
    assert (third.resumed, third.model) == (None, None)
