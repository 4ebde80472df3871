"""The daemon is killed while it brings what was done in a submodule to the user."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.engine.steps import Step

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

LIB = "libs/lib"


@pytest.fixture
def scene(daemon: "Daemon") -> "Daemon":
    """A job that edits a file in a submodule of the user."""
    library = daemon.tmp / "lib"
    library.mkdir()
    git(library, "init", "-q", "-b", "main")
    git(library, "commit", "-q", "--allow-empty", "-m", "A library")
    git(daemon.repository, "submodule", "--quiet", "add", str(library), LIB)
    git(daemon.repository, "commit", "-q", "-m", "With a submodule")
    daemon.registers(checks={"greets": f"test ! -e a.txt || grep -q hi {LIB}/greeting.txt"})
    edits = [
        {"edit": {"path": path, "content": "hi\n"}} for path in ("a.txt", f"{LIB}/greeting.txt")
    ]
    daemon.plays({"implement": [[*edits, {"cost": 0.5}]]})
    return daemon


def git(where: Path, *words: str) -> str:
    identity = ("-c", "user.name=T", "-c", "user.email=t@localhost")
    done = subprocess.run(
        ["git", "-C", str(where), *identity, "-c", "protocol.file.allow=always", *words],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def assert_done_once(daemon: "Daemon", one: int) -> None:
    assert daemon.settled(one).state == "complete"
    daemon.assert_sound()
    work, _ = daemon.jobs(one)
    assert daemon.outcomes(work) == ["succeeded"]
    module = daemon.repository / ".git" / "modules" / LIB
    at = daemon.git("rev-parse", f"wfd/A1:{LIB}")
    assert git(module, "rev-parse", "refs/wfd/A1/head") == at
    assert git(module, "show", f"{at}:greeting.txt") == "hi"
    assert git(module, "fsck", "--no-dangling") == daemon.git("fsck", "--no-dangling") == ""
    assert [e.ok for e in daemon.evidence(one) if e.kind == "check"] == [True]


@pytest.mark.parametrize("step", [Step.HEARD, Step.TAKEN, Step.DELIVERED, Step.JUDGING])
def test_killed_at_a_step_the_submodule_is_delivered_once(scene: "Daemon", step: Step) -> None:
    scene.sets(WFD_TEST_AT=f"{step}:kill")
    scene.start()
    one = scene.create()
    scene.wait()
    scene.sets(WFD_TEST_AT="")

    scene.start()

    assert_done_once(scene, one)


def test_killed_between_the_submodule_and_the_branch_it_goes_on(scene: "Daemon") -> None:
    lock = scene.repository / ".git" / "refs" / "heads" / "wfd" / "A1.lock"
    lock.parent.mkdir()
    lock.touch()  # git waits for it before it moves the branch
    scene.start()
    one = scene.create()
    scene.until_there(scene.repository / ".git" / "modules" / LIB / "refs" / "wfd" / "A1" / "R1")
    scene.kill9()
    assert "wfd/A1" not in scene.git("branch", "--list", "wfd/*")
    lock.unlink()

    scene.start()

    assert_done_once(scene, one)
