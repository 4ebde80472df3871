"""A store or a disk that fails for a while: said once, nothing begun, nothing lost, no storm."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from structlog.testing import capture_logs

from wfd.domain.ai import AiRow
from wfd.domain.errors import Broken, DamagedStore, NotAllowed, StoreDown, TryLater
from wfd.domain.ids import AssignmentId, RunId
from wfd.domain.job import WaitsFor
from wfd.engine import by_hand, claim, finish, housekeep, merge, room, worker
from wfd.engine.over import Closing
from wfd.engine.parts import Lease, Parts
from wfd.engine.pulse import Pulse
from wfd.ports import Tx

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

BLOCK = {"decision": "block", "question": "Which?", "reason": "x"}
EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
FULL = StoreDown("the store could not be written: database or disk is full; make room on the disk")
NO_SPACE = os.strerror(errno.ENOSPC)

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def quick(bench: "Bench", monkeypatch: pytest.MonkeyPatch) -> None:
    bench.configures(gates={"review": False, "uat": False})
    bench.plays({"implement": [[EDIT]]})
    for module, name in ((worker, "STORE_AGAIN_S"), (room, "AGAIN_S")):
        monkeypatch.setattr(module, name, (0.05, 0.2))
    monkeypatch.setattr("wfd.engine.run_agent.CLOSE_AGAIN_S", (0.05, 0.2))
    monkeypatch.setattr("wfd.store.condition.SETTLED_MS", 10)


class Disk:
    """What the store's writer meets at each commit."""

    def __init__(self, engine: "Opened", monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.tries = 0
        writer: Any = engine.parts.store._writer  # type: ignore[attr-defined]
        end = writer._end

        def fails() -> None:
            self.tries += 1
            if self.error is not None and writer._connection.total_changes != writer._changes:
                raise self.error
            end()

        monkeypatch.setattr(writer, "_end", fails)


async def started(engine: "Opened", **values: str) -> AssignmentId:
    one = await engine.create(type="implement", context="Greet", **values)
    with anyio.fail_after(30):
        while "harness" in values and (await engine.jobs(one))[0].waits_for is not WaitsFor.AI:
            await anyio.sleep(0.02)
    return one


@contextmanager
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def count(lines: list[Any], event: str) -> int:
    return sum(line["event"] == event for line in lines)


async def test_one_hiccup_of_the_store_ends_none_of_the_loops(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hiccup killed all workers while the pool looked alive."""
    monkeypatch.setattr(housekeep, "EVERY_S", 0.05)
    bench.flags["leaseTtlMs"] = 300
    async with bench.running() as engine:
        for error in (FULL, Broken("no such thing"), RuntimeError("unforeseen")):
            met = _fail_once(engine, monkeypatch, error)
            with anyio.fail_after(30):
                while met != {"write", "all"}:
                    engine.parts.wake()
                    await anyio.sleep(0.02)
        assert (await engine.settled(await started(engine))).state == "complete"
        assert engine.parts.pulse.overdue() == []


def _fail_once(engine: "Opened", monkeypatch: pytest.MonkeyPatch, error: Exception) -> set[str]:
    """The next write of a loop and the next read of one raise; who was met so far."""
    met: set[str] = set()
    for name in ("write", "all"):
        real = getattr(engine.parts.store, name)

        async def fails(*args: Any, _real: Any = real, _name: str = name, **values: Any) -> object:
            if _name not in met:
                met.add(_name)
                raise error
            return await _real(*args, **values)

        monkeypatch.setattr(engine.parts.store, name, fails)
    return met


async def test_a_loop_that_no_longer_turns_is_named() -> None:
    pulse = Pulse()
    pulse.beat("worker", 0.01)
    pulse.beat("heartbeat", 60)
    assert pulse.overdue() == []
    await anyio.sleep(0.03)
    assert pulse.overdue() == ["worker"]


async def test_while_the_store_cannot_be_written_nothing_is_leased_and_the_log_says_it_once(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged() as lines:
        async with bench.running() as engine:
            disk = Disk(engine, monkeypatch)
            bench.free_bytes = 0
            one = await started(engine)
            disk.error, bench.free_bytes = FULL, 2**40
            with anyio.fail_after(30):
                while engine.parts.store.trouble is None:
                    engine.parts.wake()
                    await anyio.sleep(0.01)
            disk.tries = 0
            for _ in range(50):  # each command that comes in wakes the worker
                engine.parts.wake()
                await anyio.sleep(0.01)
            assert disk.tries < 20, "tried ever more rarely, however often it is woken"
            assert await engine.runs(one) == []
            disk.error = None
            assert (await engine.settled(one)).state == "complete"
            assert engine.parts.store.trouble is None
    assert count(lines, "store.failed") == count(lines, "store.recovered") == 1


async def test_a_final_write_that_fails_is_written_later_and_once(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The final write was lost, and the row said `running` for ever."""
    go = bench.tmp / "go"
    bench.plays({"implement": [[{"wait_for": str(go)}, EDIT]]})
    with logged() as lines:
        async with bench.running() as engine:
            disk = Disk(engine, monkeypatch)
            one = await started(engine)
            run = await engine.until_running(one)
            disk.error = FULL
            go.touch()
            with anyio.fail_after(30):
                while not _waits(lines):
                    await anyio.sleep(0.02)
                enough = disk.tries + 12
                while disk.tries < enough:
                    await anyio.sleep(0.02)
            assert (await engine.runs(one))[0].state == "running"
            disk.error = None
            assert (await engine.settled(one)).state == "complete"
            runs = [found for found in await engine.runs(one) if found.job_id == run.job_id]
    assert [found.outcome for found in runs] == ["succeeded"]
    assert _waits(lines) <= 2, "said once, and not at each try"
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


def _waits(lines: list[Any]) -> int:
    return count(lines, "run.not_closed") + count(lines, "run.waits_for_room")


async def test_a_lapsed_lease_that_cannot_be_swept_now_is_swept_when_the_store_has_healed(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plays({"implement": [[{"sleep": 300, "run": 1}, EDIT]]})
    bench.flags["leaseTtlMs"] = 300
    with logged() as lines:
        async with bench.running() as engine:
            disk = Disk(engine, monkeypatch)
            one = await started(engine)
            run = await engine.until_running(one)
            disk.error = FULL
            engine.parts.live[run.id].lose()
            with anyio.fail_after(30):
                while count(lines, "lease.lapsed") < 3:
                    await anyio.sleep(0.02)
            disk.error = None
            assert (await engine.settled(one)).state == "complete"
            outcomes = [r.outcome for r in await engine.runs(one) if r.job_id == run.job_id]
    assert outcomes == ["lost", "succeeded"]
    assert count(lines, "lease.not_swept") == 0


async def test_without_room_on_the_disk_nothing_is_begun_and_what_runs_goes_on(
    bench: "Bench",
) -> None:
    go = bench.tmp / "go"
    bench.plays({"implement": [[{"wait_for": str(go)}, EDIT]]})
    with logged() as lines:
        async with bench.running() as engine:
            one = await started(engine)
            await engine.until_running(one)
            bench.free_bytes = 1000
            two = await started(engine)
            go.touch()
            with anyio.fail_after(30):
                while (await engine.jobs(one))[0].state != "done":
                    engine.parts.wake()
                    await anyio.sleep(0.02)
            assert await engine.runs(two) == []
            bench.free_bytes = 2**40
            assert (await engine.settled(one)).state == "complete"
            assert (await engine.settled(two)).state == "complete"
    assert count(lines, "disk.short") == count(lines, "disk.has_room") == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, NO_SPACE),
        Broken(f"git write-tree failed (exit 128): {NO_SPACE}"),
        Broken("git update-index failed (exit 128): fatal: … write error. Out of diskspace"),
    ],
    ids=["ours", "git's", "of git's index"],
)
async def test_a_disk_that_is_full_while_a_run_is_prepared_asks_nobody_and_is_tried_again(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    (bench.tmp / "config" / "policies").mkdir(parents=True)
    (bench.tmp / "config" / "policies" / "default.yaml").write_text(bench.policy(base_ms=1))
    async with bench.running() as engine:
        _once(engine.parts.workspaces, "prepare", error, monkeypatch)
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        runs = [run.outcome for run in await engine.runs(one) if run.job_id == 1]
    assert runs == ["transient", "succeeded"]


async def test_a_disk_that_is_full_at_the_snapshot_is_waited_for_with_the_work_in_hand(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged() as lines:
        async with bench.running() as engine:
            error = Broken(f"git write-tree failed (exit 128): error: {NO_SPACE}")
            _once(engine.parts.workspaces, "snapshot", error, monkeypatch)
            one = await started(engine)
            assert (await engine.settled(one)).state == "complete"
            runs = [run.outcome for run in await engine.runs(one) if run.job_id == 1]
    assert runs == ["succeeded"]
    assert count(lines, "run.waits_for_room") == 1


async def test_a_disk_that_is_full_while_an_agent_speaks_costs_no_attempt_and_blames_no_ai(
    bench: "Bench",
) -> None:
    (bench.tmp / "config" / "policies").mkdir(parents=True)
    policy = bench.policy(base_ms=1).replace("failures: 5", "failures: 1")
    (bench.tmp / "config" / "policies" / "default.yaml").write_text(policy)
    go = bench.tmp / "go"
    bench.plays({"implement": [[{"wait_for": str(go)}, {"crash": 120, "run": 1}, EDIT]]})
    async with bench.running() as engine:
        one = await started(engine)
        await engine.until_running(one)
        bench.free_bytes = 1000
        go.touch()
        with anyio.fail_after(30):
            while (await engine.jobs(one))[0].outcome is None:
                await anyio.sleep(0.02)
        assert await engine.parts.store.one(AiRow, "ai_by_name", name="sim") is None
        bench.free_bytes = 2**40
        assert (await engine.settled(one)).state == "complete"
        job = (await engine.jobs(one))[0]
        first, second = [run for run in await engine.runs(one) if run.job_id == job.id]
    assert (first.outcome, second.outcome, job.attempts) == ("transient", "succeeded", 1)
    assert (first.message or "").startswith("the disk of the state folder is full: ")
    assert second.resumed == first.session_id is not None


@pytest.mark.parametrize("at", ["prepare", "merge", "deliver", "restore"])
async def test_a_disk_that_is_full_while_a_lane_is_merged_asks_nobody_and_is_tried_again(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with bench.running() as engine:
        real = merge.merge

        async def meets_it(parts: Parts, lease: Lease) -> Closing:
            error = Broken(f"git failed (exit 128): error: {NO_SPACE}")
            _once(engine.parts.workspaces, at, error, monkeypatch)
            return await real(parts, lease)

        monkeypatch.setattr("wfd.engine.run_agent.merge", meets_it)
        one = await engine.create("Greet")
        await engine.send(
            "insert_job", assignment=one, type="implement", context="Do", locks=("greeting.txt",),
            parallel=True,
        )  # fmt: skip
        assert (await engine.settled(one)).state == "complete"
        job = next(job for job in await engine.jobs(one) if job.merges)
        runs = [run.outcome for run in await engine.runs(one) if run.job_id == job.id]
    assert runs == ["succeeded"], "it waits with the merge in hand"


def _always(on: object, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*args: object) -> object:
        raise error

    monkeypatch.setattr(on, name, fails)


def _once(on: object, name: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Callable[..., Any] = getattr(on, name)
    failed: list[bool] = []

    async def fails(*args: object, **values: object) -> object:
        if not failed:
            failed.append(True)
            raise error
        return await real(*args, **values)

    monkeypatch.setattr(on, name, fails)


async def test_a_store_that_is_damaged_leaves_a_run_open_for_the_next_start(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    go = bench.tmp / "go"
    bench.plays({"implement": [[{"wait_for": str(go)}, EDIT]]})
    with logged() as lines:
        async with bench.running() as engine:
            disk = Disk(engine, monkeypatch)
            one = await started(engine)
            run = await engine.until_running(one)
            disk.error = DamagedStore("the store could not be written: malformed")
            go.touch()
            with anyio.fail_after(30):
                await engine.parts.store.until_damaged()
                while engine.parts.live:
                    await anyio.sleep(0.02)
            assert (await engine.runs(one))[0].state == "running"
            assert bench.survivors(run.id) == []
            disk.error = None
    assert count(lines, "store.damaged") == 1
    async with bench.running() as engine:
        assert (await engine.settled(one)).state == "complete"


async def test_a_write_that_changes_nothing_does_not_say_that_the_store_has_healed(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.opened() as engine:
        store = engine.parts.store
        disk = Disk(engine, monkeypatch)
        disk.error = FULL
        with pytest.raises(StoreDown):
            await store.write(_touch)
        disk.error = None
        await anyio.sleep(0.05)
        await store.write(lambda tx: tx.all(int, "cancels_asked"))
        assert store.trouble is not None
        assert "make room" in store.trouble.reason
        await store.write(_touch)
        assert store.trouble is None


def _touch(tx: Tx) -> int:
    return tx.run("touch_store")


# --- the same, for what is done by hand and for questions ----------------------------


async def test_without_room_nothing_can_be_claimed(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await started(engine, harness="hand")
        bench.free_bytes = 1000
        with pytest.raises(TryLater, match=r"1000 bytes free, and limits\.freeBytes"):
            await claim.claim(engine.parts, group, claim.Claim("repo", "ada"))
        bench.free_bytes = 2**40
        disk = Disk(engine, monkeypatch)
        disk.error = FULL
        with pytest.raises(StoreDown):
            await claim.claim(engine.parts, group, claim.Claim("repo", "ada"))
        with pytest.raises(TryLater, match="make room on the disk"):
            await claim.claim(engine.parts, group, claim.Claim("repo", "ada"))
        disk.error = None
        assert await engine.runs(one) == []


async def test_a_disk_that_is_full_while_a_claim_is_made_ready_asks_nobody(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.opened() as engine, bench.at_work(engine) as group:
        one = await started(engine, harness="hand")
        _once(engine.parts.workspaces, "prepare", OSError(errno.ENOSPC, NO_SPACE), monkeypatch)
        with pytest.raises(NotAllowed, match=NO_SPACE):
            await claim.claim(engine.parts, group, claim.Claim("repo", "ada", job=1))
        assert [run.outcome for run in await engine.runs(one)] == ["transient"]
        assert (await engine.assignment(one)).state == "active"


async def test_what_was_done_by_hand_is_kept_until_it_can_be_written(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged() as lines:
        async with bench.opened() as engine, bench.at_work(engine) as group:
            one = await started(engine, harness="hand")
            taken = await claim.claim(engine.parts, group, claim.Claim("repo", "ada", job=1))
            (Path(str(taken["workspace"])) / "greeting.txt").write_text("hi\n")
            disk = Disk(engine, monkeypatch)
            await by_hand.end(engine.parts, group, by_hand.Finish(1, "Greets."))
            disk.error = FULL
            with anyio.fail_after(30):
                while not _waits(lines):
                    await anyio.sleep(0.02)
            disk.error = None
            assert (await engine.settled(one)).state == "complete"
            assert (await engine.runs(one))[0].outcome == "succeeded"
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_a_cancelled_run_waits_for_room_only_so_long_that_a_stop_can_wait_for_it(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finish, "CANCELLED_DEADLINE_S", 0.2)
    bench.plays({"implement": [[EDIT, {"sleep": 300}]]})
    async with bench.opened() as engine, bench.at_work(engine):
        one = await started(engine)
        await engine.until_running(one)
        error = Broken(f"git write-tree failed (exit 128): {NO_SPACE}")
        _always(engine.parts.workspaces, "snapshot", error, monkeypatch)
        await engine.send("cancel_job", job=1)
        with anyio.fail_after(30):
            while not engine.parts.live[RunId(1)].ended_by:
                await anyio.sleep(0.02)
        with anyio.fail_after(20):  # and not the twelve hours of a run that nobody wants ended
            while engine.parts.live:
                await anyio.sleep(0.02)


async def test_a_deadline_of_a_question_that_cannot_be_written_is_kept_later_and_not_logged(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeep, "EVERY_S", 0.05)
    bench.configures(questions={"deadlineMs": 300, "atDeadline": "cancel"})
    bench.plays({"pm": [[{"structured": BLOCK}]]})
    with logged() as lines:
        async with bench.running() as engine:
            disk = Disk(engine, monkeypatch)
            one = await engine.create("Greet")
            await engine.until(lambda a: a.state == "blocked", one)
            disk.error = FULL
            with anyio.fail_after(30):
                while count(lines, "store.failed") == 0:
                    await anyio.sleep(0.02)
            tries = disk.tries + 5
            with anyio.fail_after(30):
                while disk.tries < tries:
                    await anyio.sleep(0.02)
            disk.error = None
            await engine.until(lambda a: a.state == "cancelled", one)
    assert count(lines, "housekeep.failed") == 0
