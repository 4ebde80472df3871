"""Usage limits and broken AIs through the whole engine: real agents, a real store, a restart."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
from structlog.testing import capture_logs

from wfd.controls import ai_controls
from wfd.domain.ai import Hold
from wfd.domain.job import WaitsFor
from wfd.engine.check_ai import check_ai
from wfd.ports import Ask, Launch
from wfd_runners.sim.harness import Sim

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
TWO = {"work": {"harness": "sim"}, "home": {"harness": "sim", "account": "other"}}
REFUSED = {"error": {"status": 404, "text": "No such model"}, "run": 1}


async def started(engine: "Opened", **more: object) -> "AssignmentId":
    return await engine.create("Greet", type="implement", context="Greet", **more)


async def runs_of_first_job(engine: "Opened", one: "AssignmentId", count: int) -> "list[Run]":
    """The runs of the first job, once so many of them are closed."""
    with anyio.fail_after(60):
        while True:
            runs = [run for run in await engine.runs(one) if run.outcome and run.job_id == 1]
            if len(runs) >= count:
                return runs
            await anyio.sleep(0.02)


def prompt(bench: "Bench", run: "Run") -> str:
    return bench.place.run_folder(run.id).prompt.read_text()


async def test_a_usage_limit_holds_the_account_until_its_reset_across_a_restart(
    bench: "Bench",
) -> None:
    """No spawn before the reset, whoever asks; no attempt spent; all go on afterwards."""
    reset = int(time.time()) + 6
    bench.plays({"implement": [[{"error": {"status": 429, "text": "no", "reset_at": reset}}]]})
    bench.flags["limits"] = {"jobs": 1}
    with capture_logs() as logged:
        async with bench.running() as engine:
            engine.parts.roll = lambda: 0.0
            every = [await started(engine) for _ in range(3)]
            await runs_of_first_job(engine, every[0], 1)
            job = (await engine.jobs(every[0]))[0]
            assert (job.waits_for, job.waits_on, job.attempts) == (WaitsFor.AI, "sim", 1)
            [hold] = await engine.parts.store.all(Hold, "open_holds")
            assert (hold.account, hold.until) == ("sim", reset * 1000)
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        for one in every:
            assert (await engine.settled(one)).state == "complete"
        runs = [run for one in every for run in await engine.runs(one)]
        jobs = [job for one in every for job in await engine.jobs(one)]
    early = [run for run in runs if run.started_at < reset * 1000]
    assert [run.outcome for run in early] == ["rate_limited"]
    assert {job.attempts for job in jobs} == {1}
    again = next(run for run in runs if run.job_id == 1 and run is not early[0])
    assert again.resumed == early[0].session_id
    placed = [line for line in logged if line["event"] == "hold.placed"]
    assert [(line["log_level"], line["account"]) for line in placed] == [("warning", "sim")]


async def test_a_broken_ai_hands_its_work_to_another_in_the_same_workspace(
    bench: "Bench",
) -> None:
    bench.flags |= {"ais": TWO, "harnessDefaults": {"default": "work"}}
    say = {"say": "I have greeted, ``` and now \x1b[2J I look around"}
    bench.plays({"implement": [[EDIT, say, REFUSED]]})
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        runs = await engine.runs(one)
        decisions = [(one.by, one.kind) for one in await engine.decisions(one)]
    first, second = [run for run in runs if run.job_id == 1]
    assert (first.ai, first.outcome, second.ai, second.outcome) == (
        "work", "usage", "home", "succeeded",
    )  # fmt: skip
    assert (first.account, second.account) == ("sim", "other")
    assert first.session_id is not None
    assert second.resumed is None
    assert ("policy", "failover") in decisions
    told = prompt(bench, second)
    assert "## What another agent has begun" in told
    assert "ended as usage" in told
    assert "+hi" in told
    assert "greeting.txt | 1 +" in told
    assert "## What another agent has begun" not in prompt(bench, first)
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi\nhi"


async def test_an_ai_that_could_not_begin_hands_nothing_off_and_hides_nobody_who_did(
    bench: "Bench",
) -> None:
    missing = {"home": {**TWO["home"], "binary": "/not/there"}}
    bench.flags |= {"ais": TWO | missing, "harnessDefaults": {"default": "work", "pm": "sim"}}
    bench.plays({"implement": [[EDIT, {"say": "Half of it is there."}, REFUSED]]})
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "blocked"
    bench.flags |= {"ais": TWO}
    async with bench.running() as engine:
        await engine.send("update_assignment", assignment=one, status="active", reason="installed")
        assert (await engine.settled(one)).state == "complete"
        runs = [run for run in await engine.runs(one) if run.job_id == 1]
    assert [(run.ai, run.outcome) for run in runs] == [
        ("work", "usage"), ("home", "not_found"), ("home", "succeeded"),
    ]  # fmt: skip
    told = prompt(bench, runs[2])
    assert "another agent (work)" in told
    assert "Half of it is there." in told
    assert "greeting.txt | 1 +" in told


async def test_who_comes_after_an_ai_that_never_began_is_told_of_no_other_agent(
    bench: "Bench",
) -> None:
    bench.flags |= {"ais": TWO}
    bench.configures(harnessDefaults={"default": "gone", "pm": "sim"})
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "blocked"
    bench.configures(harnessDefaults={"default": "work", "pm": "sim"})
    async with bench.running() as engine:
        await engine.send("update_assignment", assignment=one, status="active", reason="corrected")
        assert (await engine.settled(one)).state == "complete"
        first, second = [run for run in await engine.runs(one) if run.job_id == 1]
    assert (first.outcome, second.outcome) == ("usage", "succeeded")
    assert "What another agent has begun" not in prompt(bench, second)


async def test_a_session_that_could_not_be_resumed_leaves_none_behind(bench: "Bench") -> None:
    """multica#1285: a failed --resume prints a fresh id, which must not be kept."""
    policies = bench.tmp / "config" / "policies"
    policies.mkdir(parents=True)
    (policies / "default.yaml").write_text(bench.policy(base_ms=1))
    overloaded = {"error": {"status": 529, "text": "Overloaded"}}
    bench.plays({"implement": [[EDIT, {**overloaded, "run": 1}, {**overloaded, "run": 2}]]})
    async with bench.running() as engine:
        engine.parts.harnesses = {**engine.parts.harnesses, "sim": _Forgetful()}
        one = await started(engine)
        runs = await runs_of_first_job(engine, one, 3)
    first, second, third = runs[:3]
    assert second.resumed == first.session_id is not None
    assert second.session_id not in (None, first.session_id)
    assert (second.outcome, third.resumed, third.outcome) == ("transient", None, "succeeded")


class _Forgetful(Sim):
    """A CLI that takes the option to resume, and begins anew all the same."""

    def launch(self, ask: Ask) -> Launch:
        return super().launch(replace(ask, resume=None))


async def test_a_poisoned_session_is_never_gone_on_with(bench: "Bench") -> None:
    """paperclip#5462: a dead session resumed for ever."""
    full = {"error": {"status": 400, "text": "prompt is too long"}, "run": 1}
    bench.plays({"implement": [[EDIT, full]]})
    async with bench.running() as engine:
        one = await started(engine)
        first, second = (await runs_of_first_job(engine, one, 2))[:2]
    assert (first.outcome, second.resumed) == ("poisoned", None)
    assert first.session_id is not None


async def test_an_ai_gets_the_login_of_its_own_account_and_no_other(bench: "Bench") -> None:
    bench.environ |= {"WORK_KEY": "of work", "SIM_KEY": "of everybody", "SIM_OTHER": "left out"}
    env = {"SIM_KEY": "WORK_KEY", "SIM_OTHER": None}
    bench.flags |= {
        "ais": {"work": {"harness": "sim", "env": env}},
        "harnessDefaults": {"default": "work", "pm": "sim"},
        "harnesses": {"sim": {"env": ["COVERAGE_*", "SIM_*"]}},
    }
    seen = bench.tmp / "seen"
    bench.plays({"implement": [[{"shell": f"env | grep -c WORK_KEY >> {seen}"},
                                {"shell": f"env | grep ^SIM_ >> {seen}"}, EDIT]]})  # fmt: skip
    async with bench.running() as engine:
        await engine.settled(await started(engine))
    assert seen.read_text().splitlines() == ["0", "SIM_KEY=of work"]


async def test_a_variable_that_the_daemon_lacks_breaks_the_ai_that_wants_it(
    bench: "Bench",
) -> None:
    ais = {"work": {"harness": "sim", "env": {"SIM_KEY": "NOT_THERE"}}}
    bench.flags |= {"ais": ais, "harnessDefaults": {"default": "work"}}
    async with bench.running() as engine:
        assignment = await engine.settled(await started(engine))
    assert assignment.state == "blocked"
    assert assignment.reason is not None
    assert "work gets SIM_KEY from the daemon's NOT_THERE, which is not set" in assignment.reason


async def test_a_default_that_names_nobody_blocks_and_tells_who_there_is(bench: "Bench") -> None:
    bench.configures(harnessDefaults={"default": "clod"})
    async with bench.running() as engine:
        assignment = await engine.settled(await started(engine))
    assert assignment.reason is not None
    assert "no AI or harness 'clod' (did you mean 'codex'?)" in assignment.reason
    assert "known: claude, codex, gemini, sim; correct harnessDefaults" in assignment.reason


async def test_a_check_runs_an_ai_once_and_its_success_closes_its_breaker(
    bench: "Bench",
) -> None:
    bench.plays({"implement": [[REFUSED, EDIT]]})
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "blocked"
        with capture_logs() as logged:
            answer = await check_ai(engine.parts, "sim")
        assert (answer["works"], answer["mended"], answer["goes_on"]) == (True, True, [one])
        mended = {"event": "ai.mended", "log_level": "info", "ai": "sim", "by": "check"}
        assert mended in logged
        assert list((bench.place.state_dir / "scratch").iterdir()) == []
        bench.environ["WFD_SIM_SCRIPT"] = "/nowhere"
        answer = await check_ai(engine.parts, "sim")
        assert answer["works"] is False
        assert "/nowhere" in str(answer["said"])
        bench.environ["PATH"] = "/nowhere"
        answer = await check_ai(engine.parts, "claude")
    assert (answer["outcome"], answer["said"]) == (
        "not_found", "no program 'claude' on the daemon's PATH",
    )  # fmt: skip


async def test_a_check_that_works_tells_what_still_keeps_jobs_from_the_ai(bench: "Bench") -> None:
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        until = engine.parts.clock.now() + 3_600_000
        hold: dict[str, object] = {"account": "sim", "until": until, "reason": "usage limit"}
        await engine.parts.store.write(
            lambda tx: tx.insert(
                "add_hold", **hold, is_reset_known=True, probes=0, run_id=None, now=tx.now
            )
        )
        answer = await check_ai(engine.parts, "sim")
        assert answer["works"] is True
        assert (answer["stand"], answer["until_ms"], answer["why"], answer["needs_person"]) == (
            "held", until, "usage limit", False,
        )  # fmt: skip


async def test_the_daemon_tells_which_program_is_not_on_its_own_path(bench: "Bench") -> None:
    bench.flags["ais"] = {"own": {"harness": "claude", "binary": "/nowhere/claude"}}
    bench.environ["PATH"] = "/nowhere"
    async with bench.running() as engine:
        answer = await ai_controls(engine.parts)["ai.list"]({"with_spend": True})
    assert isinstance(answer, dict)
    assert {one["name"]: one["lacks"] for one in answer["ais"]} == {
        "claude": "no program 'claude' on the daemon's PATH",
        "codex": "no program 'codex' on the daemon's PATH",
        "gemini": "no program 'gemini' on the daemon's PATH",
        "own": "no program '/nowhere/claude'",
        "sim": None,
    }
