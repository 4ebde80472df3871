"""Work by hand through the command lines, across the deaths of the daemon."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.daemon_process import Daemon


@pytest.fixture
def hand(daemon: "Daemon", monkeypatch: pytest.MonkeyPatch) -> "Daemon":
    """A daemon with one job that waits to be claimed."""
    daemon.registers(checks={"greet": "test -f greeting.txt"})
    daemon.start()
    daemon.create(harness="hand")
    daemon.until(lambda: daemon.jobs(1)[0].waits_for == "ai", "kept for a hand")
    monkeypatch.chdir(daemon.repository)
    return daemon


def claimed(daemon: "Daemon", *args: str) -> Path:
    """The workspace of J1, claimed as R1."""
    said = daemon.wfctl("claim", *args)
    assert said.code == 0, said.err
    run, job, workspace, prompt = said.out.rstrip("\n").split("\t")
    assert (run, job) == ("R1", "J1")
    assert "Greet" in Path(prompt).read_text()
    return Path(workspace)


def test_a_claim_survives_a_kill_of_the_daemon(hand: "Daemon") -> None:
    workspace = claimed(hand, "J1", "--as", "ada")
    (workspace / "greeting.txt").write_text("hi\n")

    hand.kill9()
    down = hand.wfctl("heartbeat", "R1")
    assert down.code == 6 and "wfd start" in down.err
    hand.start()

    kept = hand.wfctl("heartbeat", "r1", "--json")
    assert kept.code == 0 and json.loads(kept.out)["lease_until"].endswith("Z")
    assert hand.wfctl("finish", "R1", "--result", "It greets.").out == "J1\n"
    assert hand.settled(1).state == "complete"
    assert hand.outcomes(hand.jobs(1)[0]) == ["succeeded"], "it was done once"
    assert hand.git("show", "wfd/A1:greeting.txt") == "hi"
    hand.assert_sound()


def test_who_works_on_what_is_shown(hand: "Daemon") -> None:
    waits = json.loads(hand.wfctl("job", "J1", "--json").out)["waits"]
    assert waits["released_by"] == "a person: wfctl claim J1"
    claimed(hand, "--as", "ada\x1b[2J")
    [row] = hand.wfctl("queue").out.splitlines()
    assert "running" in row and "\thand\t" in row
    page = hand.wfctl("job", "J1").out
    assert "by hand: ada\\u001b[2J" in page and "wfctl heartbeat R1" in page
    assert json.loads(hand.wfd("status", "--json").out)["by_hand"] == ["J1"]
    assert hand.wfctl("tail", "J1").code == 3


def test_a_late_finish_leaves_with_5_and_a_slip_with_its_own_code(hand: "Daemon") -> None:
    claimed(hand)
    hand.wfctl("cancel", "J1")
    hand.until(lambda: hand.runs(1)[0].state == "closed", "R1 closed")
    late = hand.wfctl("finish", "R1", "--result", "x")
    assert late.code == 5 and "the lease of R1 is lost: it ended cancelled" in late.err
    assert hand.wfctl("heartbeat", "R1").code == 5
    assert hand.wfctl("heartbeat", "R9").code == 3
    assert hand.wfctl("finish", "R1", "--result", " ").code == 2
    assert hand.wfctl("claim", "J1").code == 4
    assert hand.wfctl("claim").code == 3
    hand.sets(WFD_RUN_ID="R1")
    for args in (["claim"], ["heartbeat", "R1"], ["finish", "R1", "--result", "x"]):
        assert hand.wfctl(*args).code == 4


def test_a_claim_that_is_refused_is_never_said_to_be_made_ready(hand: "Daemon") -> None:
    shown = Terminal("claim", "J9999").to_the_end()
    assert "no job J9999" in shown
    assert "made ready" not in shown


def test_a_claim_that_takes_long_says_what_it_waits_for(daemon: "Daemon") -> None:
    go = daemon.tmp / "go"
    daemon.registers(workspace={"setup": [f"until [ -e {go} ]; do sleep 0.05; done"]})
    daemon.start()
    daemon.create(harness="hand")
    daemon.until(lambda: daemon.jobs(1)[0].waits_for == "ai", "kept for a hand")
    terminal = Terminal("claim", "J1", "--namespace", "repo")
    terminal.reads_until("its workspace is being prepared")
    go.touch()
    shown = terminal.to_the_end()
    assert "is yours as R1" in shown
    assert re.search(r"export WFD_SLOT=\d+", shown)


class Terminal:
    """A wfctl, and the terminal that it writes to."""

    def __init__(self, *args: str) -> None:
        self._leader, follower = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "wfd.ctl", *args],
            stdin=subprocess.DEVNULL, stdout=follower, stderr=follower,
        )  # fmt: skip
        os.close(follower)
        self._shown = b""

    def reads_until(self, words: str) -> None:
        while words.encode() not in self._shown:
            assert self._reads(), self._shown

    def to_the_end(self) -> str:
        while self._reads():
            pass
        os.close(self._leader)
        self._process.wait(60)
        return self._shown.decode()

    def _reads(self) -> bool:
        """Whether there was something."""
        try:
            part = os.read(self._leader, 65536)
        except OSError:  # the way a terminal says that nobody writes any more
            return False
        self._shown += part
        return bool(part)
