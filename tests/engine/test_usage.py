"""Whose tokens are whose, where a CLI tells those of its whole session."""

import json
from typing import TYPE_CHECKING

import anyio
import pytest

from wfd_runners.sim.harness import Sim

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
USAGE = {"input_tokens": 1000, "cache_read_input_tokens": 100, "output_tokens": 20}
# A failed end that tells what it used: the sim's own steps tell that of good ends alone.
OVERLOADED = {
    "type": "result", "subtype": "success", "is_error": True, "api_error_status": 529,
    "result": "API Error: 529 Overloaded", "num_turns": 1, "usage": USAGE,
}  # fmt: skip


def _plays(bench: "Bench", end: "Path") -> None:
    """The first run fails with its usage, the second one is interrupted, the third succeeds."""
    policies = bench.tmp / "config" / "policies"
    policies.mkdir(parents=True)
    (policies / "default.yaml").write_text(bench.policy(base_ms=1))
    failed = [{"garbage": json.dumps(OVERLOADED), "run": 1}, {"crash": 1, "run": 1}]
    interrupted = {"wait_for": str(end), "run": 2}
    bench.plays({"implement": [[*failed, interrupted, EDIT, {"tokens": [2500, 50]}]]})


async def _three_runs(bench: "Bench") -> list["Run"]:
    """Of one job, the last one after a restart."""
    _plays(bench, bench.tmp / "never")
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await _until_second(engine, one)
    async with bench.running() as engine:
        await engine.settled(one)
        return [run for run in await engine.runs(one) if run.job_id == 1]


async def _until_second(engine: "Opened", one: "AssignmentId") -> None:
    with anyio.fail_after(60):
        while not [r for r in await engine.runs(one) if r.resumed and r.session_id]:
            await anyio.sleep(0.02)


def _tokens(run: "Run") -> tuple[int | None, int | None, int | None]:
    return run.tokens_in, run.tokens_cached, run.tokens_out


async def test_a_run_keeps_what_it_added_to_its_session_also_after_a_restart(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sim, "usage_spans_session", True)
    first, second, third = await _three_runs(bench)
    assert [first.outcome, second.outcome, third.outcome] == [
        "transient",
        "interrupted",
        "succeeded",
    ]
    assert first.session_id == second.session_id == third.session_id is not None
    assert _tokens(first) == (1100, 100, 20)
    assert _tokens(second) == (None, None, None), "what was not told is not zero"
    assert (third.tokens_in, third.tokens_out) == (1400, 30)


async def test_a_run_of_a_cli_that_counts_by_itself_keeps_what_it_told(bench: "Bench") -> None:
    third = (await _three_runs(bench))[2]
    assert (third.tokens_in, third.tokens_out) == (2500, 50)
