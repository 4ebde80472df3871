"""A text that is written in an editor, on a real terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Shelf

from wfd.commands.ask import NewQuestion
from wfd.commands.queue import get_assignment
from wfd.commands.settle import stop_and_ask
from wfd.domain.assignment import AssignmentState
from wfd.domain.ids import AssignmentId
from wfd.domain.question import FOR_EVER, Asker, QuestionKind
from wfd.ports import Tx


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Where the editor of a test keeps what it was shown."""
    return tmp_path / "seen"


def typed(*args: str, writes: str, seen: Path) -> tuple[int, str]:
    """The exit code and the words of wfctl on a terminal, whose editor writes a text."""
    editor = seen.with_name("an editor.py")
    editor.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[1])\n"
        f"pathlib.Path({str(seen)!r}).write_text(file.read_text())\n"
        f"file.write_text({writes!r} + file.read_text())\n"
    )
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "wfd.ctl", *args],
        stdin=follower, stdout=follower, stderr=follower,
        env={**os.environ, "VISUAL": f"'{sys.executable}' '{editor}'", "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # nobody writes any more
            break
        if not part:
            break
        shown += part
    os.close(leader)
    return process.wait(timeout=60), shown.decode()


def test_create_without_a_text_opens_an_editor(shelf: Shelf, wfctl: Call, seen: Path) -> None:
    code, shown = typed("create", writes="# Totals\n\nThey add up.\n", seen=seen)

    assert (code, "A1 is created" in shown) == (0, True)
    assert "# What do you want?" in seen.read_text()
    told = wfctl("assignment", "A1").out
    assert "goal\t# Totals\n" in told, "a heading of Markdown is no comment"
    assert "What do you want" not in told


def test_an_editor_that_writes_nothing_makes_nothing(shelf: Shelf, wfctl: Call, seen: Path) -> None:
    code, shown = typed("create", writes="\n  \n", seen=seen)

    assert (code, "nothing was created" in shown) == (1, True)
    assert wfctl("assignments").out == ""


def test_note_answer_and_context_can_be_written_too(shelf: Shelf, wfctl: Call, seen: Path) -> None:
    shelf.write("create", namespace="blue", north_star="green")
    assert typed("note", "A1", writes="Mind the tests.", seen=seen)[0] == 0
    assert "note\tMind the tests.\n" in wfctl("assignment", "A1").out
    inserted = ("insert-job", "A1", "--type", "plan")
    assert typed(*inserted, writes="Look well.", seen=seen)[0] == 0
    assert "context\tLook well.\n" in wfctl("job", "J2").out

    shelf.work(ask)
    assert typed("answer", "Q1", writes="The red one.", seen=seen)[0] == 0
    assert "Q1 asks: Which one?" in seen.read_text()
    assert "The red one." in wfctl("inbox", "--closed").out


def ask(tx: Tx) -> None:
    new = NewQuestion(QuestionKind.QUESTION, Asker.PM, "Which one?")
    one = get_assignment(tx, AssignmentId(1))
    stop_and_ask(tx, one, AssignmentState.BLOCKED, new.text, new, FOR_EVER)


def test_off_a_terminal_a_text_is_missed_and_no_editor_opens(shelf: Shelf, wfctl: Call) -> None:
    for args in (
        ["create"],
        ["note", "A1"],
        ["answer", "Q1"],
        ["insert-job", "A1", "--type", "plan"],
    ):
        said = wfctl(*args)
        assert (said.code, "is missing" in said.err, "stdin" in said.err) == (2, True, True)
