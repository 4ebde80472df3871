"""Parallel jobs of one assignment: side by side in lanes of their own, and merged by the daemon."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from wfd.domain.evidence import EvidenceKind
from wfd.domain.ids import AssignmentId
from wfd.domain.job import Job
from wfd.domain.lane import Lane
from wfd.domain.namespace import Namespace

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

LENIENT = {"gates": {"review": False, "uat": False}}


def meets(bench: "Bench", name: str, other: str, path: str) -> list[dict[str, object]]:
    """Steps of an agent that ends only when the other one runs too."""
    here, there = str(bench.tmp / name), str(bench.tmp / other)
    edit = {"path": path, "content": f"{name}\n"}
    return [{"touch": here}, {"wait_for": there}, {"edit": edit}, {"result": f"Made {path}."}]


async def two_in_parallel(engine: "Opened", *, globs: tuple[str, str]) -> AssignmentId:
    """A new assignment with two parallel jobs and nothing else."""
    one = await engine.create("Add both")
    for glob in globs:
        await engine.send(
            "insert_job", assignment=one, type="implement", context=f"Do {glob}", locks=(glob,),
            parallel=True,
        )  # fmt: skip
    return one


async def lanes(engine: "Opened", of: AssignmentId) -> dict[str, Lane]:
    found = await engine.parts.store.all(Lane, "lanes_of", assignment_id=of)
    return {lane.name: lane for lane in found}


def work(jobs: list[Job]) -> list[Job]:
    return [job for job in jobs if not job.is_pm]


async def test_two_parallel_jobs_run_side_by_side_and_the_branch_holds_what_both_did(
    bench: "Bench",
) -> None:
    bench.configures(checks={"both": "test -f src/a.txt -a -f docs/b.txt"}, **LENIENT)
    first, second = meets(bench, "a", "b", "src/a.txt"), meets(bench, "b", "a", "docs/b.txt")
    bench.plays({"implement": [first, second]})
    async with bench.running() as engine:
        one = await two_in_parallel(engine, globs=("src/**", "docs/**"))
        assignment = await engine.settled(one)

        assert (assignment.state, assignment.reason) == ("complete", "All gates are closed.")
        a, b, *merges = work(await engine.jobs(one))
        assert [(job.type, job.state, job.merges) for job in merges] == [
            ("merge", "done", a.lane), ("merge", "done", b.lane)
        ] or [job.merges for job in merges] == [b.lane, a.lane]  # fmt: skip
        assert (a.lane, b.lane) == (f"J{a.id}", f"J{b.id}")
        runs = [run for run in await engine.runs(one) if run.job_id in (a.id, b.id)]
        diffs = [e.tail for e in await engine.evidence(one) if e.kind is EvidenceKind.DIFF]
        assert not any("outside the paths" in (diff or "") for diff in diffs)
        assert max(run.started_at for run in runs) < min(run.ended_at or 0 for run in runs)
        checks = [e for e in await engine.evidence(one) if e.tree == assignment.head_tree]
        assert [(e.name, e.ok) for e in checks if e.kind is EvidenceKind.CHECK] == [("both", True)]
        assert assignment.jobs == 2, "what the daemon does itself is not counted"
        assert {lane.state for lane in (await lanes(engine, one)).values()} == {"merged"}
    assert bench.git("show", "wfd/A1:src/a.txt") == "a"
    assert bench.git("show", "wfd/A1:docs/b.txt") == "b"
    told = bench.git("log", "-1", "--format=%B", "wfd/A1")
    assert f"Wfd-Job: J{merges[-1].id}" in told
    assert "Wfd-Run: R" in told
    bench.git("fsck", "--strict")


async def test_the_workspace_and_the_branch_of_a_merged_lane_go_and_its_snapshots_stay(
    bench: "Bench",
) -> None:
    bench.configures(**LENIENT)
    bench.plays({"implement": [[{"edit": {"path": "src/a.txt", "content": "a\n"}}]]})
    async with bench.running() as engine:
        one = await engine.create("Add it")
        await engine.send(
            "insert_job", assignment=one, type="implement", context="Do it", locks=("src",),
            parallel=True,
        )  # fmt: skip
        await engine.settled(one)
        lane = f"A1-{work(await engine.jobs(one))[0].lane}"
        with anyio.fail_after(30):
            while f"refs/heads/wfd/{lane}" in bench.git("for-each-ref"):
                await anyio.sleep(0.05)
        folders = {path.name for path in (bench.place.state_dir / "ns" / "1").iterdir()}
        assert lane not in folders
    assert f"refs/wfd/{lane}/R" in bench.git("for-each-ref")


async def test_a_conflict_changes_nothing_and_a_retry_does_the_work_again_on_top(
    bench: "Bench",
) -> None:
    bench.configures(**LENIENT)
    clash = {"edit": {"path": "README.md", "content": "theirs\n"}}
    again = {"edit": {"path": "README.md", "append": "mine, on top\n"}}
    first = [*meets(bench, "a", "b", "src/a.txt")[:2], clash]
    second = [
        *meets(bench, "b", "a", "docs/b.txt")[:2],
        {"edit": {**clash["edit"], "content": "x\n"}},
    ]
    bench.plays({"implement": [first, second, [again]]})
    async with bench.running() as engine:
        # they declare one thing and do another
        one = await two_in_parallel(engine, globs=("src/**", "docs/**"))
        assignment = await engine.settled(one)

        jobs = work(await engine.jobs(one))
        conflict = next(job for job in jobs if job.type == "merge" and job.state == "failed")
        assert conflict.answer is not None
        assert "README.md" in conflict.answer
        diffs = [e.tail for e in await engine.evidence(one) if e.kind is EvidenceKind.DIFF]
        astray = "1 insertion(+), 1 deletion(-); outside the paths that it declared: README.md"
        assert [astray in (diff or "") for diff in diffs[:2]] == [True, True]
        retry = next(job for job in jobs if job.retry_of is not None)
        assert retry.lane == f"J{retry.id}", "in a lane that begins at the head"
        found = await lanes(engine, one)
        assert found[conflict.merges or ""].state == "abandoned"
        assert found[retry.lane].state == "merged"
        assert assignment.state == "complete"
    kept = bench.git("show", "wfd/A1:README.md").splitlines()
    assert kept[-1] == "mine, on top"
    assert f"refs/heads/wfd/A1-{conflict.merges}" in bench.git("for-each-ref"), "nothing is lost"
    bench.git("fsck", "--strict")


async def test_the_pm_may_not_complete_while_what_was_done_is_not_merged(bench: "Bench") -> None:
    bench.configures(caps={"attempts": 1}, **LENIENT)
    clash = {"edit": {"path": "README.md", "content": "theirs\n"}}
    first = [*meets(bench, "a", "b", "src/a.txt")[:2], clash]
    second = [
        *meets(bench, "b", "a", "docs/b.txt")[:2],
        {"edit": {**clash["edit"], "content": "x\n"}},
    ]
    complete = {"structured": {"decision": "complete", "reason": "All is well."}}
    bench.plays({"implement": [first, second], "pm": [[complete]]})
    async with bench.running() as engine:
        one = await two_in_parallel(engine, globs=("src/**", "docs/**"))
        assignment = await engine.until(lambda a: a.state == "blocked", one)
        assert "is not merged: J" in (assignment.reason or "")


async def test_a_job_in_main_that_declares_nothing_runs_beside_no_parallel_one(
    bench: "Bench",
) -> None:
    go, here = str(bench.tmp / "go"), str(bench.tmp / "here")
    steps = [{"touch": here}, {"wait_for": go}, {"edit": {"path": "src/a.txt", "content": "a\n"}}]
    bench.configures(**LENIENT)
    bench.plays(
        {"implement": [steps], "document": [[{"edit": {"path": "src/a.txt", "append": "b\n"}}]]}
    )
    async with bench.running() as engine:
        one = await engine.create("Add both")
        first = await engine.send(
            "insert_job", assignment=one, type="implement", context="Do it", locks=("src",),
            parallel=True,
        )  # fmt: skip
        with anyio.fail_after(30):
            while not Path(here).exists():
                await anyio.sleep(0.02)
        second = await engine.send("insert_job", assignment=one, type="document", context="Tell")

        async def waits(job: object) -> str | None:
            found = await engine.parts.store.one(Job, "job_by_id", id=job)
            return found.waits_on if found and found.waits_for == "lock" else None

        with anyio.fail_after(30):
            while await waits(second["job"]) is None:
                await anyio.sleep(0.02)
        assert await waits(second["job"]) == f"J{first['job']}"
        Path(go).touch()
        await engine.settled(one)
        events = [
            job.type for job in sorted(work(await engine.jobs(one)), key=lambda j: j.closed_at or 0)
        ]
        assert events == ["implement", "merge", "document"], "on top of what was merged"
    assert bench.git("show", "wfd/A1:src/a.txt").splitlines() == ["a", "b"]


async def test_a_merge_makes_no_second_commit_when_it_is_done_again(bench: "Bench") -> None:
    bench.configures(**LENIENT)
    bench.plays({"implement": [[{"edit": {"path": "src/a.txt", "content": "a\n"}}]]})
    async with bench.running() as engine:
        one = await engine.create("Add it")
        await engine.send(
            "insert_job", assignment=one, type="implement", context="Do it", locks=("src",),
            parallel=True,
        )  # fmt: skip
        assignment = await engine.settled(one)
        job = work(await engine.jobs(one))[0]
        merge = next(job for job in await engine.jobs(one) if job.type == "merge")
        lane = (await lanes(engine, one))[job.lane]
        run = (await engine.runs(one))[-1]
        space = (await engine.parts.store.all(Namespace, "namespaces"))[0]
        again = await engine.parts.workspaces.merge(
            space, assignment, lane.view(assignment), merge.id, run.id
        )
        assert getattr(again, "commit", None) == assignment.head_commit
    merged = bench.git("rev-list", "--merges", "wfd/A1").split()
    assert merged == [assignment.head_commit]
    assert json.loads(merge.locks or "[]") == ["src"]
