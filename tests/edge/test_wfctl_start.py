"""wfctl create: where an assignment begins, and what is told of what it begins without."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Shelf

ME = ["-c", "user.name=A", "-c", "user.email=a@example.org"]


def git(where: Path, *args: str) -> str:
    done = subprocess.run(["git", *ME, *args], cwd=where, check=True, capture_output=True)
    return done.stdout.decode().strip()


def first_commit(shelf: Shelf) -> str:
    return git(shelf.checkout, "rev-parse", "HEAD")


def test_an_assignment_begins_at_the_commit_that_one_stands_on_and_keeps_it(
    shelf: Shelf, wfctl: Call
) -> None:
    git(shelf.checkout, "checkout", "-q", "-b", "feature/x")

    made = json.loads(wfctl("create", "make it green", "--json").out)

    assert (made["from_commit"], made["from_branch"]) == (first_commit(shelf), "feature/x")
    assert git(shelf.checkout, "rev-parse", "refs/wfd/A1/base") == first_commit(shelf)
    page = wfctl("assignment", "A1").out
    assert f"branch\twfd/A1\tfrom feature/x at {first_commit(shelf)[:12]}\n" in page
    document = json.loads(wfctl("assignment", "A1", "--json").out)["assignment"]
    assert document["from_branch"] == "feature/x"


def test_in_a_linked_worktree_it_begins_at_the_commit_of_that_one(
    shelf: Shelf, wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = tmp_path / "linked"
    git(shelf.checkout, "worktree", "add", "-q", "-b", "side", str(linked))
    git(linked, "commit", "-q", "--allow-empty", "-m", "Second")
    (linked / "deep").mkdir()
    (linked / "deep" / "new.txt").write_text("new\n")
    monkeypatch.chdir(linked / "deep")

    said = wfctl("create", "make it green")

    assert "1 change that you have not committed: deep/new.txt;" in said.err
    document = json.loads(wfctl("assignment", "A1", "--json").out)["assignment"]
    assert document["from_branch"] == "side"
    assert document["from_commit"] == git(linked, "rev-parse", "HEAD") != first_commit(shelf)


def test_from_elsewhere_it_begins_at_the_commit_of_the_registered_checkout(
    shelf: Shelf, wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    made = json.loads(wfctl("create", "x", "--namespace", "blue", "--json").out)

    assert made["from_commit"] == first_commit(shelf)


def test_a_base_can_be_named(shelf: Shelf, wfctl: Call) -> None:
    first = first_commit(shelf)
    git(shelf.checkout, "tag", "v1")
    git(shelf.checkout, "commit", "-q", "--allow-empty", "-m", "Second")

    assert json.loads(wfctl("create", "x", "--base", "v1", "--json").out)["from_commit"] == first
    said = wfctl("create", "x", "--base", "v2")
    assert said.code == 2
    assert "there is no branch, tag or commit 'v2'" in said.err
    assert wfctl("create", "x", "--base", "v1", "--with-changes").code == 2


def test_changes_are_taken_along_as_a_first_commit_when_that_is_asked_for(
    shelf: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "Ada")
        monkeypatch.setenv(f"{name}_EMAIL", "ada@example.org")
    (shelf.checkout / "new.txt").write_text("new\n")

    said = wfctl("create", "x", "--with-changes")

    assert (said.out, said.err) == ("A1\n", "")
    base = git(shelf.checkout, "rev-parse", "refs/wfd/A1/base")
    assert git(shelf.checkout, "show", f"{base}:new.txt") == "new"
    assert git(shelf.checkout, "rev-parse", f"{base}^") == first_commit(shelf)
    assert git(shelf.checkout, "status", "--porcelain") == "?? new.txt"


def test_many_changes_are_counted_and_some_named(shelf: Shelf, wfctl: Call) -> None:
    for number in range(7):
        (shelf.checkout / f"n{number}").write_text("new\n")

    said = wfctl("create", "x")

    assert "7 changes that you have not committed: n0, n1, n2, n3, n4 and 2 more;" in said.err
    made = json.loads(wfctl("create", "x", "--json").out)
    assert made["uncommitted"] == [f"n{number}" for number in range(7)]


@pytest.mark.parametrize("name", ["wfd", "wfd/A1/wip", "wfd/A1"])
def test_a_branch_in_the_way_of_the_next_assignment_is_told_before_there_is_one(
    shelf: Shelf, wfctl: Call, name: str
) -> None:
    git(shelf.checkout, "branch", name)

    said = wfctl("create", "x")

    assert said.code == 5
    assert f"branch -m {name}" in said.err
    assert wfctl("assignments").out == ""


def test_the_same_key_again_begins_where_it_began(shelf: Shelf, wfctl: Call) -> None:
    first = first_commit(shelf)
    wfctl("create", "x", "--key", "k")
    git(shelf.checkout, "commit", "-q", "--allow-empty", "-m", "Second")

    again = json.loads(wfctl("create", "x", "--key", "k", "--json").out)

    assert (again["created"], again["from_commit"]) == (False, first)
    assert git(shelf.checkout, "rev-parse", "refs/wfd/A1/base") == first


def test_a_repository_that_is_gone_is_told_with_the_way_out(
    shelf: Shelf, wfctl: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shelf.checkout.rename(tmp_path / "elsewhere")

    said = wfctl("create", "x", "--namespace", "blue")

    assert said.code == 3
    assert "wfd namespace move blue" in said.err
