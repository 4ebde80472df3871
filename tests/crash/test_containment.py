"""No process escapes: whatever a run left, and however it ended, nothing of it lives on."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.daemon_process import running

from wfd.adapters.containment import Level

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
FORBIDDEN = "#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n"
STOP_AT = {Level.BWRAP: (), Level.UNSHARE: ("bwrap",), Level.SUBREAPER: ("bwrap", "unshare")}
NAMESPACES = (Level.BWRAP, Level.UNSHARE)


@pytest.fixture
def seconds() -> Iterator[float]:
    """How long a process sleeps that can be told from all others by it."""
    made = 300 + uuid.uuid4().int % 10**9 / 10**9
    yield made
    for pid in sleepers(made):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def sleepers(seconds: float) -> list[int]:
    return running(f"sleep {seconds}")


def on_a_machine_that_offers(daemon: "Daemon", level: Level) -> None:
    """Better levels are there and forbidden."""
    folder = daemon.tmp / "bin"
    folder.mkdir()
    for name in STOP_AT[level]:
        (folder / name).write_text(FORBIDDEN)
        (folder / name).chmod(0o755)
    daemon.sets(PATH=f"{folder}:{os.environ['PATH']}")


def starts(daemon: "Daemon", level: Level) -> None:
    daemon.start()
    found = daemon.logged("daemon.started")[-1]["containment"]
    if found != level:
        pytest.skip(f"this machine offers {found}: {daemon.logged('containment.missed')}")


def leaves(seconds: float) -> list[dict[str, object]]:
    """A process of each kind that is hard to find, by the first run alone."""
    kinds = ("setsid", "double_fork", "ignore_term", "hidden")
    return [{"spawn": {"kind": kind, "seconds": seconds}, "run": 1} for kind in kinds]


@pytest.mark.parametrize("level", list(STOP_AT), ids=str)
@pytest.mark.parametrize("end", ["normal", "cancelled", "timed out", "killed"])
def test_nothing_survives(
    daemon: "Daemon", tmp_path: Path, seconds: float, level: Level, end: str
) -> None:
    here = tmp_path / "here"
    on_a_machine_that_offers(daemon, level)
    wait = [] if end == "normal" else [{"sleep": 300, "run": 1}]
    daemon.plays({"implement": [[*leaves(seconds), {"touch": str(here)}, *wait, EDIT]]})
    daemon.registers(timeoutMs={"implement": 3000 if end == "timed out" else 60_000})
    starts(daemon, level)
    one = daemon.create()
    daemon.until_there(here)
    run = daemon.runs(one)[0]
    if end != "normal":
        daemon.until(lambda: sleepers(seconds), "the one that hides")

    match end:
        case "cancelled":
            daemon.send("update_assignment", assignment=one, status="cancelled")
        case "killed":
            daemon.kill9()
            if level in NAMESPACES:  # at once; without them it takes the next start
                daemon.until(lambda: not daemon.survivors(run.id), "all gone")
                daemon.until(lambda: not sleepers(seconds), "the one that hides gone, too")
            daemon.start()

    daemon.until(lambda: daemon.runs(one)[0].state == "closed", "the run closed")
    first = daemon.runs(one)[0]
    kinds = {"normal": "succeeded", "timed out": "timed_out", "killed": "lost"}
    assert (first.outcome, first.containment) == (kinds.get(end, end), level)
    assert daemon.survivors(run.id) == []
    if level in NAMESPACES:
        assert sleepers(seconds) == []
    elif end != "killed":  # nobody who lives has seen it belong to the run that died
        assert sleepers(seconds) == [], "it was ended with the last run"


def test_the_agent_may_still_say_its_last_words(daemon: "Daemon", tmp_path: Path) -> None:
    """The graceful signal goes to it alone, and the result that it then gives counts."""
    here = tmp_path / "here"
    daemon.plays({"implement": [[{"touch": str(here)}, {"sleep": 300}]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(here)
    daemon.until(lambda: daemon.runs(one)[0].pid, "the spawn recorded")
    daemon.send("update_assignment", assignment=one, status="cancelled")
    daemon.settled(one)
    assert '"subtype":"error_during_execution"' in daemon.place.run_folder(1).transcript.read_text()
    assert daemon.runs(one)[0].exit_code == 0


def test_where_it_is_required_and_not_to_be_had_no_agent_starts(
    daemon: "Daemon", tmp_path: Path
) -> None:
    on_a_machine_that_offers(daemon, Level.SUBREAPER)
    (daemon.tmp / "config" / "config.json").write_text('{"containment": "required"}')
    daemon.registers(workspace={"setup": [f"touch {tmp_path}/set-up"]})
    daemon.plays({"implement": [[{"touch": str(tmp_path / "here")}]]})

    found = daemon.wfd("doctor")
    assert found.code == 1
    (line,) = [line for line in found.out.splitlines() if "\tcontainment\t" in line]
    assert line.startswith("fail\t")
    assert "bwrap: Operation not permitted; unshare: Operation not permitted" in line

    why = "containment is required, and this machine has no PID namespaces"
    said = daemon.wfd("start", "--detach", "--config", str(daemon.config_file))
    try:
        assert said.code == 0
        assert f"no agent will be started: {why} (bwrap: Operation not permitted" in said.err
        assert why in daemon.wfd("status").out
        one = daemon.create()
        assert daemon.settled(one).state == "blocked"
    finally:
        assert daemon.wfd("stop", "--now").code == 0
    (run,) = daemon.runs(one)
    assert (run.outcome, run.pid, run.containment) == ("step_failed", None, None)
    assert run.message is not None and run.message.startswith(why)
    assert not (tmp_path / "set-up").exists() and not (tmp_path / "here").exists()
    assert daemon.logged("containment.refused")[-1]["level"] == "error"


def test_checks_and_set_up_are_contained_too(daemon: "Daemon", seconds: float) -> None:
    hide = f"(setsid env -i sleep {seconds} &); until pgrep -fx 'sleep {seconds}'; do :; done"
    daemon.registers(checks={"leaves": f"{hide} >&2; echo $$"}, workspace={"setup": [hide]})
    daemon.plays({"implement": [[EDIT]]})
    starts(daemon, Level.BWRAP)
    one = daemon.create()
    assert daemon.settled(one).state == "complete"
    assert sleepers(seconds) == []
    check = next(e for e in daemon.evidence(one) if e.kind == "check")
    assert check.ok and check.tail.endswith("\n2\n"), "a pid in a namespace of its own"
