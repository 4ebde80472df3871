"""Every way a run can end, seen through the engine."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio
import pytest
from structlog.testing import capture_logs

from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken, NotAllowed
from wfd.engine import finish
from wfd.ports import Snapshot, Tx

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId, RunId

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


async def started(engine: "Opened", **more: object) -> "AssignmentId":
    return await engine.create("Greet", type="implement", context="Greet", **more)


async def until_runs(engine: "Opened", one: "AssignmentId", count: int) -> None:
    """Until so many runs of the first job are closed."""
    with anyio.fail_after(60):
        while True:
            runs = [r for r in await engine.runs(one) if r.job_id == 1 and r.outcome]
            if len(runs) >= count:
                return
            await anyio.sleep(0.02)


async def test_a_transient_failure_is_retried_by_policy_and_resumes_the_session(
    bench: "Bench",
) -> None:
    policies = bench.tmp / "config" / "policies"
    policies.mkdir(parents=True)
    (policies / "default.yaml").write_text(bench.policy(base_ms=1))
    overloaded = {"error": {"status": 529, "text": "Overloaded"}, "run": 1}
    bench.plays({"implement": [[EDIT, overloaded]]})
    async with bench.running() as engine:
        one = await started(engine)
        await until_runs(engine, one, 2)
        first, second = (await engine.runs(one))[:2]
        job = (await engine.jobs(one))[0]
        decision = (await engine.decisions(one))[0]
    assert first.outcome == "transient"
    assert second.resumed == first.session_id
    assert second.outcome == "succeeded"
    assert second.answer is not None
    assert "resumed after 1 message" in second.answer
    assert (job.transient, job.attempts) == (1, 1)
    assert (decision.by, decision.kind) == ("policy", "retry")


async def test_a_retry_by_the_pm_goes_on_in_the_session_of_the_try_before(bench: "Bench") -> None:
    bench.configures(checks={"two": "test $(wc -l < greeting.txt) = 2"})
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        runs = await engine.runs(one)
        first, second = [r for r in runs if r.job_id in (1, 3)]
    assert second.resumed == first.session_id is not None


async def test_a_missing_login_blocks_and_setting_it_active_goes_on(bench: "Bench") -> None:
    denied = {"error": {"status": 401, "text": "Invalid API key"}}
    bench.plays({"implement": [[{**denied, "run": 1}, {**denied, "run": 2}, EDIT]]})
    async with bench.running() as engine:
        one = await started(engine)
        assignment = await engine.settled(one)
        assert assignment.state == "blocked"
        assert assignment.reason is not None
        assert "--status active" in assignment.reason
        job = (await engine.jobs(one))[0]
        assert (job.state, job.waits_for, job.attempts) == ("waiting", "assignment", 1)
        assert [run.outcome for run in await engine.runs(one)] == ["auth", "auth"]
        await engine.send("update_assignment", assignment=one, status="active")
        assert (await engine.settled(one)).state == "complete"


async def test_a_login_that_fails_once_is_tried_again_and_nobody_is_asked(bench: "Bench") -> None:
    words = "Failed to authenticate: OAuth session expired and could not be refreshed"
    bench.plays({"implement": [[{"error": {"status": 401, "text": words}, "run": 1}, EDIT]]})
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        first, second = [run for run in await engine.runs(one) if run.job_id == 1]
        job = (await engine.jobs(one))[0]
    assert (first.outcome, second.outcome) == ("auth", "succeeded")
    assert (second.ai, second.is_probe, job.attempts) == (first.ai, True, 1)


async def test_a_silent_agent_is_stalled_and_retried_with_its_session(bench: "Bench") -> None:
    bench.configures(stallMs=700)
    bench.plays({"implement": [[{"say": "Thinking"}, {"silence": True, "run": 1}, EDIT]]})
    async with bench.running() as engine:
        one = await started(engine)
        await until_runs(engine, one, 2)
        first, second = (await engine.runs(one))[:2]
        job = (await engine.jobs(one))[0]
    assert (first.outcome, first.ended_by) == ("stalled", "stall")
    assert second.resumed == first.session_id is not None
    assert job.attempts == 2


async def test_an_agent_over_its_time_is_ended_with_all_that_it_started(bench: "Bench") -> None:
    bench.configures(timeoutMs=1500)
    spawn = {"spawn": {"kind": "double_fork", "seconds": 300}}
    bench.plays({"implement": [[spawn, {"sleep": 300}]]})
    async with bench.running() as engine:
        one = await started(engine)
        await until_runs(engine, one, 1)
        run = (await engine.runs(one))[0]
        assert (run.outcome, run.ended_by) == ("timed_out", "timeout")
        assert bench.survivors(run.id) == []


async def test_a_hang_after_the_result_is_ended_and_the_result_stands(
    bench: "Bench",
) -> None:
    bench.configures(afterResultMs=500)
    bench.plays({"implement": [[EDIT, {"result": "Done."}, {"hang_after_result": True}]]})
    async with bench.running() as engine:
        one = await started(engine)
        await until_runs(engine, one, 1)
        run = (await engine.runs(one))[0]
    assert run.outcome == "succeeded"
    assert run.answer is not None
    assert run.answer.startswith("Done.")


async def test_a_crash_without_a_result_is_a_protocol_failure_and_keeps_the_work(
    bench: "Bench",
) -> None:
    bench.plays({"implement": [[EDIT, {"crash": "KILL", "run": 1}]]})
    async with bench.running() as engine:
        one = await started(engine)
        await until_runs(engine, one, 2)
        first = (await engine.runs(one))[0]
    assert (first.outcome, first.exit_code) == ("protocol", -9)
    assert bench.git("show", f"refs/wfd/A1/R{first.id}:greeting.txt") == "hi"


async def test_attempts_spent_are_judged_and_an_honest_pm_asks_a_person(bench: "Bench") -> None:
    bench.plays({"implement": [[{"crash": 1}]]})
    async with bench.running() as engine:
        one = await started(engine)
        assignment = await engine.settled(one)
        first = [r for r in await engine.runs(one) if r.job_id == 1]
    assert assignment.state == "blocked"
    assert len(first) == 3


async def test_a_person_cancels_a_running_job_and_its_tree_is_gone(bench: "Bench") -> None:
    bench.plays({"implement": [[{"spawn": {"kind": "setsid", "seconds": 300}}, {"sleep": 300}]]})
    async with bench.running() as engine:
        one = await started(engine)
        run = await engine.until_running(one)
        await engine.send("cancel_job", job=1)
        assignment = await engine.settled(one)
        assert (await engine.chain(one)) == ["implement:cancelled"]
        assert assignment.state == "paused"
        assert bench.survivors(run.id) == []


async def test_a_stop_interrupts_without_costing_an_attempt_and_the_next_start_resumes(
    bench: "Bench",
) -> None:
    bench.plays({"implement": [[EDIT, {"sleep": 300, "run": 1}]]})
    async with bench.running() as engine:
        one = await started(engine)
        await engine.until_running(one)
        with anyio.fail_after(30):
            while not (await engine.runs(one))[0].session_id:
                await anyio.sleep(0.02)
    async with bench.running() as engine:
        assignment = await engine.settled(one)
        first, second = (await engine.runs(one))[:2]
        job = (await engine.jobs(one))[0]
    assert assignment.state == "complete"
    assert first.outcome == "interrupted"
    assert (job.interrupted, job.attempts) == (1, 1)
    assert second.resumed == first.session_id


async def test_a_stop_during_the_checks_keeps_the_result_and_runs_no_second_agent(
    bench: "Bench",
) -> None:
    reached, go = bench.tmp / "reached", bench.tmp / "go"
    wait = f"touch {reached}; until test -e {go}; do sleep 0.05; done"
    bench.configures(checks={"slow": f"test ! -f greeting.txt || {{ {wait}; }}"})
    bench.plays({"implement": [[EDIT, {"result": "Done."}]]})
    async with bench.running() as engine:
        one = await started(engine)
        with anyio.fail_after(60):
            while not reached.exists():
                await anyio.sleep(0.02)
    go.touch()
    async with bench.running() as engine:
        assert (await engine.settled(one)).state == "complete"
        mine = [run for run in await engine.runs(one) if run.job_id == 1]
    assert [run.outcome for run in mine] == ["succeeded"]


async def test_a_missing_program_asks_for_it_by_name(bench: "Bench") -> None:
    bench.flags["harnesses"] = {"sim": {"binary": "no-such-agent"}}
    async with bench.running() as engine:
        one = await started(engine)
        assignment = await engine.settled(one)
    assert assignment.state == "blocked"
    assert assignment.reason is not None
    assert "no-such-agent" in assignment.reason


async def test_a_cost_cap_pauses_and_asks_and_keeps_the_work(bench: "Bench") -> None:
    bench.configures(caps={"costUsd": 0.5})
    bench.plays({"implement": [[EDIT, {"cost": 0.7}]]})
    async with bench.running() as engine:
        one = await started(engine)
        assignment = await engine.settled(one)
        with pytest.raises(NotAllowed, match="cap on cost"):
            await engine.send("update_assignment", assignment=one, status="active")
    assert assignment.state == "paused"
    assert assignment.reason is not None
    assert "cap on cost" in assignment.reason
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_a_store_that_fails_at_the_spawn_blames_no_agent_and_ends_what_it_began(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plays({"implement": [[{"sleep": 300, "run": 1}, EDIT]]})
    async with bench.running() as engine:
        write = engine.parts.store.write
        failed: list[object] = []

        async def fails_once(work: Callable[[Tx], object]) -> object:
            is_record = "record_spawn" in work.__code__.co_consts
            if is_record and not failed:
                failed.append(work)
                raise Broken("the store could not be written: disk I/O error")
            return await write(work)

        monkeypatch.setattr(engine.parts.store, "write", fails_once)
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        first, second = [run for run in await engine.runs(one) if run.job_id == 1]
    assert failed
    assert (first.outcome, second.outcome) == ("lost", "succeeded")
    assert bench.survivors(first.id) == []


async def test_a_run_that_fails_right_after_it_moved_the_branch_is_taken_on_from_there(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plays({"implement": [[EDIT]]})
    stand_at = finish.stand_at

    def fails_at_first(tx: Tx, seen: Assignment, run_id: "RunId", taken: Snapshot) -> None:
        if run_id == 1:
            raise RuntimeError("nobody foresaw this")
        stand_at(tx, seen, run_id, taken)

    monkeypatch.setattr(finish, "stand_at", fails_at_first)
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "blocked"
        await engine.send("retry_step", job=1)
        assert (await engine.settled(one)).state == "complete"
        outcomes = [run.outcome for run in await engine.runs(one) if run.job_id == 1]
    assert outcomes == ["step_failed", "succeeded"]
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi", "its agent has run once"
    assert bench.git("rev-parse", "wfd/A1") == bench.git("rev-parse", "refs/wfd/A1/head")


async def test_garbage_and_a_huge_line_are_survived(bench: "Bench") -> None:
    bench.plays({"implement": [[{"garbage": "{]\x00 not json"}, {"huge": 3_000_000}, EDIT]]})
    async with bench.running() as engine:
        one = await started(engine)
        await until_runs(engine, one, 1)
        assert (await engine.runs(one))[0].outcome == "succeeded"


async def test_what_an_agent_has_put_into_the_folders_of_later_runs_is_not_there_then(
    bench: "Bench",
) -> None:
    runs = bench.place.run_folder(1).path.parent
    plant = f"mkdir -p {runs}/R2/.gemini; touch {runs}/R2/.gemini/GEMINI.md; mkfifo {runs}/R2/exit"
    link = f"mkdir {bench.tmp}/elsewhere; ln -s {bench.tmp}/elsewhere {runs}/R3"
    bench.plays({"implement": [[{"shell": f"{plant}; {link}"}, EDIT]]})
    async with bench.running() as engine:
        await engine.settled(await started(engine))
    assert (runs / "R2" / "prompt.md").is_file()
    assert not (runs / "R2" / ".gemini").exists()
    assert not (runs / "R3").is_symlink()
    assert list((bench.tmp / "elsewhere").iterdir()) == []


async def test_files_that_cannot_be_written_ask_a_person_and_cost_no_tries(bench: "Bench") -> None:
    bench.plays({"implement": [[EDIT]]})
    runs = bench.place.run_folder(1).path.parent
    async with bench.running() as engine:
        runs.write_text("in the way, as a full disk is")
        one = await started(engine)
        assignment = await engine.settled(one)
        runs.unlink()
        await engine.send("update_assignment", assignment=one, status="active")
        await until_runs(engine, one, 2)
        outcomes = [run.outcome for run in await engine.runs(one)]
    assert assignment.state == "blocked"
    assert assignment.reason is not None
    assert str(runs) in assignment.reason
    assert outcomes[:2] == ["step_failed", "succeeded"]


async def test_a_transcript_that_outgrows_its_cap_ends_the_run(bench: "Bench") -> None:
    bench.flags["limits"] = {"transcriptBytes": 1_000_000}
    bench.plays({"implement": [[{"huge": 3_000_000}, {"sleep": 300}]]})
    async with bench.running() as engine:
        one = await started(engine)
        await until_runs(engine, one, 1)
        run = (await engine.runs(one))[0]
    assert run.ended_by == "limit"
    assert run.outcome == "failed"


async def test_a_lost_lease_kills_the_tree_and_writes_nothing(bench: "Bench") -> None:
    bench.plays({"implement": [[{"sleep": 300}]]})
    async with bench.running() as engine:
        one = await started(engine)
        run = await engine.until_running(one)
        live = engine.parts.live[run.id]
        live.lose()
        with anyio.fail_after(30):
            while run.id in engine.parts.live:
                await anyio.sleep(0.02)
        assert bench.survivors(run.id) == []
        after = (await engine.runs(one))[0]
        assert (after.state, after.outcome) == ("running", None)


async def test_what_stands_still_until_a_person_has_looked_is_a_warning_that_names_the_agent(
    bench: "Bench",
) -> None:
    bench.plays({"implement": [[{"error": {"status": 401, "text": "Invalid API key"}}]]})
    with capture_logs() as logged:
        async with bench.running() as engine:
            one = await started(engine)
            assignment = await engine.settled(one)
    assert assignment.reason is not None
    assert assignment.reason.startswith("sim: the agent could not log in")
    _, closed = [line for line in logged if line["event"] == "run.closed"]
    assert (closed["log_level"], closed["assignment_state"]) == ("warning", "blocked")
