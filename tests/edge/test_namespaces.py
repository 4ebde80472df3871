"""wfd namespace, and wfd init in a repository that is not where it was."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Shelf, make_repository

from wfd.domain.assignment import Assignment
from wfd.ports import Tx
from wfd.store.alone import reading

ME = ["-c", "user.name=A", "-c", "user.email=a@example.org"]


def git(where: Path, *args: str) -> str:
    done = subprocess.run(["git", *ME, *args], cwd=where, check=True, capture_output=True)
    return done.stdout.decode().strip()


def begin(shelf: Shelf, commit: str) -> None:
    """A1 has a workspace and stands on `commit`."""

    def work(tx: Tx) -> None:
        tx.run("set_base", id=1, commit=commit, tree=git(shelf.checkout, "write-tree"))

    shelf.work(work)


@pytest.fixture
def moved(shelf: Shelf, wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository of 'blue', elsewhere; A1 is open and A2 cancelled."""
    wfctl("create", "make it green")
    wfctl("create", "never mind")
    wfctl("update-assignment", "A2", "--status", "cancelled")
    begin(shelf, git(shelf.checkout, "rev-parse", "HEAD"))
    elsewhere = tmp_path / "some where"
    shelf.checkout.rename(elsewhere)
    monkeypatch.chdir(elsewhere)
    return elsewhere


def listed(wfd: Call) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(wfd("namespace", "list", "--json").out)
    return found


def test_the_list_tells_what_is_there_and_what_is_open(
    shelf: Shelf, moved: Path, wfd: Call
) -> None:
    make_repository(moved.parent / "red")
    shelf.write(
        "register",
        name="red",
        git_dir=str(moved.parent / "red" / ".git"),
        checkout=str(moved.parent / "red"),
        trusted_hash=None,
    )

    blue, red = listed(wfd)

    assert (blue["name"], blue["is_there"], blue["open_assignments"]) == ("blue", False, 1)
    assert (red["name"], red["is_there"], red["is_trusted"]) == ("red", True, True)
    rows = [row.split("\t") for row in wfd("namespace", "list").out.splitlines()]
    assert rows[0] == ["blue", str(shelf.checkout), "gone", "accepted", "1", "2"]


def test_init_follows_a_repository_that_has_moved(shelf: Shelf, moved: Path, wfd: Call) -> None:
    said = wfd("init")

    assert said.code == 0
    assert f"'blue' has moved from {shelf.checkout}, which is gone, to {moved}" in said.out
    [blue] = listed(wfd)
    assert (blue["checkout"], blue["is_there"], blue["open_assignments"]) == (str(moved), True, 1)


def test_init_follows_a_repository_to_where_a_link_at_its_old_place_leads(
    shelf: Shelf, moved: Path, wfd: Call, wfctl: Call
) -> None:
    shelf.checkout.symlink_to(moved)

    assert wfd("init").code == 0
    assert listed(wfd)[0]["checkout"] == str(moved)
    assert wfctl("create", "more").out == "A3\n"


def test_init_in_a_copy_does_not_take_the_namespace_along(
    shelf: Shelf, wfctl: Call, wfd: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wfctl("create", "make it green")
    copy = tmp_path / "copy"
    shutil.copytree(shelf.checkout, copy)
    monkeypatch.chdir(copy)

    assert wfd("init").code == 0

    names = {one["name"]: one["checkout"] for one in listed(wfd)}
    assert names == {"blue": str(shelf.checkout), "copy": str(copy)}
    refused = wfd("namespace", "move", "blue")
    assert refused.code == 5
    assert f"still at {shelf.checkout}" in refused.err


def test_another_repository_does_not_get_what_was_of_one_that_is_gone(
    shelf: Shelf, moved: Path, wfd: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = moved.parent / "other"
    make_repository(other)
    git(other, "commit", "-q", "--allow-empty", "-m", "Mine")
    monkeypatch.chdir(other)

    assert "'other' is registered" in wfd("init").out
    assert listed(wfd)[0]["checkout"] == str(shelf.checkout)
    refused = wfd("namespace", "move", "blue", str(moved.parent / "other"))
    assert refused.code == 5


def test_a_namespace_without_assignments_is_followed_by_its_accepted_configuration(
    repository: Path, wfd: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wfd("init", "--name", "shop").code == 0
    elsewhere = tmp_path / "elsewhere"
    repository.rename(elsewhere)
    monkeypatch.chdir(elsewhere)

    assert wfd("init").code == 0
    assert [(one["name"], one["checkout"]) for one in listed(wfd)] == [("shop", str(elsewhere))]


def test_trust_follows_a_repository_whose_configuration_was_edited_too(
    repository: Path, wfd: Call, wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wfd("init")
    wfctl("create", "x")
    elsewhere = tmp_path / "elsewhere"
    repository.rename(elsewhere)
    monkeypatch.chdir(elsewhere)
    (elsewhere / ".wfd" / "config.json").write_text('{"checks": {"t": "true"}}')

    assert wfd("init").code == 4
    assert listed(wfd)[0]["checkout"] == str(repository), "nothing moves before it is accepted"
    said = wfd("trust")
    assert (said.code, "has moved" in said.out) == (0, True)
    assert listed(wfd)[0]["checkout"] == str(elsewhere)


def test_move_takes_a_repository_that_was_cloned_anew(shelf: Shelf, moved: Path, wfd: Call) -> None:
    anew = moved.parent / "anew"
    git(moved.parent, "clone", "-q", str(moved), str(anew))
    shutil.rmtree(moved)

    said = wfd("namespace", "move", "blue", str(anew))

    assert said.code == 0, said.err
    assert listed(wfd)[0]["checkout"] == str(anew)


def test_move_refuses_a_repository_that_lacks_what_open_assignments_need(
    shelf: Shelf, moved: Path, wfd: Call
) -> None:
    red = moved.parent / "red"  # not by `make_repository`: within a second its commit is the same
    red.mkdir()
    git(red, "init", "-q")
    git(red, "commit", "-q", "--allow-empty", "-m", "Other")

    said = wfd("namespace", "move", "blue", str(red))

    assert said.code == 5
    assert "lacks commits that open assignments of 'blue' need: A1 at " in said.err


def test_move_refuses_a_repository_that_is_another_namespace(
    shelf: Shelf, moved: Path, wfd: Call
) -> None:
    shelf.write(
        "register", name="red", git_dir=str(moved / ".git"), checkout=str(moved), trusted_hash=None
    )

    said = wfd("namespace", "move", "blue", str(moved))

    assert said.code == 5
    assert "is the namespace 'red' already" in said.err


def test_remove_refuses_while_something_is_open(shelf: Shelf, moved: Path, wfd: Call) -> None:
    said = wfd("namespace", "remove", "blue", "--yes")

    assert said.code == 4
    assert "'blue' has open assignments: A1;" in said.err
    assert len(listed(wfd)) == 1


def test_remove_asks_and_off_a_terminal_says_what_it_would_do(
    shelf: Shelf, wfctl: Call, wfd: Call
) -> None:
    wfctl("create", "x")

    said = wfd("namespace", "remove", "blue", "--cancel")

    assert said.code == 2
    assert f"this would forget 'blue' ({shelf.checkout}) with 1 assignment, 1 of them" in said.err
    assert len(listed(wfd)) == 1


def test_remove_forgets_the_rows_and_tells_what_stays(shelf: Shelf, wfctl: Call, wfd: Call) -> None:
    for number in range(3):
        wfctl("create", f"x{number}", "--type", "plan", "--key", f"k{number}")
    wfctl("cancel", "J2")
    wfctl("retry", "J2")
    git(shelf.checkout, "branch", "wfd/A1")

    said = wfd("namespace", "remove", "blue", "--cancel", "--yes")

    assert said.code == 0, said.err
    assert listed(wfd) == []
    with reading(shelf.path) as read:
        assert read.one(Assignment, "assignment_by_id", id=1) is None
    line = next(line for line in said.out.splitlines() if "to delete them: " in line)
    subprocess.run(line.partition("to delete them: ")[2], shell=True, check=True)
    assert git(shelf.checkout, "for-each-ref", "refs/heads/wfd", "refs/wfd") == ""
    assert wfd("init").code == 0
    assert wfctl("create", "again").out == "A4\n", "no id is given out twice"


@pytest.mark.parametrize("place", ["ns/1/A7", "ns/1/A7/vendor", "ns/1/A7.trash", "runs/R1"])
def test_init_in_the_state_folder_is_refused(
    shelf: Shelf, wfd: Call, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shelf.path.parent / place
    folder.parent.mkdir(parents=True)
    make_repository(folder)
    monkeypatch.chdir(folder)

    for command in ("init", "trust"):
        said = wfd(command)
        assert said.code == 4
        assert ("workspace of A7, made from 'blue'" in said.err) == place.startswith("ns")
        assert (shlex.join(["cd", str(shelf.checkout)]) in said.err) == place.startswith("ns")


def test_in_a_workspace_wfctl_knows_where_it_is(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    wfctl("create", "make it green")
    git(shelf.checkout, "branch", "wfd/A1")
    git(shelf.checkout, "commit", "-q", "--allow-empty", "-m", "Second")
    workspace = shelf.path.parent / "ns" / "1" / "A1"
    workspace.parent.mkdir(parents=True)
    git(workspace.parent, "clone", "-q", str(shelf.checkout), str(workspace))
    monkeypatch.chdir(workspace)

    assert wfctl("assignments").out.startswith("A1\tblue")
    assert wfctl("assignment").out.startswith("assignment\tA1\t")
    made = json.loads(wfctl("create", "go on from it", "--json").out)
    assert made["from_branch"] == "wfd/A1"
    assert made["from_commit"] == git(shelf.checkout, "rev-parse", "wfd/A1")
    assert wfctl("create", "x", "--with-changes").code == 2


def test_elsewhere_an_assignment_has_to_be_named(shelf: Shelf, wfctl: Call) -> None:
    said = wfctl("assignment")

    assert said.code == 2
    assert "say which assignment, such as A7" in said.err
