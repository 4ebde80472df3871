"""Workspaces that lie on the disk though no row says so."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from structlog.testing import capture_logs

from wfd.domain.lane import Lane
from wfd.engine import housekeep, leftovers
from wfd.prune import Pruned, Wanted, prune
from wfd.store.alone import utc_ms

if TYPE_CHECKING:
    from tests.engine.conftest import Bench

BLOCKS: dict[str, object] = {
    "pm": [[{"structured": {"decision": "block", "question": "?", "reason": "x"}}]]
}
FAILING = ({"setup": ["false"]}, {"copy": ["../outside"]})


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeep, "EVERY_S", 0.05)
    monkeypatch.setattr(leftovers, "EVERY_S", 0.1)


def left(bench: "Bench") -> list[str]:
    return sorted(path.name for path in (bench.place.state_dir / "ns" / "1").glob("A*"))


async def until_gone(bench: "Bench") -> None:
    with anyio.fail_after(30):
        while left(bench):
            await anyio.sleep(0.02)


def pruned(bench: "Bench") -> Pruned:
    return prune(bench.place, Wanted(None, utc_ms() + 1), is_trial=False, tell=lambda what: None)


@pytest.mark.parametrize("workspace", FAILING)
async def test_a_workspace_whose_set_up_failed_goes_when_its_assignment_ends(
    bench: "Bench", workspace: dict[str, object]
) -> None:
    bench.configures(workspace=workspace)
    bench.plays(BLOCKS)
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await engine.settled(one)
        assert "A1" in left(bench)
        await engine.send("update_assignment", assignment=one, status="cancelled")
        await until_gone(bench)


async def test_that_of_a_lane_goes_with_it(bench: "Bench") -> None:
    bench.configures(workspace={"setup": ["false"]})
    bench.plays(BLOCKS)
    async with bench.running() as engine:
        one = await engine.create("Greet")
        await engine.send(
            "insert_job", assignment=one, type="implement", context="x", locks=("a",), parallel=True
        )
        with anyio.fail_after(30):
            while not [name for name in left(bench) if name.startswith("A1-J") and "." not in name]:
                await anyio.sleep(0.02)
        await engine.send("update_assignment", assignment=one, status="cancelled")
        await until_gone(bench)
        assert not any(
            lane.is_set_up
            for lane in await engine.parts.store.all(Lane, "lanes_of", assignment_id=one)
        )


async def test_one_that_was_left_by_an_earlier_life_is_not_forgotten_before_it_is_gone(
    bench: "Bench",
) -> None:
    bench.configures(workspace={"setup": ["false"]})
    bench.plays(BLOCKS)
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await engine.settled(one)
    async with bench.opened() as engine:
        await engine.send("update_assignment", assignment=one, status="cancelled")
    said = pruned(bench)
    assert (said.assignments, said.kept) == (0, 1)
    async with bench.running() as engine:
        await until_gone(bench)
    said = pruned(bench)
    assert (said.assignments, said.kept) == (1, 0)


async def test_what_no_row_knows_is_left_alone_and_named_once(bench: "Bench") -> None:
    async with bench.opened() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
    spaces = bench.place.state_dir / "ns"
    made = [spaces / "1" / "A77", spaces / "1" / f"A{one}-J99", spaces / "9" / f"A{one}"]
    for folder in made:
        folder.mkdir(parents=True)
    with capture_logs() as logged:
        async with bench.running():
            with anyio.fail_after(30):
                while len(unknown(logged)) < len(made):
                    await anyio.sleep(0.02)
            await anyio.sleep(0.3)
    assert {Path(one["path"]) for one in unknown(logged)} == set(made)
    assert len(unknown(logged)) == len(made)
    assert all(folder.is_dir() for folder in made)


def unknown(logged: list[Any]) -> list[Any]:
    return [line for line in logged if line["event"] == "workspace.unknown"]
