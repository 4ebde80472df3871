"""What the daemon refuses, what it outlives, and what it tells."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


def test_a_second_daemon_leaves_with_5_and_names_the_first(daemon: "Daemon") -> None:
    daemon.start()
    said = daemon.wfd("start")
    assert said.code == 5
    assert str(daemon.pid) in said.err
    assert daemon.wfd("status").code == 0, "the first one serves on"


def test_a_check_and_a_list_tell_what_keeps_jobs_from_an_ai(daemon: "Daemon") -> None:
    daemon.tunes(ais={"own": {"harness": "claude", "binary": "/nowhere/claude"}})
    daemon.start()
    daemon.wfctl("ai", "disable", "sim")
    said = daemon.wfctl("ai", "check", "sim")
    assert said.code == 0
    works, still = said.out.splitlines()
    assert works.startswith("sim works, after ")
    assert still == "  it is disabled; 'wfctl ai enable sim' lets jobs start on it"
    assert json.loads(daemon.wfctl("ai", "check", "sim", "--json").out)["stand"] == "disabled"
    assert "own\tclaude\tclaude\tno program '/nowhere/claude'\t" in daemon.wfctl("ai", "list").out


def test_a_store_of_a_newer_wfd_is_refused_in_one_sentence(daemon: "Daemon") -> None:
    daemon.registers()
    with closing(sqlite3.connect(daemon.place.store_path)) as store:
        store.execute("pragma user_version = 999")
    for said in (daemon.wfd("start"), daemon.wfctl("create", "x", "--namespace", "repo")):
        assert said.code == 1
        assert said.err.count("\n") == 1
        assert "999" in said.err
        assert "install the wfd that wrote it" in said.err


def test_a_broken_store_is_refused_in_one_sentence(daemon: "Daemon") -> None:
    daemon.registers()
    daemon.place.store_path.write_bytes(b"not a database " * 1000)
    said = daemon.wfd("start")
    assert (said.code, said.err.count("\n")) == (74, 1)
    assert str(daemon.place.store_path) in said.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"limits": {"jobs": 0}}', "'limits.jobs'"),
        ('{"limts": {}}', "did you mean 'limits'"),
        ('{"pollMs": 200', "config.json:1:"),
    ],
)
def test_a_broken_user_configuration_is_refused_with_file_and_key(
    daemon: "Daemon", tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "config" / "config.json"
    file.write_text(text)
    said = daemon.wfd("start")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert str(file) in said.err
    assert told in said.err


def test_a_bad_edit_is_refused_by_the_watcher_and_by_sighup_and_the_last_good_one_stays(
    daemon: "Daemon",
) -> None:
    daemon.tunes(limits={"jobs": 3})
    daemon.start()
    daemon.tunes(limits={"jobs": "many"})
    seen = daemon.until_logged("config.refused")
    assert "'limits.jobs'" in seen["error"]
    assert seen["level"] == "error"
    before = len(daemon.logged("config.refused"))
    daemon.signal(signal.SIGHUP)
    daemon.until_logged("config.refused", before + 1)
    assert daemon.wfd("reload").code == 2
    assert json.loads(daemon.wfd("status", "--json").out)["limit"] == 3

    daemon.tunes(limits={"jobs": 5})
    assert daemon.until_logged("config.reloaded")["changed"] == ["limits"]
    assert json.loads(daemon.wfd("status", "--json").out)["limit"] == 5


def test_a_configuration_that_is_made_later_is_noticed_with_its_folder(daemon: "Daemon") -> None:
    (daemon.tmp / "config").rmdir()
    daemon.start()
    (daemon.tmp / "config").mkdir()
    (daemon.tmp / "config" / "config.json").write_text(json.dumps({"limits": {"jobs": 7}}))
    assert daemon.until_logged("config.reloaded")["changed"] == ["limits"]


def test_a_state_folder_that_cannot_be_made_is_one_sentence(daemon: "Daemon") -> None:
    (daemon.tmp / "file").write_text("")
    daemon.sets(WFD_STATE_DIR=str(daemon.tmp / "file" / "state"))
    for said in (daemon.wfd("start"), daemon.wfctl("queue")):
        assert (said.code, said.err.count("\n")) == (1, 1)
        assert str(daemon.tmp / "file") in said.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_may_not_be_written_is_one_sentence(daemon: "Daemon") -> None:
    closed = daemon.tmp / "closed"
    closed.mkdir(mode=0o500)
    daemon.sets(WFD_STATE_DIR=str(closed / "state"))
    said = daemon.wfd("start")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert str(closed) in said.err


def test_a_command_gives_the_same_with_a_daemon_and_without(daemon: "Daemon") -> None:
    daemon.plays({"implement": [[{"sleep": 300}]]})
    daemon.registers()
    first = daemon.wfctl("create", "Greet", "--namespace", "repo", "--type", "implement",
                         "--context", "Greet", "--json")  # fmt: skip
    again = ("update-assignment", "A9", "--status", "paused", "--namespace", "repo")
    refused = daemon.wfctl(*again)
    daemon.start()
    second = daemon.wfctl("create", "Greet", "--namespace", "repo", "--type", "implement",
                          "--context", "Greet", "--json")  # fmt: skip
    assert (first.code, second.code) == (0, 0)
    one, two = json.loads(first.out), json.loads(second.out)
    assert one.keys() == two.keys()
    assert (one["assignment"], two["assignment"]) == (1, 2)
    assert daemon.wfctl(*again) == refused
    assert refused.code == 3


def test_a_command_inside_a_run_is_refused_and_changes_nothing(daemon: "Daemon") -> None:
    daemon.registers()
    daemon.sets(WFD_RUN_ID="R7")
    for command in (("create", "x"), ("note", "A1", "hello")):
        said = daemon.wfctl(*command, "--namespace", "repo")
        assert said.code == 4
        assert "R7" in said.err
    assert daemon.wfctl("queue", "--namespace", "repo").code == 0, "reading is allowed"
    for order in ("stop", "reload"):
        assert daemon.wfd(order).code == 4


def test_an_agent_may_read_with_wfctl_and_not_write(daemon: "Daemon") -> None:
    wfctl = f"{sys.executable} -P -m wfd.ctl"
    state = f"WFD_STATE_DIR={daemon.state_dir}"
    tries = f"{state} {wfctl} note A1 mine --namespace repo; echo $? > said.txt"
    daemon.plays({"implement": [[{"shell": tries}]]})
    daemon.start()
    one = daemon.create()
    assert daemon.settled(one).state == "complete"
    assert daemon.git("show", "wfd/A1:said.txt") == "4"


def test_an_agent_finds_the_queue_wherever_the_state_folder_is(
    daemon: "Daemon", monkeypatch: pytest.MonkeyPatch
) -> None:
    wfctl = f"{sys.executable} -P -m wfd.ctl"
    reads = ("queue", "job 1", "assignment 1", "inbox", "locks", "ai list", "config show", "logs")
    tries = [f"{wfctl} {read} >> read.txt 2>&1 || echo {read} >> failed.txt" for read in reads]
    tries += [f"{wfctl} {write}; echo $? >> wrote.txt" for write in ("note A1 x", "cancel J1")]
    monkeypatch.delenv("WFD_STATE_DIR")
    daemon.sets(XDG_STATE_HOME=str(daemon.tmp / "elsewhere"))
    (daemon.tmp / "config" / "config.json").write_text('{"stallMs": 654321}')
    daemon.plays({"implement": [[{"shell": "\n".join(tries)}]]})
    daemon.start()
    one = daemon.create()
    assert daemon.settled(one).state == "complete"
    assert daemon.place.state_dir == daemon.tmp / "elsewhere" / "wfd"
    assert "failed.txt" not in daemon.git("ls-tree", "--name-only", "wfd/A1").splitlines()
    read = daemon.git("show", "wfd/A1:read.txt")
    assert "J1" in read
    assert "stallMs\t654321" in read, "the daemon's own configuration"
    assert daemon.git("show", "wfd/A1:wrote.txt") == "4\n4"


def test_a_socket_that_a_dead_daemon_left_is_no_hindrance(daemon: "Daemon") -> None:
    daemon.registers()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(daemon.place.socket_path))
    assert daemon.wfd("status").code == 6
    assert daemon.create() == 1, "a command writes under the lock meanwhile"
    daemon.start()
    assert daemon.wfd("status").code == 0


def test_a_long_runtime_folder_is_passed_over(daemon: "Daemon", tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir(mode=0o700)
    daemon.sets(XDG_RUNTIME_DIR=str(long))
    daemon.start()
    assert not daemon.place.socket_path.is_relative_to(long)
    assert daemon.wfd("status").code == 0


def test_the_log_tells_each_run_in_one_line_of_json(daemon: "Daemon") -> None:
    steps = [{"cost": 0.25}, {"garbage": "\x1b]0;owned\x07 \u2028 {"}, EDIT]
    daemon.plays({"implement": [steps]})
    daemon.start()
    one = daemon.create(context="Greet\u2028\x1b[2J and\nmore")
    assert daemon.settled(one).state == "complete"
    closed = daemon.until_logged("run.closed", 2)
    first = daemon.logged("run.closed")[0]
    assert (first["outcome"], first["type"], first["run_id"]) == ("succeeded", "implement", 1)
    assert first["cost_usd"] == 0.25
    assert first["duration_ms"] > 0
    assert closed["assignment_state"] == "complete"
    assert {"event", "level", "timestamp"} <= daemon.log()[0].keys()
    assert "\x1b" not in daemon.place.log_path.read_text()


def test_what_nobody_foresaw_ends_that_run_alone_and_is_one_line_of_the_log(
    daemon: "Daemon",
) -> None:
    daemon.tunes(harnesses={"sim": {"binary": "no\0such"}})
    daemon.start()
    one = daemon.create()
    assert daemon.settled(one).state == "blocked"
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["lost"] * 4, "three times more, and no further"
    crashed = daemon.until_logged("run.crashed")
    assert "ValueError" in crashed["exception"]

    daemon.tunes()
    assert daemon.wfd("reload").code == 0
    daemon.send("update_assignment", assignment=one, status="active")
    assert daemon.settled(one).state == "complete"
    daemon.assert_sound()


def test_a_folder_that_cannot_be_written_asks_a_person_and_burns_no_attempt(
    daemon: "Daemon",
) -> None:
    daemon.start()
    in_the_way = daemon.state_dir / "runs"
    in_the_way.write_text("")
    one = daemon.create()
    assert daemon.settled(one).state == "blocked"
    assert daemon.outcomes(daemon.jobs(one)[0]) == ["step_failed"]
    assert "its files could not be written" in (daemon.assignment(one).reason or "")

    in_the_way.unlink()
    daemon.send("update_assignment", assignment=one, status="active")
    assert daemon.settled(one).state == "complete"
    daemon.assert_sound()


def test_a_daemon_tells_the_gates_so_that_a_page_need_not_read_the_policy(daemon: "Daemon") -> None:
    daemon.registers(gates={"review": True, "uat": True})
    daemon.sets(WFD_NAMESPACE="repo")
    daemon.start()
    daemon.create()
    daemon.send("update_assignment", assignment=1, status="paused")
    script = (
        "import sys; from wfd.ctl import main\n"
        "sys.argv = ['wfctl', 'assignment', 'A1', '--json']\n"
        "try: main()\n"
        "finally: print('wfd.offline' in sys.modules, 'pydantic' in sys.modules, file=sys.stderr)"
    )

    def gates() -> tuple[list[str], str]:
        argv = [sys.executable, "-c", script]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        return [gate["name"] for gate in json.loads(done.stdout)["open_gates"]], done.stderr

    assert gates() == (["review", "uat"], "False False\n")
    daemon.kill9()
    assert gates() == (["review", "uat"], "True True\n"), "where none answers they are found out"
