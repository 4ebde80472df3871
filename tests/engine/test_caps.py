"""Caps with real agents: they pause and ask, and what was done stays and goes on."""

import json
from typing import TYPE_CHECKING

import anyio
import pytest

from wfd.rules.daily import next_day

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.job import Job
    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
TURN = {"shell": "true"}  # a message of its own, and so tokens of its own
SILENCE = {"silence": True, "run": 1}
PASS = {"structured": {"verdict": "pass", "findings": [], "summary": "fine"}}


async def _raises(engine: "Opened", **keys: object) -> None:
    """A person changes the repository's file and accepts that."""
    bench = engine.bench
    bench.configures(**keys)
    await engine.register()


async def _first(engine: "Opened", one: "AssignmentId") -> tuple["Job", list["Run"]]:
    job = (await engine.jobs(one))[0]
    return job, [run for run in await engine.runs(one) if run.job_id == job.id]


async def _paused(engine: "Opened") -> "AssignmentId":
    one = await engine.create("Greet", type="implement", context="Greet")
    assert (await engine.settled(one)).state == "paused"
    return one


async def test_a_budget_is_enforced_while_the_run_streams_and_the_work_goes_on_when_it_is_raised(
    bench: "Bench",
) -> None:
    bench.configures(caps={"tokens": 5000})
    # it would be silent for ever: only who looks at the stream while it runs ends it
    work = [EDIT, {"message_tokens": [3000, 10]}, TURN, TURN, SILENCE]
    bench.plays({"implement": [work], "review": [[PASS]]})
    async with bench.running() as engine:
        one = await _paused(engine)
        job, [run] = await _first(engine, one)
        assert (run.outcome, run.ended_by) == ("interrupted", "budget")
        message = str(run.message)
        assert message.startswith("the cap on tokens was reached while it ran: 5,000 were left")
        assert (job.state, job.waits_for) == ("waiting", "assignment")
        assert (job.attempts, job.interrupted) == (1, 1)
        paused = await engine.assignment(one)
        assert (paused.reason or "").startswith("the cap on tokens is reached: 6,")
        assert paused.resumes_at is None, "only a person can raise it"
        assert bench.git("show", "wfd/A1:greeting.txt") == "hi", "what was done stays"

        await _raises(engine, caps={"tokens": 10_000_000})
        await engine.send("update_assignment", assignment=one, status="active")
        assert (await engine.settled(one)).state == "complete"
        job, [_, again] = await _first(engine, one)
        assert (again.resumed, again.outcome) == (run.session_id, "succeeded"), "nothing is wasted"
        assert job.attempts == 1


async def test_one_that_was_ended_before_its_last_words_need_not_work_again(
    bench: "Bench",
) -> None:
    bench.configures(caps={"tokens": 5000})
    first: list[dict[str, object]] = [
        {**EDIT}, {"message_tokens": [6000, 10]}, {**TURN}, {"silence": True},
    ]  # fmt: skip
    work = [{**step, "run": 1} for step in first]
    bench.plays({"implement": [[*work, {"result": "Greets."}]], "review": [[PASS]]})
    async with bench.running() as engine:
        one = await _paused(engine)
        await _raises(engine, caps={"tokens": 10_000_000})
        await engine.send("update_assignment", assignment=one, status="active")
        assert (await engine.settled(one)).state == "complete"
        _, runs = await _first(engine, one)
        assert [run.outcome for run in runs] == ["interrupted", "succeeded"], "and not no_work"


async def test_the_cap_on_time_pauses_a_run_and_costs_it_no_attempt(bench: "Bench") -> None:
    bench.configures(caps={"wallMs": 1500})
    bench.plays({"implement": [[EDIT, SILENCE]]})
    async with bench.running() as engine:
        one = await _paused(engine)
        job, [run] = await _first(engine, one)
        assert (run.outcome, run.ended_by) == ("interrupted", "budget")
        assert "the cap on wall time was reached while it ran" in str(run.message)
        assert (job.attempts, job.interrupted) == (1, 1)
        assert (job.resume_session, job.waits_for) == (run.session_id, "assignment")


async def test_a_cli_that_ends_itself_at_its_budget_is_paused_with_its_session(
    bench: "Bench",
) -> None:
    bench.configures(caps={"costUsd": 0.015})
    bench.plays({"implement": [[EDIT, TURN, TURN, TURN]]})
    async with bench.running() as engine:
        one = await _paused(engine)
        job, [run] = await _first(engine, one)
        assert (run.outcome, run.ended_by) == ("interrupted", "budget")
        assert "the cap on cost is reached" in str((await engine.assignment(one)).reason)
        assert (job.resume_session, job.attempts) == (run.session_id, 1)


async def test_a_budget_that_ended_a_run_pauses_whatever_its_cli_tells_of_the_cost(
    bench: "Bench",
) -> None:
    bench.configures(caps={"costUsd": 5})
    told = {
        "type": "result", "subtype": "error_max_budget_usd", "is_error": True,
        "errors": ["Reached maximum budget ($5)"],
    }  # fmt: skip
    bench.plays({"implement": [[EDIT, {"garbage": json.dumps(told)}, {"crash": 1}]]})
    async with bench.running() as engine:
        one = await _paused(engine)
        _, [run] = await _first(engine, one)
        paused = await engine.assignment(one)
        assert (run.cost_usd, paused.unmeasured) == (None, 1)
        assert str(paused.reason).startswith("Reached maximum budget ($5); raise the cap")


async def test_a_daily_cap_is_enforced_while_a_run_streams_and_its_pause_has_an_end(
    bench: "Bench",
) -> None:
    bench.configures(dailyCaps={"tokens": 5000})
    bench.plays({"implement": [[{"message_tokens": [3000, 10]}, EDIT, TURN, SILENCE]]})
    async with bench.running() as engine:
        one = await _paused(engine)
        _, [run] = await _first(engine, one)
        assert "the daily cap on tokens was reached while it ran" in str(run.message)
        paused = await engine.assignment(one)
        assert paused.resumes_at == next_day(run.ended_at or 0)
        assert "it resumes by itself when the day ends" in str(paused.reason)
        assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_a_cap_that_is_reached_at_the_end_pauses_and_keeps_the_work(bench: "Bench") -> None:
    bench.configures(caps={"tokens": 100_000})
    bench.plays({"implement": [[EDIT, {"tokens": [90_000, 10_000]}]]})
    async with bench.running() as engine:
        one = await _paused(engine)
        job, [run] = await _first(engine, one)
        assert (job.state, run.outcome) == ("done", "succeeded"), "a result is not thrown away"
        assert (await engine.assignment(one)).reason == (
            "the cap on tokens is reached: 100,000 of 100,000;"
            " raise the cap in .wfd/config.json and set it active, or complete it"
        )
        assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_the_pms_share_is_counted_and_pauses_a_chain_that_mostly_deliberates(
    bench: "Bench",
) -> None:
    bench.configures(caps={"pmShare": 0.5})
    insert = {
        "decision": "insert_job",
        "reason": "next",
        "job": {"type": "chat", "harness": None, "context": "Say something"},
    }
    says = [{"cost": 0.01}, {"tokens": [50_000, 1]}, {"result": "Something."}]
    decides = [{"cost": 0.09}, {"tokens": [90_000, 9]}, {"structured": insert}]
    bench.plays({"chat": [says], "pm": [decides]})
    async with bench.running() as engine:
        one = await engine.create("Talk", type="chat", context="Begin")
        paused = await engine.settled(one)
        assert (paused.state, paused.jobs) == ("paused", 6)
        assert "the cap on the PM's share is reached: 90% of the cost" in str(paused.reason)
        pm = [run for run in await engine.runs(one) if run.cost_usd == 0.09]
        others = [run for run in await engine.runs(one) if run.cost_usd == 0.01]
        assert paused.pm_cost_usd == pytest.approx(0.09 * len(pm))
        assert paused.pm_tokens == 90_009 * len(pm)
        assert paused.tokens == 90_009 * len(pm) + 50_001 * len(others)
        assert 0 < paused.pm_wall_ms < paused.wall_ms


async def test_a_review_that_always_finds_something_new_ends_with_a_question(
    bench: "Bench",
) -> None:
    bench.configures(caps={"reviews": 2})
    found = [{"type": "other", "file": f"{n}.py", "line": 1, "detail": str(n)} for n in range(27)]
    reviews = [
        [{"structured": {"verdict": "fail", "summary": "no", "findings": [one]}}] for one in found
    ]
    bench.plays({"implement": [[EDIT]], "review": reviews})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "blocked"
        chain = [job.type for job in await engine.jobs(one) if not job.is_pm]
        assert chain == ["implement", "review", "implement", "review"]


@pytest.mark.parametrize("state", ["paused", "blocked", "complete"])
async def test_nothing_runs_when_nothing_is_due(
    bench: "Bench", state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.flags["pollMs"] = 10
    go = bench.tmp / "go"
    bench.plays({"implement": [[EDIT, {"wait_for": str(go)}]], "review": [[PASS]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        await engine.until_running(one)
        if state != "complete":
            await engine.send("update_assignment", assignment=one, status=state, reason="wait")
        go.touch()
        await engine.settled(one)
        with anyio.fail_after(60):
            while engine.parts.live:
                await anyio.sleep(0.01)
        spent, runs = await engine.assignment(one), await engine.runs(one)
        await _looks(engine, 20, monkeypatch)
        assert await engine.runs(one) == runs
        assert await engine.assignment(one) == spent


async def _looks(engine: "Opened", times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait until the worker has looked for work so often."""
    wait, looked = engine.parts.wait, 0

    async def counted(timeout_ms: int) -> None:
        nonlocal looked
        looked += 1
        await wait(timeout_ms)

    monkeypatch.setattr(engine.parts, "wait", counted)
    with anyio.fail_after(60):
        while looked < times:
            await anyio.sleep(0.01)
