"""What a daemon that died has left: many runs at once, and the first soon makes room."""

from typing import TYPE_CHECKING

import anyio
import pytest

from wfd.engine import recover
from wfd.engine.lease import take_work

if TYPE_CHECKING:
    from tests.engine.conftest import Bench

    from wfd.ports import Birth


async def test_lost_runs_are_concluded_a_few_at_a_time(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    most = recover._LOST_AT_ONCE
    at_once: list[int] = [0]

    async def counted(tag: str, birth: "Birth | None" = None) -> int:
        at_once.append(at_once[-1] + 1)
        await anyio.sleep(0.02)
        at_once.append(at_once[-1] - 1)
        return 0

    async with bench.opened() as engine:
        ours = [await engine.create(type="implement") for _ in range(most + 3)]
        terms = engine.terms(len(ours), "earlier")
        await engine.parts.store.write(lambda tx: take_work(tx, terms))
        left = await recover.end_orphans(engine.parts)
        monkeypatch.setattr(engine.parts.spawner, "end_tree", counted)
        async with anyio.create_task_group() as group:
            recover.conclude_all(engine.parts, group, left)
        runs = [run for of in ours for run in await engine.runs(of)]
    assert max(at_once) == most
    assert [run.outcome for run in runs] == ["lost"] * len(ours)
