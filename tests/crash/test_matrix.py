"""The daemon is ended, or stands still too long, at each named step of a run's path.

Whatever the step: no job is lost, none is done twice, no agent lives twice, attempts are counted
rightly, and the assignment goes on to its end.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.domain.errors import TryLater
from wfd.engine.steps import Step

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

# By the step at which the daemon ends: how the runs of the job end, and those of its PM.
ONCE = ["succeeded"]
AGAIN = ["lost", "succeeded"]
AFTER_KILL: dict[Step, tuple[list[str], list[str]]] = {
    Step.LEASED: (AGAIN, ONCE),
    Step.PREPARED: (AGAIN, ONCE),
    Step.SPAWNED: (AGAIN, ONCE),
    Step.STREAMING: (AGAIN, ONCE),
    Step.HEARD: (ONCE, ONCE),
    Step.TAKEN: (ONCE, ONCE),
    Step.DELIVERED: (ONCE, ONCE),
    Step.JUDGING: (ONCE, ONCE),
    Step.CLOSING: (ONCE, ONCE),
    Step.CLOSED: (ONCE, ONCE),
    Step.DECIDED: (ONCE, ONCE),
}


@pytest.fixture
def scene(daemon: "Daemon", tmp_path: Path) -> "Daemon":
    """A job that edits a file and is checked; where `go` is not there, its first agent waits."""
    go = tmp_path / "go"
    edit = {"edit": {"path": "greeting.txt", "content": "hi\n"}}
    wait = {"wait_for": str(go), "run": 1}
    daemon.registers(checks={"greets": "test ! -e greeting.txt || grep -q hi greeting.txt"})
    daemon.plays({"implement": [[{"say": "On it."}, wait, edit, {"cost": 0.5}]]})
    return daemon


def begin(daemon: "Daemon") -> int:
    """Create an assignment; a lease shares its commit, so the daemon may end before it answers."""
    with suppress(TryLater):
        daemon.create()
    return daemon.until(lambda: daemon.assignment(1)).id


def runs_of(daemon: "Daemon", one: int) -> tuple[list[str], list[str]]:
    work, pm = daemon.jobs(one)
    return daemon.outcomes(work), daemon.outcomes(pm)


def assert_done_once(daemon: "Daemon", one: int) -> None:
    daemon.assert_sound()
    work, pm = daemon.jobs(one)
    assert (work.type, work.state, pm.type, pm.state) == ("implement", "done", "pm", "done")
    assert (work.attempts, pm.attempts) == (1, 1), "a crash is no attempt"
    lost = [daemon.outcomes(job).count("lost") for job in (work, pm)]
    assert [work.lost, pm.lost] == lost
    assert daemon.git("show", "wfd/A1:greeting.txt") == "hi"
    assert daemon.git("rev-parse", "wfd/A1") == daemon.assignment(one).head_commit
    assert daemon.git("fsck", "--no-dangling") == ""
    decided = [(d.by, d.kind) for d in daemon.decisions(one) if d.by == "pm"]
    assert decided == [("pm", "complete")], "decided once"
    evidence = [e for e in daemon.evidence(one) if e.kind == "check"]
    assert [(e.name, e.ok) for e in evidence] == [("greets", True)], "judged once"


@pytest.mark.parametrize("step", AFTER_KILL)
def test_killed_at_each_step_nothing_is_lost_and_nothing_done_twice(
    scene: "Daemon", tmp_path: Path, step: Step
) -> None:
    daemon = scene
    if step is not Step.STREAMING:
        (tmp_path / "go").touch()
    daemon.sets(WFD_TEST_AT=f"{step}:kill")
    daemon.start()
    one = begin(daemon)
    assert daemon.wait() == -signal.SIGKILL
    daemon.sets(WFD_TEST_AT="")

    daemon.start()
    assert daemon.settled(one).state == "complete"

    assert runs_of(daemon, one) == AFTER_KILL[step]
    assert_done_once(daemon, one)


@pytest.mark.parametrize("step", [Step.ORPHANED, Step.HEARD, Step.DELIVERED, Step.CLOSING])
def test_killed_again_while_it_recovers_it_recovers_the_next_time(
    scene: "Daemon", tmp_path: Path, step: Step
) -> None:
    daemon = scene
    (tmp_path / "go").touch()
    daemon.sets(WFD_TEST_AT=f"{Step.HEARD}:kill")
    daemon.start()
    one = begin(daemon)
    assert daemon.wait() == -signal.SIGKILL
    daemon.sets(WFD_TEST_AT=f"{step}:kill")
    second = daemon.launch()
    assert second.wait(60) == -signal.SIGKILL
    daemon.sets(WFD_TEST_AT="")

    daemon.start()
    assert daemon.settled(one).state == "complete"
    assert_done_once(daemon, one)


# --- where a job's branch has moved on already, in a lane, by hand, in a merge -------------------

BLOCK = {"structured": {"decision": "block", "question": "What next?", "reason": "x"}}
COMPLETE = {"structured": {"decision": "complete", "reason": "Done."}}
PASS = {"structured": {"verdict": "pass", "findings": [], "summary": "Fine."}}
GREETING = ("greeting.txt", "hi")
SECOND = {"edit": {"path": "second.txt", "content": "2\n"}}


@pytest.fixture
def later(daemon: "Daemon") -> "Daemon":
    """A daemon that is down, over an assignment whose first job is done and whose PM has asked."""
    first = {"edit": {"path": "greeting.txt", "content": "hi\n"}}
    daemon.registers(checks={"there": "true"})
    daemon.plays(
        {
            "implement": [[first], [SECOND, {"cost": 0.5}]],
            "review": [[PASS]],
            "pm": [[BLOCK], [COMPLETE]],
        }
    )
    daemon.start()
    daemon.settled(daemon.create())
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    return daemon


def goes_on_killed_at(daemon: "Daemon", step: str) -> None:
    """The assignment goes on, with a daemon that dies at a step and one that does not."""
    daemon.send("update_assignment", assignment=1, status="active")
    dies_at(daemon, step)
    daemon.start()


def dies_at(daemon: "Daemon", step: str) -> None:
    daemon.sets(WFD_TEST_AT=f"{step}:kill")
    assert daemon.launch().wait(60) == -signal.SIGKILL
    daemon.sets(WFD_TEST_AT="")


def assert_each_edit_is_there_once(daemon: "Daemon", *edits: tuple[str, str]) -> None:
    assert daemon.settled(1).state == "complete"
    daemon.assert_sound()
    for path, text in edits or (GREETING, ("second.txt", "2")):
        assert daemon.git("show", f"wfd/A1:{path}") == text
        log = daemon.git("log", "--no-merges", "--format=%h", "wfd/A1", "--", path)
        assert len(log.split()) == 1, f"{path} came there once"
    assert daemon.git("rev-parse", "wfd/A1") == daemon.assignment(1).head_commit
    assert daemon.git("fsck", "--no-dangling") == ""
    assert [(job.state, job.attempts) for job in daemon.jobs(1)] == [("done", 1)] * len(
        daemon.jobs(1)
    )


@pytest.mark.parametrize(
    ("step", "runs"),
    [
        (Step.PREPARED, AGAIN), (Step.HEARD, ONCE), (Step.TAKEN, ONCE), (Step.DELIVERED, ONCE),
        (Step.JUDGING, ONCE), (Step.CLOSING, ONCE),
    ],
)  # fmt: skip
def test_killed_with_a_branch_that_is_past_its_base(
    later: "Daemon", step: Step, runs: list[str]
) -> None:
    job = later.send("insert_job", assignment=1, type="implement", context="More")["job"]
    goes_on_killed_at(later, step)
    assert_each_edit_is_there_once(later)
    assert [later.outcomes(one) for one in later.jobs(1) if one.id == job] == [runs]


@pytest.mark.parametrize(
    ("step", "runs"),
    [
        (Step.LEASED, AGAIN), (Step.TAKEN, ONCE), (Step.DELIVERED, ONCE), (Step.CLOSING, ONCE),
        (Step.MERGED, ONCE), (f"{Step.DELIVERED}:2", ONCE), (Step.RESTORED, ONCE),
        (f"{Step.CLOSING}:2", ONCE),
    ],
)  # fmt: skip
def test_killed_in_a_lane_and_in_its_merge_with_a_branch_that_is_past_its_base(
    later: "Daemon", step: str, runs: list[str]
) -> None:
    later.send(
        "insert_job", assignment=1, type="implement", context="More", locks=["second.txt"],
        parallel=True,
    )  # fmt: skip
    goes_on_killed_at(later, step)
    assert_each_edit_is_there_once(later)
    work, merge = [one for one in later.jobs(1) if one.has_own_lane or one.merges]
    assert (later.outcomes(work), later.outcomes(merge)) == (runs, ONCE)


@pytest.mark.parametrize("step", [Step.TAKEN, Step.DELIVERED, Step.JUDGING, Step.CLOSING])
def test_killed_after_work_by_hand_with_a_branch_that_is_past_its_base(
    later: "Daemon", step: Step
) -> None:
    later.send("insert_job", assignment=1, type="implement", context="More", harness="hand")
    later.send("update_assignment", assignment=1, status="active")
    later.sets(WFD_TEST_AT=f"{step}:kill")
    later.start()
    job = later.until(lambda: [one for one in later.jobs(1) if one.waits_for == "ai"], "kept")[0]
    said = later.wfctl("claim", f"J{job.id}", "--namespace", "repo")
    run, _, workspace, _ = said.out.rstrip("\n").split("\t")
    (Path(workspace) / "second.txt").write_text("2\n")
    later.wfctl("finish", run, "--result", "It is there.")
    assert later.wait() == -signal.SIGKILL
    later.sets(WFD_TEST_AT="")
    later.start()
    assert_each_edit_is_there_once(later)
    assert later.outcomes(job) == ONCE


@pytest.mark.parametrize("step", [Step.TAKEN, Step.JUDGING, Step.CLOSING])
def test_killed_while_a_verdict_is_taken_it_is_given_once(later: "Daemon", step: Step) -> None:
    later.send("insert_job", assignment=1, type="review", context="Look at it")
    goes_on_killed_at(later, step)
    assert_each_edit_is_there_once(later, GREETING)
    assert [e.ok for e in later.evidence(1) if e.kind == "verdict"] == [True]


@pytest.mark.parametrize("step", [Step.READ, Step.TAKEN, Step.DELIVERED, Step.CLOSING])
@pytest.mark.parametrize("is_parallel", [False, True], ids=["main", "lane"])
def test_killed_while_a_step_that_failed_is_done_again(
    later: "Daemon", step: Step, is_parallel: bool
) -> None:
    in_lane = {"locks": ["second.txt"], "parallel": True} if is_parallel else {}
    made = later.send("insert_job", assignment=1, type="implement", context="More", **in_lane)
    branch = f"wfd/A1-J{made['job']}" if is_parallel else "wfd/A1"
    later.git("branch", "-f", branch, "wfd/A1")
    later.git("checkout", "-q", branch)
    later.send("update_assignment", assignment=1, status="active")
    later.start()
    assert later.settled(1).state == "blocked"
    later.kill9()
    later.git("checkout", "-q", "main")
    later.send("retry_step", job=made["job"])
    dies_at(later, step)
    later.start()
    assert_each_edit_is_there_once(later)
    job = next(one for one in later.jobs(1) if one.id == made["job"])
    assert later.outcomes(job) == ["step_failed", "succeeded"]
    assert [bool(run.pid) for run in later.runs(1) if run.job_id == job.id] == [True, False]


@pytest.mark.parametrize("step", [Step.READ, Step.TAKEN, Step.JUDGING])
def test_killed_again_while_it_recovers_a_lane_it_recovers_the_next_time(
    later: "Daemon", step: Step
) -> None:
    later.send(
        "insert_job", assignment=1, type="implement", context="More", locks=["second.txt"],
        parallel=True,
    )  # fmt: skip
    later.send("update_assignment", assignment=1, status="active")
    dies_at(later, Step.HEARD)
    dies_at(later, step)
    dies_at(later, Step.RESTORED)
    dies_at(later, Step.MERGED)
    later.start()
    assert_each_edit_is_there_once(later)


# Where it stands still, another worker takes its run for lost, but what it has written stays.
AFTER_STOP: dict[Step, list[str]] = {
    Step.LEASED: AGAIN,
    Step.PREPARED: AGAIN,
    Step.SPAWNED: ONCE,  # its agent has come to its end, though nobody wrote down that it began
    Step.STREAMING: AGAIN,
    Step.HEARD: ONCE,
    Step.TAKEN: ONCE,
    Step.DELIVERED: ONCE,
    Step.JUDGING: ONCE,
    Step.CLOSED: ONCE,
}


@pytest.mark.parametrize("step", AFTER_STOP)
def test_a_worker_that_stood_still_past_its_lease_writes_nothing_when_it_wakes(
    scene: "Daemon", tmp_path: Path, step: Step
) -> None:
    daemon = scene
    if step is not Step.STREAMING:
        (tmp_path / "go").touch()
    daemon.tunes(leaseTtlMs=500)
    daemon.sets(WFD_TEST_SHARED_LOCK="1", WFD_TEST_AT=f"{step}:stop")
    daemon.start()
    one = begin(daemon)
    first = daemon.process
    assert first is not None
    daemon.until(lambda: _stands_still(first.pid), "the first stands still")
    daemon.until(lambda: _has_lapsed(daemon, one), "its lease has lapsed")
    if step is Step.SPAWNED:
        transcript = daemon.place.run_folder(1).transcript
        daemon.until(lambda: '"type":"result"' in transcript.read_text(), "the result")
    daemon.sets(WFD_TEST_AT="")

    daemon.start()
    assert daemon.settled(one).state == "complete"
    before = (daemon.runs(one), daemon.jobs(one), daemon.git("for-each-ref"))
    os.kill(first.pid, signal.SIGCONT)
    first.terminate()
    assert first.wait(60) == 0

    assert (daemon.runs(one), daemon.jobs(one), daemon.git("for-each-ref")) == before
    assert runs_of(daemon, one)[0] == AFTER_STOP[step]
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0
    assert_done_once(daemon, one)


def test_two_daemons_are_never_started_by_mistake_even_while_one_stands_still(
    scene: "Daemon",
) -> None:
    daemon = scene
    daemon.start()
    daemon.signal(signal.SIGSTOP)
    said = daemon.wfd("start")
    assert said.code == 5
    assert str(daemon.pid) in said.err
    daemon.signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("text", "told"),
    [("spawnd:kill", "did you mean 'spawned'"), ("spawned:explode", "known: kill, stop")],
)
def test_a_step_that_is_none_is_refused_by_name(daemon: "Daemon", text: str, told: str) -> None:
    daemon.sets(WFD_TEST_AT=text)
    said = daemon.wfd("start")
    assert said.code == 2
    assert told in said.err


def _stands_still(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _has_lapsed(daemon: "Daemon", one: int) -> bool:
    return all(run.outcome or run.lease_until < daemon.now() for run in daemon.runs(one))
