"""A repository that moves under a running daemon, and a namespace that is forgotten under it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


def move(daemon: "Daemon", monkeypatch: pytest.MonkeyPatch) -> Path:
    elsewhere = daemon.tmp / "else where"
    daemon.repository.rename(elsewhere)
    daemon.repository = elsewhere
    monkeypatch.chdir(elsewhere)
    said = daemon.wfd("init")
    assert (said.code, "has moved from" in said.out) == (0, True), said
    return elsewhere


def test_a_repository_that_moves_while_an_agent_works_gets_its_result(
    daemon: "Daemon", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, go_on = tmp_path / "here", tmp_path / "go-on"
    daemon.plays({"implement": [[{"touch": str(here)}, {"wait_for": str(go_on)}, EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(here)

    move(daemon, monkeypatch)
    go_on.touch()

    assert daemon.settled(one).state == "complete"
    assert daemon.git("show", f"wfd/A{one}:greeting.txt") == "hi"
    second = daemon.create()
    assert daemon.settled(second).state == "complete"
    daemon.assert_sound()


def test_an_assignment_with_a_lane_goes_on_in_a_repository_that_has_moved(
    daemon: "Daemon", monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.plays({"implement": [[EDIT]], "document": [[{"edit": {"path": "d.md", "append": "d"}}]]})
    daemon.start()
    one = daemon.create()
    assert daemon.settled(one).state == "complete"
    daemon.send("update_assignment", assignment=one, status="paused")
    lane = {"type": "document", "context": "x", "locks": ["*.md"], "parallel": True}
    daemon.send("insert_job", assignment=one, **lane)
    daemon.kill9()

    move(daemon, monkeypatch)
    daemon.start()
    daemon.send("update_assignment", assignment=one, status="active")

    daemon.until(lambda: daemon.assignment(one).state == "complete", "it is complete")
    names = daemon.git("ls-tree", "--name-only", f"wfd/A{one}").split()
    assert {"greeting.txt", "d.md"} <= set(names)
    daemon.assert_sound()


def test_a_namespace_is_forgotten_while_one_of_its_agents_works(
    daemon: "Daemon", tmp_path: Path
) -> None:
    here = tmp_path / "here"
    daemon.plays({"implement": [[EDIT, {"touch": str(here)}, {"sleep": 300}]]})
    daemon.start()
    one = daemon.create()
    daemon.until_there(here)

    said = daemon.wfd("namespace", "remove", "repo", "--cancel", "--yes")

    assert said.code == 0, said
    assert "stay in" in said.out
    assert json.loads(daemon.wfd("namespace", "list", "--json").out) == []
    assert daemon.survivors() == []
    assert daemon.git("for-each-ref", f"refs/wfd/A{one}") != "", "what was done stays"
    assert daemon.wfd("status").code == 0


def test_a_repository_that_was_deleted_can_be_forgotten(daemon: "Daemon") -> None:
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    daemon.settled(daemon.create())
    shutil.rmtree(daemon.repository)

    said = daemon.wfd("namespace", "remove", "repo", "--yes")

    assert said.code == 0, said
    assert json.loads(daemon.wfd("namespace", "list", "--json").out) == []
    assert daemon.wfd("status").code == 0


def test_the_branch_begins_where_the_person_stood_though_they_have_gone_on(
    daemon: "Daemon", monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    daemon.git("checkout", "-q", "-b", "feature")
    stood_on = daemon.git("rev-parse", "HEAD")
    monkeypatch.chdir(daemon.repository)
    daemon.kill9()
    assert daemon.wfctl("create", "x", "--type", "implement").out == "A1\n"
    subprocess.run(
        "git checkout -q main 2>/dev/null || git checkout -q master; git branch -D -q feature",
        shell=True, check=True,
    )  # fmt: skip
    daemon.git("commit", "-q", "--allow-empty", "-m", "Later")
    daemon.git("gc", "--quiet", "--prune=now")

    daemon.start()

    assert daemon.settled(1).state == "complete"
    assert daemon.assignment(1).base_commit == stood_on
    assert daemon.git("merge-base", "wfd/A1", "HEAD") == stood_on
