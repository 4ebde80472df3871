"""--watch: bounded to the screen, with its head in view, and left with Ctrl-C."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

import pytest
from tests.edge.shelf import Shelf

from wfd.edge.watch import fitted


def test_what_fits_is_shown_whole() -> None:
    assert fitted(["a", "b"], 80, 2, None) == ["a", "b"]


@pytest.mark.parametrize(
    ("head", "shown"),
    [
        (None, ["0", "1", "2", "3", "… 6 more lines"]),
        (2, ["0", "1", "… 6 more lines", "8", "9"]),
    ],
)
def test_what_is_too_high_keeps_its_head(head: int | None, shown: list[str]) -> None:
    lines = [str(number) for number in range(10)]
    assert [
        one.removeprefix("\x1b[2m").removesuffix("\x1b[0m") for one in fitted(lines, 80, 5, head)
    ] == shown


def test_a_line_that_wraps_counts_as_often_as_it_does() -> None:
    lines = ["\x1b[1mhead\x1b[0m", "漢" * 10, "c"]  # 20 columns wide
    assert len(fitted(lines, 10, 4, None)) == 3
    assert fitted(lines, 10, 3, None)[:1] == lines[:1]
    assert "2 more lines" in fitted(lines, 10, 3, None)[1]


def test_a_screen_without_room_says_so() -> None:
    assert len(fitted(["a", "b", "c"], 80, 0, 6)) <= 2


def test_a_watch_fits_the_screen_and_ends_cleanly(shelf: Shelf) -> None:
    for number in range(30):
        shelf.write("create", namespace="blue", north_star=f"goal {number}")
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 80, 0, 0))
    environment = {
        name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "wfd.ctl", "assignments", "--watch", "0.1"],
        stdin=follower, stdout=follower, stderr=follower,
        env={**environment, "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while shown.count(b"Ctrl-C ends") < 2:
        shown += os.read(leader, 65536)
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=60)
    os.close(leader)

    assert code == 0
    assert b"Traceback" not in shown
    assert shown.count(b"\x1b[2J") == 1, "it is cleared once, and then drawn over"
    frame = shown.decode().split("\x1b[H")[2]
    assert frame.count("\n") == 11
    assert "GOAL" in frame
    assert "goal 29" in frame
    assert "more lines" in frame
