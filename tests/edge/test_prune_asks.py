"""wfctl prune says what it will forget, and asks."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Shelf

from wfd.store.alone import utc_ms


@pytest.fixture
def old(shelf: Shelf) -> Shelf:
    """A1 was cancelled long ago."""
    shelf.write("create", namespace="blue", north_star="x")
    shelf.write("update_assignment", namespace="blue", assignment=1, status="cancelled")
    long_ago = utc_ms() - 90 * 86_400_000
    shelf.work(
        lambda tx: tx.run(
            "set_assignment_state", id=1, state="paused", was="cancelled", reason="r",
            resumes_at=None, now=long_ago,
        )
    )  # fmt: skip
    shelf.work(
        lambda tx: tx.run(
            "set_assignment_state", id=1, state="cancelled", was="paused", reason="r",
            resumes_at=None, now=long_ago,
        )
    )  # fmt: skip
    return shelf


def on_a_terminal(answer: str, *args: str) -> tuple[int, str]:
    """What wfctl says there, when a person types that."""
    ours, theirs = pty.openpty()
    script = Path(sys.executable).with_name("wfctl")
    with subprocess.Popen([script, *args], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        said = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the way a terminal says that nobody writes any more
                break
            if not piece:
                break
            said += piece
    os.close(ours)
    return process.returncode, said.decode()


def test_where_nobody_can_be_asked_nothing_goes_and_it_is_said_what_would(
    old: Shelf, wfctl: Call
) -> None:
    said = wfctl("prune", "--older-than", "30d")

    assert said.code == 2
    assert "nothing was removed" in said.err
    assert "1 assignment would go; say --yes" in said.err
    assert wfctl("assignment", "A1").code == 0

    assert "1 assignment (" in wfctl("prune", "--older-than", "30d", "--yes").out
    assert wfctl("assignment", "A1").code == 3


def test_where_nothing_would_go_nobody_is_asked(old: Shelf, wfctl: Call) -> None:
    assert wfctl("prune", "--older-than", "20w").code == 0
    assert wfctl("assignment", "A1").code == 0


def test_a_person_is_asked(old: Shelf, wfctl: Call) -> None:
    code, said = on_a_terminal("n", "prune", "--older-than", "30d")
    assert (code, "1 assignment would go" in said) == (130, True)
    assert wfctl("assignment", "A1").code == 0

    code, said = on_a_terminal("y", "prune", "--older-than", "30d")
    assert (code, "are gone" in said) == (0, True)
    assert wfctl("assignment", "A1").code == 3
