"""Work by hand: leased, kept, finished, and judged like any other."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from wfd.domain.errors import Conflict, NotAllowed, NotFound
from wfd.domain.evidence import EvidenceKind
from wfd.domain.ids import AssignmentId
from wfd.domain.job import JobState, WaitsFor
from wfd.engine import by_hand, claim, recover

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from tests.engine.conftest import Bench, Opened


async def kept_for_a_hand(engine: "Opened", job_type: str = "implement") -> AssignmentId:
    """An assignment whose job waits to be claimed."""
    one = await engine.create("Greet", type=job_type, context="Greet", harness="hand")
    with anyio.fail_after(30):
        while (await engine.jobs(one))[0].waits_for is not WaitsFor.AI:
            await anyio.sleep(0.02)
    return one


async def claimed(
    engine: "Opened", group: "TaskGroup", by: str = "ada", **want: object
) -> dict[str, object]:
    values: dict[str, object] = {"namespace": "repo", "by": by, **want}
    return await claim.claim(engine.parts, group, claim.Claim(**values))  # type: ignore[arg-type]


async def finishes(
    engine: "Opened", group: "TaskGroup", run: object, result: str = "Greets.", **how: bool
) -> None:
    await by_hand.end(engine.parts, group, by_hand.Finish(int(str(run)), result, **how))


def writes(taken: dict[str, object], name: str = "greeting.txt") -> None:
    (Path(str(taken["workspace"])) / name).write_text("hi\n")


async def test_a_job_done_by_hand_has_its_snapshot_its_checks_and_its_judgement(
    bench: "Bench",
) -> None:
    bench.configures(checks={"greet": "test -f greeting.txt"}, gates={"review": False})
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        taken = await claimed(engine, group)
        prompt = Path(str(taken["prompt"])).read_text()
        assert "Greet" in prompt and "greet" in prompt, "the task, and how it will be checked"
        writes(taken)
        await finishes(engine, group, taken["run"])
        assert (await engine.settled(one)).state == "complete"

        run, pm = await engine.runs(one)
        assert (run.by_hand, run.harness, run.outcome) == ("ada", "hand", "succeeded")
        assert (run.answer, run.prompt_hash is None) == ("Greets.", False)
        assert pm.harness == "sim" and pm.by_hand is None
        seen = await engine.evidence(one)
        kinds = [(e.kind, e.ok) for e in seen if e.run_id == run.id]
        assert (EvidenceKind.BASELINE, False) in kinds and (EvidenceKind.CHECK, True) in kinds
        assert (await engine.assignment(one)).wall_ms < 10_000
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_who_changes_nothing_did_no_work_and_who_gives_up_has_failed(
    bench: "Bench",
) -> None:
    bench.plays({"pm": [[{"structured": {"decision": "block", "question": "?", "reason": "x"}}]]})
    async with bench.opened() as engine, bench.at_work(engine) as group:
        for is_failed, outcome in ((False, "no_work"), (True, "failed")):
            one = await kept_for_a_hand(engine)
            taken = await claimed(engine, group)
            await finishes(engine, group, taken["run"], "Nothing to do.", failed=is_failed)
            await engine.settled(one)
            [job, _] = await engine.jobs(one)
            assert (job.state, job.outcome) == ("failed", outcome)


async def test_a_review_by_hand_gives_its_verdict_and_changes_nothing(bench: "Bench") -> None:
    bench.plays({"pm": [[{"structured": {"decision": "block", "question": "?", "reason": "x"}}]]})
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine, "review")
        taken = await claimed(engine, group)
        writes(taken, "scribble.txt")
        verdict = '```json\n{"verdict": "pass", "findings": [], "summary": "fine"}\n```'
        await finishes(engine, group, taken["run"], f"I read it.\n{verdict}")
        await engine.settled(one)
        [said] = [e for e in await engine.evidence(one) if e.kind is EvidenceKind.VERDICT]
        assert said.ok
        assert not (Path(str(taken["workspace"])) / "scribble.txt").exists()


async def test_a_silent_claim_with_a_short_lease_does_not_wait_for_the_leases_of_agents(
    bench: "Bench",
) -> None:
    bench.flags |= {"handTtlMs": 400, "leaseTtlMs": 600_000}
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        await claimed(engine, group)
        with anyio.fail_after(20):
            while (await engine.jobs(one))[0].state is not JobState.WAITING:
                await anyio.sleep(0.02)


async def test_a_silent_claim_goes_back_to_the_queue_and_its_late_finish_is_refused(
    bench: "Bench",
) -> None:
    bench.flags |= {"handTtlMs": 400, "leaseTtlMs": 300}
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        taken = await claimed(engine, group)
        writes(taken)
        with anyio.fail_after(30):
            while (await engine.jobs(one))[0].state is not JobState.WAITING:
                await anyio.sleep(0.02)
        [run] = await engine.runs(one)
        assert (run.outcome, run.message) == ("interrupted", "ada sent no heartbeat in time")
        for late in (
            finishes(engine, group, taken["run"]),
            by_hand.keep(engine.parts, by_hand.Keep(run.id)),
        ):
            with pytest.raises(Conflict, match="the lease of R1 is lost") as refused:
                await late
            assert refused.value.exit_code == 5
        [job] = await engine.jobs(one)
        assert (job.attempts, job.interrupted, job.waits_for) == (1, 1, WaitsFor.AI)
        again = await claimed(engine, group, by="bob")
        assert again["workspace"] == taken["workspace"]
        assert (Path(str(again["workspace"])) / "greeting.txt").exists()
        told = Path(str(again["prompt"])).read_text()
        assert "somebody who works by hand" in told, (
            "who finds work in a workspace is told whose it is"
        )
        assert "greeting.txt | 1 +" in told
        await finishes(engine, group, again["run"], "ada had done it all")
        await engine.until(lambda a: a.jobs == 1 and a.head_tree != a.base_tree, one)
        with anyio.fail_after(30):
            while (await engine.jobs(one))[0].outcome != "succeeded":
                await anyio.sleep(0.02)
        assert (await engine.assignment(one)).unmeasured == 0, "wfd has spent nothing on it"
    assert bench.git("show", "refs/wfd/A1/R1:greeting.txt") == "hi", "what was done is kept"


async def test_a_late_finish_in_a_lane_is_told_where_its_work_is_kept(bench: "Bench") -> None:
    bench.flags |= {"handTtlMs": 400, "leaseTtlMs": 300}
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await engine.create("Greet")
        await engine.send(
            "insert_job", assignment=one, type="implement", context="Do", harness="hand",
            locks=("*.txt",), parallel=True,
        )  # fmt: skip
        job = (await engine.jobs(one))[-1]
        taken = await claimed(engine, group, job=job.id)
        writes(taken)
        with anyio.fail_after(30):
            while (await engine.jobs(one))[-1].outcome != "interrupted":
                await anyio.sleep(0.02)
        with pytest.raises(Conflict, match="kept as refs/wfd/") as refused:
            await finishes(engine, group, taken["run"])
        kept = str(refused.value).rpartition(" ")[2]
    assert bench.git("show", f"{kept}:greeting.txt") == "hi"


async def test_who_is_heard_of_keeps_the_claim(bench: "Bench") -> None:
    bench.flags |= {"handTtlMs": 600, "leaseTtlMs": 300}
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        taken = await claimed(engine, group)
        for _ in range(12):
            await anyio.sleep(0.1)
            await by_hand.keep(engine.parts, by_hand.Keep(int(str(taken["run"]))))
        [run] = await engine.runs(one)
        assert run.state == "running"


async def test_of_two_claims_that_race_one_wins(bench: "Bench") -> None:
    async with bench.opened() as engine, bench.at_work(engine) as group:
        await kept_for_a_hand(engine)
        won: list[object] = []
        lost: list[Exception] = []

        async def one_claim(by: str) -> None:
            try:
                won.append(await claimed(engine, group, by=by, job=1))
            except Conflict as error:
                lost.append(error)

        async with anyio.create_task_group() as racing:
            for name in ("ada", "bob"):
                racing.start_soon(one_claim, name)
    assert len(won) == 1 and len(lost) == 1
    assert "J1 is running already" in str(lost[0])


async def test_it_is_finished_once(bench: "Bench") -> None:
    bench.configures(checks={"slow": "sleep 1"})
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        taken = await claimed(engine, group)
        writes(taken)
        await finishes(engine, group, taken["run"])
        with pytest.raises(Conflict, match="R1 was finished already"):
            await finishes(engine, group, taken["run"])
        with pytest.raises(Conflict, match="R1 was finished already"):
            await by_hand.keep(engine.parts, by_hand.Keep(1))
        await engine.until(lambda a: a.head_tree != a.base_tree, one)
        with anyio.fail_after(30):
            while (await engine.runs(one))[0].state == "running":
                await anyio.sleep(0.02)
        with pytest.raises(Conflict, match="R1 was finished already"):
            await finishes(engine, group, taken["run"])


async def test_a_cancelled_job_ends_at_once_and_what_was_done_is_kept(bench: "Bench") -> None:
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        taken = await claimed(engine, group)
        writes(taken)
        await engine.send("update_assignment", assignment=one, status="cancelled", reason="stop")
        with anyio.fail_after(30):
            while (await engine.runs(one))[0].state == "running":
                await anyio.sleep(0.02)
        [run] = await engine.runs(one)
        assert (run.outcome, run.message) == ("cancelled", "stop")
        with pytest.raises(Conflict):
            await finishes(engine, group, taken["run"])
    assert bench.git("show", "refs/wfd/A1/R1:greeting.txt") == "hi"


async def test_a_job_by_hand_takes_no_place_of_an_agent(bench: "Bench") -> None:
    bench.flags |= {"limits": {"jobs": 1, "jobsPerNamespace": 1}}
    bench.configures(gates={"review": False})
    async with bench.opened() as engine, bench.at_work(engine) as group:
        await kept_for_a_hand(engine)
        taken = await claimed(engine, group)
        other = await engine.create("Wave", type="implement", context="Wave")
        assert (await engine.settled(other)).state == "complete"
        writes(taken)
        await finishes(engine, group, taken["run"])
        assert (await engine.settled(AssignmentId(1))).state == "complete"
        running = await engine.parts.store.one(int, "count_runs_of_job", job_id=1)
        assert running == 1


async def test_what_cannot_be_made_ready_is_told_and_asks_a_person(bench: "Bench") -> None:
    bench.configures(workspace={"setup": ["echo no such tool; false"]})
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        with pytest.raises(NotAllowed, match=r"could not be made ready: workspace\.setup"):
            await claimed(engine, group)
        assert (await engine.assignment(one)).state == "blocked"


async def test_what_cannot_be_claimed_says_why(bench: "Bench") -> None:
    async with bench.opened() as engine, anyio.create_task_group() as group:
        one = await engine.create("Greet", type="plan", context="Plan")
        await engine.send("insert_job", assignment=one, type="review", context="Look")
        await engine.create("Wave")
        for want, error, words in (
            ({"job": 9}, NotFound, "no job J9"),
            ({"job": 2}, NotAllowed, "J2 waits"),
            ({"job": 3}, NotAllowed, "J3 is a PM job"),
            ({"type": "uat"}, NotFound, "no job of type 'uat' is ready"),
        ):
            with pytest.raises(error, match=words):
                await claimed(engine, group, **want)
        taken = await claimed(engine, group)
        assert taken["job"] == 1, "one that any agent could do may be claimed while it is ready"


async def test_what_was_finished_when_the_daemon_died_is_concluded_at_the_next_start(
    bench: "Bench",
) -> None:
    bench.configures(gates={"review": False})
    async with bench.opened() as engine:
        async with bench.at_work(engine) as group:
            one = await kept_for_a_hand(engine)
            taken = await claimed(engine, group)
            writes(taken)
        # as `finish` leaves it, when the daemon dies before it has taken the snapshot
        await engine.parts.store.write(
            lambda tx: tx.run("give_result", id=1, answer="Greets.", exit_code=0)
        )
        engine.parts.is_stopping = False
        left = await recover.end_orphans(engine.parts)
        async with bench.at_work(engine) as group:
            with pytest.raises(Conflict, match="R1 was finished already"):
                await finishes(engine, group, taken["run"])
            recover.conclude_all(engine.parts, group, left)
            assert (await engine.settled(one)).state == "complete"
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_a_claim_survives_a_stop_of_the_daemon(bench: "Bench") -> None:
    bench.configures(gates={"review": False})
    async with bench.opened() as engine:
        async with bench.at_work(engine) as group:
            one = await kept_for_a_hand(engine)
            taken = await claimed(engine, group)
            writes(taken)
        engine.parts.is_stopping = False
        assert await recover.end_orphans(engine.parts) == []
        async with bench.at_work(engine) as group:
            await finishes(engine, group, taken["run"])
            assert (await engine.settled(one)).state == "complete"


async def test_a_job_that_is_cancelled_while_it_is_made_ready_is_not_handed_over(
    bench: "Bench",
) -> None:
    begun = bench.tmp / "begun"
    bench.configures(workspace={"setup": [f"touch {begun}; sleep 300"]})
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await kept_for_a_hand(engine)
        refused: list[str] = []

        async def claims() -> None:
            with pytest.raises(NotAllowed) as error:
                await claimed(engine, group)
            refused.append(str(error.value))

        async with anyio.create_task_group() as claiming:
            claiming.start_soon(claims)
            with anyio.fail_after(30):
                while not begun.exists():
                    await anyio.sleep(0.02)
            await engine.send("cancel_job", job=1, reason="not needed")
        assert refused == ["J1 could not be made ready: cancelled before its agent ran"]
        [run] = await engine.runs(one)
        assert (run.outcome, run.message) == ("cancelled", "not needed")
        assert bench.survivors(run.id) == []


async def test_a_claim_heeds_the_paths_that_another_job_has(bench: "Bench") -> None:
    async with bench.opened() as engine, anyio.create_task_group() as group:
        one = await engine.create("Greet")
        for glob in ("src/**", "src/api/**", "docs/**"):
            await engine.send(
                "insert_job", assignment=one, type="implement", context="Do", locks=(glob,),
                parallel=True,
            )  # fmt: skip
        first = (await engine.jobs(one))[1].id
        await claimed(engine, group, job=first)
        with pytest.raises(NotAllowed, match=rf"its paths, which J{first} \(implement, running\)"):
            await claimed(engine, group, job=first + 1)
        taken = await claimed(engine, group, type="implement")
        assert taken["job"] == first + 2, "one that has to wait is passed over"
        parked = (await engine.jobs(one))[2]
        assert (parked.waits_for, parked.waits_on) == (WaitsFor.LOCK, f"J{first}")
        with pytest.raises(NotAllowed, match=f"its paths, which J{first} "):
            await claimed(engine, group, job=parked.id)


async def test_a_parallel_job_by_hand_is_done_in_its_lane_and_merged(bench: "Bench") -> None:
    bench.configures(gates={"review": False, "uat": False})
    async with bench.running() as engine, anyio.create_task_group() as group:
        one = await engine.create("Greet")
        await engine.send(
            "insert_job", assignment=one, type="implement", context="Do", harness="hand",
            locks=("*.txt",), parallel=True,
        )  # fmt: skip
        job = (await engine.jobs(one))[-1]
        taken = await claimed(engine, group, job=job.id)
        assert Path(str(taken["workspace"])).name.endswith(job.lane)
        writes(taken)
        await finishes(engine, group, taken["run"])
        assert (await engine.settled(one)).state == "complete"
        merge = next(other for other in await engine.jobs(one) if other.merges)
        with pytest.raises(NotAllowed, match="a merge job, which the daemon does by itself"):
            await claimed(engine, group, job=merge.id)
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_a_pm_is_no_work_by_hand_whatever_the_defaults_say(bench: "Bench") -> None:
    bench.flags |= {"harnessDefaults": {"default": "hand"}}
    async with bench.running() as engine:
        one = await engine.create("Greet")
        assert "no AI or harness 'hand'" in str((await engine.settled(one)).reason)
