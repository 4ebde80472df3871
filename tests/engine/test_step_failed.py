"""A step of the daemon's own fails: nobody else is blamed, and no agent is paid a second time."""

import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from wfd.domain.ai import Hold
from wfd.domain.errors import Broken, Conflict, NotAllowed, StoreDown
from wfd.domain.evidence import EvidenceKind
from wfd.engine import finish, merge, room
from wfd.engine.claim import Claim, claim
from wfd.ports import Tx

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
AGENT = [EDIT, {"cost": 0.5}, {"tokens": [100, 20]}, {"result": "It greets."}]
GIT = "git fetch failed in /r/.git (exit 1): cannot lock ref 'refs/heads/wfd/A1'"


@pytest.fixture(autouse=True)
def quick(bench: "Bench", monkeypatch: pytest.MonkeyPatch) -> None:
    bench.configures(gates={"review": False, "uat": False})
    bench.plays({"implement": [AGENT]})
    monkeypatch.setattr(room, "AGAIN_S", (0.01, 0.02))


def breaks(
    monkeypatch: pytest.MonkeyPatch,
    on: object,
    name: str,
    error: Exception,
    times: int = 1,
    after: int = 0,
) -> list[int]:
    """Have a call fail so often, after so many that go well; how often it has is in the list."""
    real: Callable[..., Any] = getattr(on, name)
    failed, well = [0], [0]

    async def fails(*args: object, **values: object) -> object:
        if well[0] < after:
            well[0] += 1
        elif failed[0] < times:
            failed[0] += 1
            raise error
        return await real(*args, **values)

    monkeypatch.setattr(on, name, fails)
    return failed


async def started(engine: "Opened") -> "AssignmentId":
    return await engine.create("Greet", type="implement", context="Greet")


async def stopped_at_the_snapshot(
    engine: "Opened", monkeypatch: pytest.MonkeyPatch
) -> "AssignmentId":
    """An assignment whose first agent is done, and that is blocked since git failed then."""
    breaks(monkeypatch, engine.parts.workspaces, "snapshot", Broken(GIT))
    one = await started(engine)
    assert (await engine.settled(one)).state == "blocked"
    return one


async def outcomes(engine: "Opened", one: "AssignmentId", job_id: int = 1) -> list[str]:
    runs = await engine.runs(one)
    return [str(run.outcome or run.state) for run in runs if run.job_id == job_id]


@pytest.mark.parametrize(
    ("step", "told"),
    [("snapshot", "the snapshot failed: "), ("deliver", "the delivery of its work failed: ")],
)
async def test_a_step_that_fails_after_the_agent_is_done_again_without_another_agent(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, step: str, told: str
) -> None:
    async with bench.running() as engine:
        breaks(monkeypatch, engine.parts.workspaces, step, Broken(GIT))
        one = await started(engine)
        stopped = await engine.settled(one)
        assert (stopped.state, stopped.cost_usd) == ("blocked", 0.5)
        assert stopped.reason is not None
        assert stopped.reason.startswith(f"J1 is held up: {told}{GIT}")
        assert "wfctl retry-step J1" in stopped.reason
        assert "sim" not in stopped.reason and "cannot start" not in stopped.reason
        [job] = await engine.jobs(one)
        assert (job.state, job.finishes, job.attempts) == ("waiting", 1, 1)

        await engine.send("retry_step", job=1)
        assert (await engine.settled(one)).state == "complete"

        first, second = [run for run in await engine.runs(one) if run.job_id == 1]
        job = (await engine.jobs(one))[0]
        spent = await engine.assignment(one)
    assert (first.outcome, second.outcome) == ("step_failed", "succeeded")
    assert (second.pid, second.answer, second.session_id) == (
        None, "It greets.", first.session_id,
    )  # fmt: skip
    assert (first.is_redone_end, second.is_redone_end) == (False, True)
    assert (first.cost_usd, second.cost_usd, second.tokens_in) == (0.5, None, None)
    assert spent.cost_usd == pytest.approx(0.52), "the agent's once, and the PM's"
    assert (spent.unmeasured, job.attempts, job.lost, job.transient) == (0, 1, 0, 0)
    assert (job.finishes, job.outcome) == (None, "succeeded")
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"
    assert bench.git("rev-parse", "wfd/A1") == bench.git("rev-parse", "refs/wfd/A1/R1")


async def test_a_branch_that_comes_into_the_way_after_the_agent_ran_is_told_as_that(
    bench: "Bench",
) -> None:
    bench.plays(
        {"implement": [[{"shell": f"git -C {bench.repository} branch wfd/A1/wip"}, *AGENT]]}
    )
    async with bench.running() as engine:
        one = await started(engine)
        stopped = await engine.settled(one)
        assert stopped.reason is not None
        assert "the delivery of its work failed: the branch wfd/A1/wip" in stopped.reason
        assert "git branch -m wfd/A1/wip wfd-A1-wip-mine" in stopped.reason
        kept = bench.git("rev-parse", "refs/wfd/A1/R1")
        bench.git("branch", "-m", "wfd/A1/wip", "wfd-A1-wip-mine")
        await engine.send("retry_step", job=1)
        assert (await engine.settled(one)).state == "complete"
        assert await outcomes(engine, one) == ["step_failed", "succeeded"]
    assert bench.git("rev-parse", "wfd/A1") == kept


async def test_the_approval_of_its_question_has_the_step_done_again(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.running() as engine:
        breaks(monkeypatch, engine.parts.workspaces, "deliver", Conflict("in the way"))
        one = await started(engine)
        await engine.settled(one)
        await engine.send("approve", assignment=one)
        assert (await engine.settled(one)).state == "complete"
        assert await outcomes(engine, one) == ["step_failed", "succeeded"]


async def test_a_no_calls_the_pm_only_after_what_the_agent_did_is_kept(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    """A PM's own snapshot would take the work, and put the workspace back."""
    async with bench.running() as engine:
        one = await stopped_at_the_snapshot(engine, monkeypatch)
        await engine.send("reject", assignment=one, reason="Look at it first.")
        assert (await engine.settled(one)).state == "complete"
        runs = [(run.job_id, run.outcome) for run in await engine.runs(one)]
    assert runs[:2] == [(1, "step_failed"), (1, "succeeded")]
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_the_work_of_a_lane_is_delivered_by_the_run_that_redoes_the_step(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plays({"implement": [AGENT], "document": [[{"edit": {"path": "d", "content": "d\n"}}]]})
    async with bench.running() as engine:
        one = await started(engine)
        await engine.settled(one)
        breaks(monkeypatch, engine.parts.workspaces, "snapshot", Broken(GIT))
        await engine.send("update_assignment", assignment=one, status="active")
        lane = {"type": "document", "context": "Doc", "locks": ("d",), "parallel": True}
        made = await engine.send("insert_job", assignment=one, **lane)
        await engine.until(lambda a: a.state == "blocked", one)
        held = [job for job in await engine.jobs(one) if job.finishes is not None]
        await engine.send("retry_step", job=held[0].id)
        assert (await engine.settled(one)).state == "complete"
        job = next(job for job in await engine.jobs(one) if job.id == made["job"])
    assert job.state == "done"
    assert bench.git("show", "wfd/A1:d") == "d"
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)),
        OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
        Broken(f"git write-tree failed: fatal: cannot fork: {os.strerror(errno.EAGAIN)}"),
        Broken(f"git commit-tree failed: fatal: {os.strerror(errno.ENOMEM)}"),
        Broken("git fetch failed: fatal: Unable to create '/r/.git/shallow.lock': File exists."),
    ],
    ids=["EAGAIN", "EMFILE", "fork of git", "memory of git", "lock of git"],
)
@pytest.mark.parametrize("step", ["snapshot", "deliver", "diff"])
async def test_what_passes_is_tried_again_by_itself_and_nobody_is_asked(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, error: Exception, step: str
) -> None:
    async with bench.running() as engine:
        failed = breaks(monkeypatch, engine.parts.workspaces, step, error, times=3)
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        assert await outcomes(engine, one) == ["succeeded"]
    assert failed == [3]


async def test_what_should_pass_and_does_not_asks_a_person_in_the_end(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "SHORT_DEADLINE_S", 0.05)
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    async with bench.running() as engine:
        failed = breaks(monkeypatch, engine.parts.workspaces, "snapshot", error, times=10**6)
        one = await started(engine)
        assert (await engine.settled(one)).state == "blocked"
        failed[0] = 10**6
        await engine.send("retry_step", job=1)
        assert (await engine.settled(one)).state == "complete"
        assert await outcomes(engine, one) == ["step_failed", "succeeded"]


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE])
async def test_an_agent_that_cannot_be_forked_now_is_started_later_and_nobody_is_blamed(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (bench.tmp / "config" / "policies").mkdir(parents=True)
    (bench.tmp / "config" / "policies" / "default.yaml").write_text(bench.policy(base_ms=1))
    async with bench.running() as engine:
        error = OSError(number, os.strerror(number))
        breaks(monkeypatch, engine.parts.spawner, "spawn", error)
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        assert await outcomes(engine, one) == ["transient", "succeeded"]
        assert (await engine.jobs(one))[0].attempts == 1


async def test_a_git_that_fails_before_the_agent_is_told_of_git_and_not_of_the_ai(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.running() as engine:
        breaks(monkeypatch, engine.parts.workspaces, "text_at", Broken(GIT))
        one = await started(engine)
        stopped = await engine.settled(one)
        assert stopped.reason is not None and stopped.reason.startswith(f"J1 is held up: {GIT}")
        [job] = await engine.jobs(one)
        assert job.finishes is None
        await engine.send("retry_step", job=1)
        assert (await engine.settled(one)).state == "complete"
        assert await outcomes(engine, one) == ["step_failed", "succeeded"]


async def test_where_the_transcript_is_gone_by_then_it_is_said_and_the_agent_runs_again(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.running() as engine:
        one = await stopped_at_the_snapshot(engine, monkeypatch)
        for left in bench.place.run_folder(1).path.iterdir():
            if left.is_file():
                left.unlink()
        await engine.send("retry_step", job=1)
        assert (await engine.settled(one)).state == "complete"
        runs = [run for run in await engine.runs(one) if run.job_id == 1]
    assert [run.outcome for run in runs] == ["step_failed", "lost", "succeeded"]
    assert runs[1].message == "the transcript of R1 is gone, or does not hold its end any more"


async def test_a_limit_that_the_agent_met_still_holds_its_account_once_the_step_is_done(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = {"error": {"status": 429, "text": "Usage limit reached"}, "run": 1}
    bench.plays({"implement": [[EDIT, limit]]})
    async with bench.running() as engine:
        one = await stopped_at_the_snapshot(engine, monkeypatch)
        assert await engine.parts.store.one(Hold, "open_hold", account="sim") is None
        await engine.send("retry_step", job=1)
        with anyio.fail_after(30):
            while await engine.parts.store.one(Hold, "open_hold", account="sim") is None:
                await anyio.sleep(0.02)
        assert await outcomes(engine, one) == ["step_failed", "rate_limited"]
        assert (await engine.jobs(one))[0].finishes is None


async def test_a_run_that_redoes_a_step_and_is_stopped_leaves_it_to_the_next(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    here = bench.tmp / "here"
    async with bench.running() as engine:
        one = await stopped_at_the_snapshot(engine, monkeypatch)

        async def hangs(*args: object, **values: object) -> None:
            here.touch()
            await anyio.sleep_forever()

        monkeypatch.setattr(engine.parts.workspaces, "snapshot", hangs)
        await engine.send("retry_step", job=1)
        with anyio.fail_after(30):
            while not here.exists():
                await anyio.sleep(0.02)
    async with bench.running() as engine:
        assert (await engine.settled(one)).state == "complete"
        assert (await outcomes(engine, one))[::2] == ["step_failed", "succeeded"]
        assert [run.pid is not None for run in await engine.runs(one) if run.job_id == 1] == [
            True, False, False,
        ]  # fmt: skip


async def test_only_a_step_that_failed_can_be_retried(bench: "Bench") -> None:
    async with bench.running() as engine:
        one = await started(engine)
        await engine.settled(one)
        with pytest.raises(NotAllowed, match="J1 is done; 'wfctl retry J1'"):
            await engine.send("retry_step", job=1)


@pytest.mark.parametrize(
    ("gatherer", "name"), [("diff", "diff"), ("changed", "paths"), ("checks", "checks")]
)
async def test_a_gatherer_that_fails_is_told_as_a_fault_and_the_others_go_on(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, gatherer: str, name: str
) -> None:
    bench.configures(checks={"greets": "grep -q hi greeting.txt"})
    block = {"decision": "block", "question": "Which?", "reason": "x"}
    bench.plays({"implement": [AGENT], "pm": [[{"structured": block}]]})
    async with bench.running() as engine:
        on: object = engine.parts.workspaces
        if gatherer == "checks":
            on, gatherer = engine.parts.checks, "run"
        one = await engine.create("Greet")
        # the checks at the base go well
        breaks(monkeypatch, on, gatherer, Broken(GIT), after=1 if gatherer == "run" else 0)
        todo = {"type": "implement", "context": "Greet", "locks": ("*.txt",)}
        job_id = (await engine.send("insert_job", assignment=one, **todo))["job"]
        await engine.settled(one)
        ended = {run.id: run.outcome for run in await engine.runs(one) if run.job_id == job_id}
        found = {e.kind: e for e in await engine.evidence(one) if e.run_id in ended}
    assert list(ended.values()) == ["succeeded"]
    fault = found[EvidenceKind.FAULT]
    assert (fault.name, fault.ok) == (name, False)
    assert fault.tail == f"could not be gathered: {GIT}"
    assert ("diff" in found, "check" in found) == (name != "diff", name != "checks")


async def test_a_job_whose_agent_is_done_cannot_be_claimed(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.running() as engine:
        breaks(monkeypatch, engine.parts.workspaces, "snapshot", Broken(GIT))
        await engine.settled(await started(engine))
        async with anyio.create_task_group() as group:
            with pytest.raises(NotAllowed, match="J1 is done, and the daemon ends R1 by itself"):
                await claim(engine.parts, group, Claim("repo", "ada", job=1))


async def test_a_cancelled_job_whose_step_failed_gives_its_turn_up_and_keeps_nothing_to_redo(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.running() as engine:
        breaks(monkeypatch, engine.parts.workspaces, "deliver", Broken(GIT))
        one = await started(engine)
        await engine.settled(one)
        await engine.send("cancel_job", job=1)
        again = await engine.send("retry_job", job=1)
        assert (await engine.settled(one)).state == "complete"
        first, second = [job for job in await engine.jobs(one) if job.type == "implement"]
    assert (first.state, first.finishes) == ("cancelled", None)
    assert (second.id, second.state) == (again["job"], "done")


async def test_a_merge_that_fails_is_done_again_and_its_work_is_not(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.running() as engine:
        breaks(monkeypatch, engine.parts.workspaces, "merge", Broken(GIT))
        one = await engine.create("Greet")
        todo = {"type": "implement", "context": "Do", "locks": ("greeting.txt",), "parallel": True}
        await engine.send("insert_job", assignment=one, **todo)
        stopped = await engine.settled(one)
        job = next(job for job in await engine.jobs(one) if job.merges)
        assert stopped.reason is not None
        assert stopped.reason.startswith(f"J{job.id} is held up: the merge failed: {GIT}")
        await engine.send("retry_step", job=job.id)
        assert (await engine.settled(one)).state == "complete"
        assert await outcomes(engine, one, job.id) == ["step_failed", "succeeded"]
        work = next(job for job in await engine.jobs(one) if job.has_own_lane)
        assert await outcomes(engine, one, work.id) == ["succeeded"]


async def test_a_merge_that_is_cancelled_while_its_row_cannot_be_written_stands_where_its_branch_is(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_at, is_down = finish.stand_at, anyio.Event()

    def fails(tx: Tx, *args: Any) -> None:
        is_down.set()
        if tx.one(int, "cancels_asked") is None:
            raise StoreDown("the store could not be written: disk I/O error")
        stand_at(tx, *args)

    async with bench.running() as engine:
        monkeypatch.setattr(merge, "stand_at", fails)
        one = await engine.create("Greet")
        todo = {"type": "implement", "context": "Do", "locks": ("greeting.txt",), "parallel": True}
        await engine.send("insert_job", assignment=one, **todo)
        with anyio.fail_after(30):
            await is_down.wait()
        job = next(job for job in await engine.jobs(one) if job.merges)
        await engine.send("cancel_job", job=job.id)
        stands = await engine.settled(one)
        assert await outcomes(engine, one, job.id) == ["cancelled"]
    assert bench.git("rev-parse", "wfd/A1") == stands.head_commit
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"
