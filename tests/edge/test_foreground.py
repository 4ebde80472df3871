"""wfd start in the foreground: readable lines, and an end with its terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from wfd.adapters import client
from wfd.adapters.lock import holder
from wfd.adapters.place import place
from wfd.domain.errors import WfdError

_START = [sys.executable, "-P", "-m", "wfd.cli", "start"]


@pytest.fixture
def leader(repository: Path) -> Iterator[int]:
    """The other end of a terminal that a test may close."""
    leader, follower = pty.openpty()
    yield from _held(leader, follower)


def _held(leader: int, follower: int) -> Iterator[int]:
    def take_terminal() -> None:
        os.setsid()
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # the first that it opens controls it

    process = subprocess.Popen(
        _START, stdin=follower, stdout=follower, stderr=follower, preexec_fn=take_terminal,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    _processes[leader] = process
    yield leader
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)


_processes: dict[int, "subprocess.Popen[bytes]"] = {}


def read_until(descriptor: int, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        part = os.read(descriptor, 65536)
        assert part, seen
        seen += part
    return seen


def until_it_answers(process: "subprocess.Popen[bytes]") -> None:
    """Its signals are heeded then."""
    while process.poll() is None:
        with suppress(WfdError):
            client.call(place().socket_path, "daemon.status", {})
            return
        time.sleep(0.02)
    raise AssertionError(f"it ended: {process.returncode}")


def test_a_daemon_in_a_terminal_prints_readable_lines_and_keeps_json_in_its_file(
    leader: int,
) -> None:
    seen = read_until(leader, b"daemon.started")

    assert b'{"' not in seen
    assert b"\x1b[" in seen, "a terminal has colours"
    [first, *_] = place().log_path.read_text().splitlines()
    assert json.loads(first)["event"]
    os.close(leader)


def test_a_daemon_ends_when_its_terminal_closes(leader: int) -> None:
    until_it_answers(_processes[leader])
    os.close(leader)

    _processes[leader].wait(timeout=60)

    assert holder(place()) is None
    assert "daemon.stopped" in place().log_path.read_text()


def test_elsewhere_lines_are_plain_and_a_hangup_is_a_reload(repository: Path) -> None:
    process = subprocess.Popen(
        _START, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    reader = process.stdout.fileno()
    seen = read_until(reader, b"daemon.started")
    until_it_answers(process)
    process.send_signal(signal.SIGHUP)

    seen += read_until(reader, b"config.reloaded")

    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert b'{"' not in seen
    assert b"\x1b" not in seen
