"""`wfd demo`, as a stranger runs it first."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wfd.adapters.lock import holder
from wfd.adapters.place import place


@pytest.fixture
def told(tmp_path: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WFD_")}
    done = subprocess.run(
        [sys.executable, "-m", "wfd.cli", "demo", "--plain"],
        env={**environ, "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_demo_tells_how_a_claim_is_checked_and_sent_back(told: str) -> None:
    story = re.findall(
        r"^ +[\d.]+ s +(J\d+ +\w+|→ pm decides: [\w ]+|the daemon ran .*)", told, re.M
    )
    assert [re.sub(r" +", " ", line) for line in story] == [
        "J1 plan",
        "the daemon ran 'tests' at the base: red",
        "→ pm decides: insert job",
        "J3 implement",
        "the daemon ran 'tests': red",
        "→ pm decides: retry",
        "J5 implement",
        "the daemon ran 'tests': green",
        "→ pm decides: insert job",
        "J7 review",
        "→ pm decides: insert job",
        "J9 uat",
        "→ pm decides: complete",
    ]
    assert '+    return "Hello, world!"' in told
    assert "A1 is complete" in told


def test_the_commands_that_the_demo_ends_with_work(told: str) -> None:
    commands = told.partition("Look around:\n")[2].strip()
    assert len(commands.splitlines()) == 6
    done = subprocess.run(
        ["/bin/sh", "-ec", commands], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "wfd/A1" in done.stdout
    assert "FAILED" in done.stdout, "the red test is in the evidence"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_ended_leaves_no_daemon_behind(
    tmp_path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "wfd.cli", "demo", "--plain"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if "A1 is created" in line:
            break
    (state,) = tmp_path.glob("wfd-demo-*/state")
    monkeypatch.setenv("WFD_STATE_DIR", str(state))
    assert holder(place()) is not None
    demo.send_signal(number)
    demo.communicate(timeout=60)

    assert demo.returncode == (130 if number == signal.SIGINT else 128 + number)
    assert holder(place()) is None


def test_a_demo_with_an_unknown_agent_makes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wfd.cli", "demo", "--harness", "cluade"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'claude'?" in done.stderr
    assert list(tmp_path.iterdir()) == []
