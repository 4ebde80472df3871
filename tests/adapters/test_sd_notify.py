"""What systemd is told, over real sockets."""

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from wfd.adapters.sd_notify import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    name = f"@wfd-test-{uuid.uuid4().hex}" if request.param == "abstract" else f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        made.settimeout(5)
        yield name, made


def test_a_life_is_told_in_systemds_words(listener: tuple[str, socket.socket]) -> None:
    address, heard = listener
    manager = ServiceManager.taken_from({"NOTIFY_SOCKET": address}, 1)
    manager.ready("0 of 4 jobs run")
    manager.reloading()
    manager.reloaded("0 of 4 jobs run")
    manager.alive()
    manager.status("1 of 4 jobs run")
    manager.status("1 of 4 jobs run")
    manager.stopping("stops", 45_000)
    manager.reloading()
    manager.reloaded("too late")

    told = [heard.recv(4096).decode().split("\n") for _ in range(6)]
    assert told[0] == ["READY=1", "STATUS=0 of 4 jobs run"]
    assert told[1][0] == "RELOADING=1"
    assert int(told[1][1].removeprefix("MONOTONIC_USEC=")) > 0
    assert told[2] == ["READY=1", "STATUS=0 of 4 jobs run"]
    assert told[3:5] == [["WATCHDOG=1"], ["STATUS=1 of 4 jobs run"]]
    assert told[5] == ["STOPPING=1", "STATUS=stops", "EXTEND_TIMEOUT_USEC=45000000"]
    heard.settimeout(0)
    with pytest.raises(BlockingIOError):
        heard.recv(1)


def test_a_reload_before_the_start_is_over_says_nothing_of_readiness(
    listener: tuple[str, socket.socket],
) -> None:
    address, heard = listener
    manager = ServiceManager.taken_from({"NOTIFY_SOCKET": address}, 1)
    manager.reloading()
    manager.reloaded("early")

    heard.settimeout(0)
    with pytest.raises(BlockingIOError):
        heard.recv(1)


def test_its_variables_are_taken_out_of_the_environment() -> None:
    environ = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "7", "HOME": "/h"}

    assert ServiceManager.taken_from(environ, 7).watchdog_s == 1.0
    assert environ == {"HOME": "/h"}


@pytest.mark.parametrize(
    "environ",
    [
        {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "8"},
        {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1000000"},
        {"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "1000000"},
    ],
)
def test_a_watchdog_of_somebody_else_is_none(environ: dict[str, str]) -> None:
    assert ServiceManager.taken_from(environ, 7).watchdog_s is None


def test_a_manager_that_is_gone_or_never_was_is_no_failure(tmp_path: Path) -> None:
    for manager in (ServiceManager(), ServiceManager(str(tmp_path / "gone"))):
        manager.ready("all is well")
        manager.alive()
    assert os.listdir(tmp_path) == []  # noqa: PTH208
