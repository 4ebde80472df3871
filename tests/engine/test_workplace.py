"""What set-up, checks and agents find around them, and what happens where a program is missing."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.evidence import EvidenceKind

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

    from wfd.domain.ids import AssignmentId
    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
NO_REVIEW = {"checks": "strict", "review": False, "uat": False}


async def started(engine: "Opened", **more: object) -> "AssignmentId":
    return await engine.create("Greet", type="implement", context="Greet", **more)


def tool(bench: "Bench", name: str, text: str = "exit 0") -> Path:
    """A program on the PATH of the daemon."""
    folder = bench.tmp / "bin"
    folder.mkdir(exist_ok=True)
    bench.environ["PATH"] = f"{folder}:{bench.environ['PATH'].removeprefix(f'{folder}:')}"
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def is_blocked(assignment: Assignment) -> bool:
    return assignment.state is AssignmentState.BLOCKED


async def test_set_up_checks_and_agents_see_the_network_the_slot_and_what_is_named(
    bench: "Bench",
) -> None:
    bench.environ |= {
        "HTTPS_PROXY": "http://127.0.0.1:9", "DATABASE_URL": "sqlite:", "OTHER": "1",
        "ANTHROPIC_API_KEY": "T0PSECRET",
    }  # fmt: skip
    look = "env | grep -E '^(HTTPS_PROXY|DATABASE_URL|OTHER|WFD_SLOT|ANTHROPIC_API_KEY)='|sort"
    bench.configures(
        gates=NO_REVIEW, checks={"look": look}, workspace={"setup": [look], "env": ["DATABASE_*"]}
    )
    bench.plays({"implement": [[{"shell": f"{look} > seen.txt"}, {"result": "Done."}]]})
    async with bench.running() as engine:
        one = await started(engine)
        assert (await engine.settled(one)).state == "complete"
        evidence = await engine.evidence(one)

    expected = "DATABASE_URL=sqlite:\nHTTPS_PROXY=http://127.0.0.1:9\nWFD_SLOT=0\n"
    kinds = (EvidenceKind.SETUP, EvidenceKind.BASELINE, EvidenceKind.CHECK)
    assert {e.kind: e.tail for e in evidence if e.kind in kinds} == dict.fromkeys(kinds, expected)
    assert bench.git("show", "wfd/A1:seen.txt") == expected.strip()


async def test_workspaces_that_live_side_by_side_have_slots_of_their_own(bench: "Bench") -> None:
    shell = {"shell": "echo $WFD_SLOT > slot-$WFD_JOB_ID.txt"}
    bench.plays({"implement": [[shell, {"silence": True}]]})
    async with bench.running() as engine:
        one, two = await started(engine), await engine.create("Greet twice")
        for globs in ("src/**", "docs/**"):
            await engine.send(
                "insert_job", assignment=two, type="implement", context="Greet",
                parallel=True, locks=(globs,),
            )  # fmt: skip
        folder = bench.place.state_dir / "ns" / "1"
        with anyio.fail_after(60):
            while len(seen := _written(folder)) < 3:
                await anyio.sleep(0.05)
        kept = {file.name for file in folder.glob("A*.slot")}
        await engine.send("update_assignment", assignment=one, status="cancelled", reason="stop")
        with anyio.fail_after(60):
            while (folder / f"A{one}.slot").exists():
                await anyio.sleep(0.05)

    assert seen == ["0", "1", "2"]
    assert len(kept) == 3


def _written(folder: Path) -> list[str]:
    found = (file.read_text().strip() for file in folder.glob("A*/slot-*.txt"))
    return sorted(number for number in found if number)


async def test_a_check_that_misses_a_program_blocks_before_any_agent_is_paid(
    bench: "Bench",
) -> None:
    bench.configures(gates=NO_REVIEW, checks={"lint": "nonesuch-linter --check"})
    bench.plays({"implement": [[EDIT, {"result": "Done."}]]})
    async with bench.running() as engine:
        one = await started(engine)
        blocked = await engine.until(is_blocked, one)
        (run,) = await engine.runs(one)
        tool(bench, "nonesuch-linter")
        await engine.send("approve", assignment=one)
        done = await engine.settled(one)

    assert blocked.reason is not None
    assert "check 'lint' cannot run: 'nonesuch-linter' is missing" in blocked.reason
    assert "correct 'checks'" in blocked.reason
    assert run.spawned_at is None
    assert done.state == "complete"


async def test_a_program_that_goes_while_the_agent_works_blocks_and_is_never_red(
    bench: "Bench",
) -> None:
    linter = tool(bench, "linter")
    bench.configures(gates=NO_REVIEW, checks={"lint": "linter"})
    gone = {"shell": f"rm {linter}", "run": 1}
    bench.plays({"implement": [[gone, EDIT, {"result": "Done."}]]})
    async with bench.running() as engine:
        one = await started(engine)
        blocked = await engine.until(is_blocked, one)
        jobs = [job.type for job in await engine.jobs(one)]

    assert blocked.reason is not None
    assert "check 'lint' cannot run: 'linter' is missing" in blocked.reason
    assert jobs == ["implement"]
    assert bench.git("show", f"refs/wfd/A{one}/R1:greeting.txt") == "hi"


async def test_a_script_that_the_work_itself_took_away_is_red(bench: "Bench") -> None:
    script = bench.repository / "run-tests"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    bench.git("add", ".")
    bench.git("commit", "-qm", "tests")
    bench.configures(gates=NO_REVIEW, checks={"test": "./run-tests"})
    bench.plays({"implement": [[{"shell": "rm run-tests"}, {"result": "Done."}]]})
    async with bench.running() as engine:
        one = await started(engine)
        await engine.until(lambda a: a.jobs > 1 or is_blocked(a), one)
        check = next(e for e in await engine.evidence(one) if e.kind is EvidenceKind.CHECK)

    assert (check.ok, check.exit_code) == (False, 127)


async def test_what_runs_is_shown_while_it_runs(bench: "Bench") -> None:
    go = bench.tmp / "go"
    wait = f"until test -e {go}; do sleep 0.05; done"
    bench.configures(gates=NO_REVIEW, checks={"test": f"true; {wait}"}, workspace={"setup": [wait]})
    bench.plays({"implement": [[EDIT, {"result": "Done."}]]})
    async with bench.running() as engine:
        one = await started(engine)
        run = await _until_it_shows(engine, one, f"set-up: {wait}")
        go.touch()
        assert (await engine.settled(one)).state == "complete"
        (after, *_) = await engine.runs(one)

    assert run.activity_since is not None
    assert run.spawned_at is None
    assert (after.activity, after.activity_since) == (None, None)


async def _until_it_shows(engine: "Opened", one: "AssignmentId", words: str) -> "Run":
    with anyio.fail_after(60):
        while True:
            for run in await engine.runs(one):
                if run.activity == words:
                    return run
            await anyio.sleep(0.02)
