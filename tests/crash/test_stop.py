"""Stopping is not failing: what is told to stop drains, then interrupts, and costs no attempt."""

import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from wfd.adapters.lock import holder

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


def at_work(daemon: "Daemon", here: Path, *steps: dict[str, object]) -> int:
    """An assignment whose first agent has touched `here` and then does `steps`."""
    daemon.plays({"implement": [[{"touch": str(here)}, *steps, EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(here)
    daemon.until(lambda: daemon.runs(one)[0].session_id, "a session known")
    return one


def test_sigterm_lets_running_work_end_and_takes_nothing_new(
    daemon: "Daemon", tmp_path: Path
) -> None:
    go = tmp_path / "go"
    one = at_work(daemon, tmp_path / "here", {"wait_for": str(go)})
    daemon.signal(signal.SIGTERM)
    daemon.until_logged("daemon.draining")
    go.touch()

    assert daemon.wait() == 0
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["succeeded"]
    assert [job.state for job in daemon.jobs(one)] == ["done", "queued"]
    assert daemon.logged("daemon.stopped") != []
    daemon.assert_sound()
    daemon.start()
    assert daemon.settled(one).state == "complete"


def test_sigterm_interrupts_what_does_not_end_in_time_and_counts_no_attempt(
    daemon: "Daemon", tmp_path: Path
) -> None:
    daemon.tunes(drainMs=1)
    one = at_work(daemon, tmp_path / "here", {"sleep": 300, "run": 1})
    daemon.signal(signal.SIGTERM)

    assert daemon.wait() == 0
    job = daemon.jobs(one)[0]
    assert daemon.outcomes(job) == ["interrupted"]
    assert (job.state, job.attempts, job.lost, job.interrupted) == ("queued", 1, 0, 1)
    daemon.assert_sound()

    daemon.start()
    assert daemon.settled(one).state == "complete"
    first, second = daemon.runs(one)[:2]
    assert second.resumed == first.session_id is not None
    daemon.assert_sound()


def test_a_second_sigterm_interrupts_at_once(daemon: "Daemon", tmp_path: Path) -> None:
    one = at_work(daemon, tmp_path / "here", {"spawn": {"kind": "setsid"}}, {"sleep": 300})
    daemon.signal(signal.SIGTERM)
    daemon.until_logged("daemon.draining")
    daemon.signal(signal.SIGTERM)

    assert daemon.wait() == 0
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["interrupted"]
    daemon.assert_sound()


def test_sigterm_during_the_checks_leaves_them_to_the_next_start(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here, go = (shlex.quote(str(tmp_path / name)) for name in ("here", "go"))
    check = f"test ! -f greeting.txt || test -e {go} || {{ touch {here}; sleep 300; }}"
    daemon.tunes(drainMs=1)
    daemon.registers(checks={"slow": check})
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(tmp_path / "here")
    daemon.signal(signal.SIGTERM)

    assert daemon.wait() == 0
    assert daemon.survivors() == []
    (tmp_path / "go").touch()
    daemon.start()
    assert daemon.settled(one).state == "complete"
    job = daemon.jobs(one)[0]
    assert daemon.outcomes(job) == ["succeeded"], "its agent does not do it again"
    assert (job.lost, job.attempts, job.interrupted) == (0, 1, 0)
    assert daemon.git("show", "wfd/A1:greeting.txt") == "hi"
    daemon.assert_sound()


def test_wfd_stop_waits_until_running_work_has_ended(daemon: "Daemon", tmp_path: Path) -> None:
    go = tmp_path / "go"
    one = at_work(daemon, tmp_path / "here", {"wait_for": str(go)})
    early = daemon.wfd("stop", "--timeout", "0")
    assert early.code == 75
    assert "wfd stop --now" in early.err
    go.touch()

    assert daemon.wait() == 0
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["succeeded"]
    assert holder(daemon.place) is None
    assert daemon.wfd("stop").code == 6


def test_wfd_stop_now_interrupts_running_work(daemon: "Daemon", tmp_path: Path) -> None:
    one = at_work(daemon, tmp_path / "here", {"sleep": 300})
    said = daemon.wfd("stop", "--now")

    assert (said.code, said.err) == (0, "waiting for 1 running job to end …\n")
    assert str(daemon.pid) in said.out
    assert daemon.wait() == 0
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["interrupted"]
    daemon.assert_sound()


def test_a_stopped_daemon_that_is_woken_past_its_lease_goes_on(
    daemon: "Daemon", tmp_path: Path
) -> None:
    go = tmp_path / "go"
    daemon.tunes(leaseTtlMs=300)
    one = at_work(daemon, tmp_path / "here", {"wait_for": str(go)})
    daemon.signal(signal.SIGSTOP)
    until = daemon.runs(one)[0].lease_until
    daemon.until(lambda: daemon.now() > until + 300, "the lease lapsed")
    daemon.signal(signal.SIGCONT)
    daemon.until(lambda: daemon.runs(one)[0].lease_until > until + 300, "the lease renewed")
    go.touch()

    assert daemon.settled(one).state == "complete"
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["succeeded"]
    assert daemon.logged("lease.lapsed") == []
    daemon.assert_sound()
