"""The daemon as a service manager has it: ready, alive, reloading, stopping, started again."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.adapters import client

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.heard: list[list[str]] = []

    def has(self, *lines: str) -> bool:
        """Whether some message holds all of these."""
        self.listen()
        return any(set(lines) <= set(message) for message in self.heard)

    def listen(self) -> list[list[str]]:
        while True:
            try:
                self.heard.append(self._socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return self.heard

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(daemon: "Daemon", tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    daemon.sets(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="1000000")
    yield made
    made.close()


def test_a_service_says_when_it_is_ready_that_it_lives_and_that_it_stops(
    daemon: "Daemon", manager: Manager, tmp_path: Path
) -> None:
    go, here = tmp_path / "go", tmp_path / "here"
    daemon.tunes(harnesses={"sim": {"env": ["*"]}})
    daemon.plays({"implement": [[{"touch": str(here)}, {"wait_for": str(go)}, EDIT]]})
    daemon.start()
    daemon.until(lambda: manager.has("READY=1", "STATUS=0 of 4 jobs run"), "told ready")
    one = daemon.create()
    daemon.until_there(here)
    daemon.until(lambda: manager.listen().count(["WATCHDOG=1"]) > 2, "told alive")
    daemon.until(lambda: manager.has("STATUS=1 of 4 jobs run"), "told what it does")
    [run] = daemon.runs(one)
    for pid in daemon.survivors(run.id):
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"NOTIFY_SOCKET" not in environ and b"WATCHDOG_" not in environ
    daemon.signal(signal.SIGTERM)
    daemon.until(lambda: manager.has("STOPPING=1", "EXTEND_TIMEOUT_USEC=121000000"), "told stop")
    before = manager.listen().count(["WATCHDOG=1"])
    daemon.until(lambda: manager.listen().count(["WATCHDOG=1"]) > before + 1, "alive in the drain")
    go.touch()

    assert daemon.wait() == 0
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["succeeded"]


def test_it_is_ready_only_once_it_answers_and_what_an_earlier_life_left_is_ended(
    daemon: "Daemon", manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.plays(
        {"implement": [[{"touch": str(tmp_path / "here")}, {"sleep": 300, "run": 1}, EDIT]]}
    )
    daemon.start()
    one = daemon.create()
    daemon.until_there(tmp_path / "here")
    left = daemon.survivors(1)
    daemon.kill9()
    assert left
    manager.listen()
    manager.heard.clear()
    monkeypatch.setattr(daemon, "_answers", lambda: manager.has("READY=1"))
    daemon.start()
    client.call(daemon.place.socket_path, "daemon.status", {})
    assert daemon.survivors(1) == []
    assert daemon.settled(one).state == "complete"


def test_a_daemon_that_hangs_is_not_told_to_be_alive(daemon: "Daemon", manager: Manager) -> None:
    daemon.start()
    daemon.until(lambda: manager.has("WATCHDOG=1"), "told alive")
    daemon.signal(signal.SIGABRT)  # as systemd does, once it has heard nothing for so long

    assert daemon.wait() == -signal.SIGABRT
    assert "Current thread" in (daemon.tmp / "said.log").read_text(), "it says where it hung"


def test_a_reload_is_told_and_a_bad_file_is_refused_and_shown(
    daemon: "Daemon", manager: Manager
) -> None:
    daemon.start()
    daemon.until(lambda: manager.has("READY=1"), "told ready")
    manager.heard.clear()
    good = daemon.config_file.read_text()
    daemon.config_file.write_text('{"limts": {}}')
    daemon.signal(signal.SIGHUP)
    daemon.until_logged("config.refused")
    daemon.until(lambda: manager.has("READY=1"), "told ready again")
    assert [message[0].partition("=")[0] for message in manager.heard if len(message) > 1][:2] == [
        "RELOADING", "READY",
    ]  # fmt: skip
    refused = json.loads(daemon.wfd("status", "--json").out)["config_refused"]
    assert "did you mean 'limits'?" in refused["error"]
    assert 0 <= daemon.now() - refused["since"] < 60_000
    assert "limits" in daemon.wfd("status").out
    assert daemon.wfd("reload").code == 2
    shown = daemon.wfctl("config", "show", "--config", str(daemon.config_file))
    assert shown.code == 2
    assert "the daemon refused it" in shown.err and "keeps using the last good one" in shown.err

    again = json.loads(daemon.wfd("status", "--json").out)["config_refused"]
    assert again["since"] == refused["since"]
    daemon.config_file.write_text(good)
    assert daemon.wfd("reload").code == 0
    assert json.loads(daemon.wfd("status", "--json").out)["config_refused"] is None


def test_a_restart_under_load_loses_nothing(daemon: "Daemon", tmp_path: Path) -> None:
    """As `systemctl restart` does it, with more work than there are places."""
    daemon.tunes(drainMs=300, limits={"jobs": 3})
    daemon.plays({"implement": [[{"touch": str(tmp_path / "here")}, {"sleep": 0.4}, EDIT]]})
    daemon.start()
    of = [daemon.create(north_star=f"Greet {n}") for n in range(6)]
    daemon.until_there(tmp_path / "here")
    for _ in range(2):
        daemon.until(lambda: any(run.state == "running" for one in of for run in daemon.runs(one)))
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        daemon.start()

    assert [daemon.settled(one).state for one in of] == ["complete"] * len(of)
    for one in of:
        work = [job for job in daemon.jobs(one) if job.type == "implement"]
        assert [(job.state, job.attempts, job.lost) for job in work] == [("done", 1, 0)]
        assert daemon.outcomes(work[0]).count("succeeded") == 1
        assert daemon.git("show", f"wfd/A{one}:greeting.txt") == "hi"
    daemon.assert_sound()
