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
