"""Leases: whoever holds one may write, and nobody else."""

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from structlog.testing import capture_logs

from wfd.domain.errors import LeaseLost
from wfd.domain.namespace import Namespace
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.engine import housekeep
from wfd.engine.close import close
from wfd.engine.lease import take_work
from wfd.engine.over import Closing
from wfd.ports import Tx
from wfd.store.alone import reading

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


async def leased_by_another(engine: "Opened", *, ttl_ms: int) -> "Run":
    """A run of a worker that took the job and then fell silent."""
    terms = engine.terms(ttl_ms=ttl_ms)
    taken = await engine.parts.store.write(lambda tx: take_work(tx, terms))
    return taken.leases[0].run


async def test_a_lapsed_lease_is_taken_back_and_its_late_write_is_refused(bench: "Bench") -> None:
    bench.flags["leaseTtlMs"] = 300
    bench.plays({"implement": [[EDIT]]})
    async with bench.opened() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        late = await leased_by_another(engine, ttl_ms=1)
        async with bench.at_work(engine):
            assert (await engine.settled(one)).state == "complete"
        mine = [run for run in await engine.runs(one) if run.job_id == late.job_id]
        assert [run.outcome for run in mine] == ["lost", "succeeded"]
        job = (await engine.jobs(one))[0]
        assert (job.lost, job.attempts) == (1, 1)
        said = Conclusion(Outcome(Kind.SUCCEEDED))
        with pytest.raises(LeaseLost):
            await close(engine.parts, late, Closing(said, EndedBy.NONE, 0))
        assert (await engine.runs(one))[0].outcome == "lost"
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi", "done once and only once"


async def test_a_live_run_outlives_its_ttl_by_the_heartbeat(bench: "Bench") -> None:
    bench.flags["leaseTtlMs"] = 600
    go = bench.tmp / "go"
    bench.plays({"implement": [[{"wait_for": str(go)}, EDIT]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        first = await engine.until_running(one)
        with anyio.fail_after(30):
            while (await engine.runs(one))[0].lease_until < first.lease_until + 1200:
                await anyio.sleep(0.02)
        go.touch()
        assert (await engine.settled(one)).state == "complete"
        assert (await engine.runs(one))[0].outcome == "succeeded"


async def test_a_finished_assignment_keeps_its_branch_and_gives_its_workspace_back(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeep, "EVERY_S", 0.1)
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "complete"
        workspace = bench.place.state_dir / "ns" / "1" / "A1"
        with anyio.fail_after(30):
            while workspace.exists():
                await anyio.sleep(0.02)
        await engine.send("update_assignment", assignment=one, status="active", reason="more")
        assert (await engine.settled(one)).state == "complete", "it is made again where needed"
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_who_keeps_the_stores_log_from_being_cut_back_is_told_of_once(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeep, "EVERY_S", 0.05)
    monkeypatch.setattr(housekeep, "MUCH_LOG", 1_000_000)
    bench.plays({"pm": [[{"silence": True}]]})
    with capture_logs() as logged:
        async with bench.running() as engine:
            one = await engine.create("Greet")
            with reading(bench.place.store_path) as read:
                read.all(Namespace, "namespaces")
                while engine.parts.store.log_bytes <= housekeep.MUCH_LOG:
                    await engine.parts.store.write(lambda tx: note(tx, one))
                with anyio.fail_after(30):
                    while not _told(logged):
                        await anyio.sleep(0.02)
                await anyio.sleep(0.2)
    (told,) = _told(logged)
    assert told["bytes"] > housekeep.MUCH_LOG
    assert "fuser" in told["reason"]


def note(tx: Tx, one: int) -> int:
    return tx.insert("add_note", assignment_id=one, text="x" * 100_000, now=tx.now)


def _told(logged: list[Any]) -> list[Any]:
    return [line for line in logged if line["event"] == "store.log_grows"]


async def test_a_job_of_a_reopened_assignment_waits_until_the_old_workspace_is_gone(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeep, "EVERY_S", 0.1)
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        workspaces = engine.parts.workspaces
        prepare, remove = workspaces.prepare, workspaces.remove
        begun, go_on = anyio.Event(), anyio.Event()
        seen: list[str] = []

        async def slow_remove(*of: Any) -> None:
            begun.set()
            await go_on.wait()
            await remove(*of)
            seen.append("removed")

        async def told_prepare(*of: Any) -> Any:
            seen.append("prepared")
            return await prepare(*of)

        monkeypatch.setattr(workspaces, "remove", slow_remove)
        one = await engine.create("Greet", type="implement", context="Greet")
        with anyio.fail_after(30):
            await begun.wait()
        monkeypatch.setattr(workspaces, "prepare", told_prepare)
        await engine.send("update_assignment", assignment=one, status="active", reason="more")
        with anyio.fail_after(30):
            while (await engine.runs(one))[-1].state != "running":
                await anyio.sleep(0.02)
        go_on.set()
        assert (await engine.settled(one)).state == "complete"
    assert seen[:2] == ["removed", "prepared"]
