"""kill -9 at each part of a run: nothing is lost, nothing is doubled, and the work goes on.

Without namespaces, so that agents outlive their daemon and the next start has to find them.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.daemon_process import Daemon


@pytest.fixture(autouse=True)
def uncontained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFD_CONTAINMENT", "off")


EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
CHAIN = ["implement:done", "pm:done"]


def chain(daemon: "Daemon", of: int) -> list[str]:
    return [f"{job.type}:{job.state}" for job in daemon.jobs(of)]


def test_killed_while_the_agent_streams_the_job_is_retried_with_its_session(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here = tmp_path / "here"
    spawn = {"spawn": {"kind": "double_fork", "seconds": 300}, "run": 1}
    halt = {"sleep": 300, "run": 1}
    daemon.plays({"implement": [[{"say": "On it."}, spawn, {"touch": str(here)}, halt, EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(here)
    daemon.until(lambda: daemon.runs(one)[0].session_id, "a session known")
    daemon.kill9()
    old = daemon.runs(one)[0]
    assert len(daemon.survivors(old.id)) >= 2, "the agent and what it left behind"

    daemon.start()
    assert daemon.survivors(old.id) == [], "ended before anything is leased"
    assert daemon.settled(one).state == "complete"

    job = daemon.jobs(one)[0]
    first, second = daemon.runs(one)[:2]
    assert daemon.outcomes(job) == ["lost", "succeeded"]
    assert second.resumed == first.session_id is not None
    assert (job.lost, job.attempts) == (1, 1)
    assert chain(daemon, one) == CHAIN
    assert daemon.git("show", "wfd/A1:greeting.txt") == "hi"
    daemon.assert_sound()


def test_killed_after_the_result_the_run_is_concluded_from_its_transcript(
    daemon: "Daemon",
) -> None:
    hang = {"hang_after_result": True}
    daemon.plays({"implement": [[EDIT, {"result": "Greets."}, {"cost": 0.5}, hang]]})
    daemon.start()
    one = daemon.create()
    transcript = daemon.place.run_folder(1).transcript
    daemon.until(
        lambda: transcript.exists() and '"type":"result"' in transcript.read_text(), "the result"
    )
    daemon.kill9()
    assert daemon.runs(one)[0].outcome is None

    daemon.start()
    assert daemon.settled(one).state == "complete"

    job = daemon.jobs(one)[0]
    assert daemon.outcomes(job) == ["succeeded"], "not done again"
    assert daemon.runs(one)[0].answer == "Greets."
    assert (job.lost, job.attempts) == (0, 1)
    assert chain(daemon, one) == CHAIN
    assert daemon.git("show", "wfd/A1:greeting.txt") == "hi"
    daemon.assert_sound()


def test_killed_during_the_checks_they_run_again_and_the_agent_does_not(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here, go = (shlex.quote(str(tmp_path / name)) for name in ("here", "go"))
    check = f"test ! -f greeting.txt || test -e {go} || {{ touch {here}; sleep 300; }}"
    daemon.registers(checks={"slow": check})
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(tmp_path / "here")
    daemon.kill9()
    assert daemon.survivors(1) != [], "the check runs on"
    (tmp_path / "go").touch()

    daemon.start()
    assert daemon.survivors(1) == []
    assert daemon.settled(one).state == "complete"

    job = daemon.jobs(one)[0]
    assert daemon.outcomes(job) == ["succeeded"]
    assert (job.lost, job.attempts) == (0, 1)
    checks = [e for e in daemon.evidence(one) if e.kind == "check" and e.run_id == 1]
    assert [(e.name, e.exit_code) for e in checks] == [("slow", 0)]
    assert len([e for e in daemon.evidence(one) if e.kind == "diff" and e.run_id == 1]) == 1
    assert chain(daemon, one) == CHAIN
    assert daemon.git("show", "wfd/A1:greeting.txt") == "hi"
    daemon.assert_sound()


def test_killed_while_the_pm_runs_it_judges_again_and_decides_once(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here = tmp_path / "here"
    complete = {"structured": {"decision": "complete", "reason": "All is done."}}
    halt = {"sleep": 300, "run": 1}
    daemon.plays({"implement": [[EDIT]], "pm": [[{"touch": str(here)}, halt, complete]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(here)
    daemon.kill9()
    old = daemon.runs(one)[-1]
    assert daemon.survivors(old.id) != []

    daemon.start()
    assert daemon.survivors(old.id) == []
    assert daemon.settled(one).state == "complete"

    work, pm = daemon.jobs(one)
    assert daemon.outcomes(work) == ["succeeded"]
    assert daemon.outcomes(pm) == ["lost", "succeeded"]
    assert (pm.lost, pm.attempts, work.lost) == (1, 1, 0)
    daemon.assert_sound()


def test_killed_while_the_workspace_is_set_up_it_is_set_up_again(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here, go = (shlex.quote(str(tmp_path / name)) for name in ("here", "go"))
    step = f"test -e {go} || {{ touch {here}; sleep 300; }}"
    daemon.registers(workspace={"setup": [step]})
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(tmp_path / "here")
    daemon.kill9()
    (tmp_path / "go").touch()

    daemon.start()
    assert daemon.survivors(1) == []
    assert daemon.settled(one).state == "complete"

    job = daemon.jobs(one)[0]
    assert daemon.outcomes(job) == ["lost", "succeeded"]
    assert [e.exit_code for e in daemon.evidence(one) if e.kind == "setup"] == [0]
    daemon.assert_sound()


def test_a_person_cancels_while_no_daemon_runs_and_the_next_one_ends_the_agent(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here = tmp_path / "here"
    daemon.plays({"implement": [[{"touch": str(here)}, {"sleep": 300}]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(here)
    daemon.kill9()
    daemon.send("update_assignment", assignment=one, status="cancelled")

    daemon.start()
    assert daemon.survivors(1) == []
    assert daemon.settled(one).state == "cancelled"
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["cancelled"]
    daemon.assert_sound()
