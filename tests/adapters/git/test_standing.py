"""The commit that a person stands on, and what they have not committed yet."""

import os
import subprocess
from pathlib import Path

import pytest

from wfd.adapters.standing import Start, Uncommitted, commit_changes, start_at, uncommitted
from wfd.domain.errors import BadInput, Broken, NotAllowed

ME = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in ME.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "my shop"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / "cart.py").write_text("total = 0\n")
    (folder / "gone.py").write_text("old\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "First")
    return folder


def git(where: Path, *args: str) -> str:
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *args], cwd=where, check=True,
        capture_output=True, env=os.environ | ME,
    )  # fmt: skip
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def edit(shop: Path) -> None:
    (shop / "cart.py").write_text("total = 1\n")
    (shop / "gone.py").unlink()
    (shop / "new").mkdir()
    (shop / "new" / "odd\nname.py").write_text("new\n")
    (shop / "debug.log").write_text("noise\n")
    (shop / ".wfd").mkdir()
    (shop / ".wfd" / "config.json").write_text("{}")
    (shop / "staged.py").write_text("staged\n")
    git(shop, "add", "staged.py")


def test_the_start_is_the_commit_and_branch_of_the_worktree_that_one_stands_in(
    shop: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    git(shop, "worktree", "add", "--quiet", "-b", "feature/x", str(linked))
    git(linked, "commit", "--quiet", "--allow-empty", "-m", "Second")

    assert start_at(shop, None) == Start(git(shop, "rev-parse", "main"), "main")
    assert start_at(linked, None) == Start(git(shop, "rev-parse", "feature/x"), "feature/x")
    git(linked, "checkout", "--quiet", "--detach")
    assert start_at(linked, None).branch is None


def test_a_base_may_be_a_branch_a_tag_or_a_commit(shop: Path) -> None:
    first = git(shop, "rev-parse", "HEAD")
    git(shop, "tag", "-a", "-m", "One", "v1")
    git(shop, "commit", "--quiet", "--allow-empty", "-m", "Second")
    git(shop, "update-ref", "refs/remotes/origin/main", "HEAD")

    assert start_at(shop, "v1") == Start(first, None)
    assert start_at(shop, first[:10]) == Start(first, None)
    assert start_at(shop, "main~1") == Start(first, None)
    assert start_at(shop, "main").branch == "main"
    assert start_at(shop, "origin/main").branch == "origin/main"


@pytest.mark.parametrize("ref", ["nowhere", "", "--all", "HEAD:cart.py"])
def test_a_base_that_is_none_is_named(shop: Path, ref: str) -> None:
    with pytest.raises(BadInput, match=f"'{ref}'"):
        start_at(shop, ref)


def test_a_worktree_without_a_commit_is_told(shop: Path, tmp_path: Path) -> None:
    git(shop, "checkout", "--quiet", "--orphan", "fresh")

    with pytest.raises(NotAllowed, match="--base"):
        start_at(shop, None)


def test_what_is_not_committed_is_named_but_what_is_ignored_and_the_configuration(
    shop: Path,
) -> None:
    edit(shop)

    files = ["cart.py", "gone.py", "new/odd\nname.py", "staged.py"]
    assert uncommitted(shop) == Uncommitted(files, [])


def test_a_file_that_was_merely_touched_is_no_change(shop: Path) -> None:
    os.utime(shop / "cart.py", (1, 1))

    assert uncommitted(shop) == Uncommitted([], [])


def test_changes_become_a_commit_and_nothing_of_the_persons_moves(shop: Path) -> None:
    edit(shop)
    start = start_at(shop, None)
    before = (git(shop, "status", "--porcelain"), (shop / ".git" / "index").read_bytes())

    commit = commit_changes(shop, start)

    assert (git(shop, "status", "--porcelain"), (shop / ".git" / "index").read_bytes()) == before
    assert start_at(shop, None) == start
    assert git(shop, "rev-parse", f"{commit}^") == start.commit
    assert git(shop, "log", "-1", "--format=%an <%ae>", commit) == "Ada <ada@example.org>"
    names = git(shop, "ls-tree", "-r", "-z", "--name-only", commit).split("\0")
    assert names[:-1] == [".gitignore", "cart.py", "new/odd\nname.py", "staged.py"]
    assert git(shop, "show", f"{commit}:cart.py") == "total = 1"


def test_changes_of_a_linked_worktree_are_those_of_its_own_index(
    shop: Path, tmp_path: Path
) -> None:
    linked = tmp_path / "linked"
    git(shop, "worktree", "add", "--quiet", "-b", "feature", str(linked))
    (linked / "staged.py").write_text("staged\n")
    git(linked, "add", "staged.py")

    commit = commit_changes(linked, start_at(linked, None))

    assert git(shop, "diff", "--name-only", "main", commit) == "staged.py"


def test_nothing_changed_makes_no_commit(shop: Path) -> None:
    start = start_at(shop, None)

    assert commit_changes(shop, start) == start.commit


def test_submodules_and_nested_repositories_are_named_and_not_taken(
    shop: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    git(tmp_path, "init", "--quiet", str(library))
    git(library, "commit", "--quiet", "--allow-empty", "-m", "One")
    git(shop, "submodule", "--quiet", "add", str(library), "lib")
    git(shop, "commit", "--quiet", "-m", "Use the library")
    git(shop / "lib", "commit", "--quiet", "--allow-empty", "-m", "Two")
    git(shop, "add", "lib")
    for name in ("nested", "empty"):
        git(shop, "init", "--quiet", name)
    git(shop / "nested", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    (shop / "cart.py").write_text("total = 1\n")

    commit = commit_changes(shop, start_at(shop, None))

    assert git(shop, "diff", "--name-only", "main", commit) == "cart.py"
    assert uncommitted(shop) == Uncommitted(["cart.py"], ["empty/", "lib", "nested/"])


def test_changes_amid_a_conflict_are_refused(shop: Path) -> None:
    git(shop, "checkout", "--quiet", "-b", "other")
    (shop / "cart.py").write_text("total = 2\n")
    git(shop, "commit", "--quiet", "-am", "Two")
    git(shop, "checkout", "--quiet", "main")
    (shop / "cart.py").write_text("total = 3\n")
    git(shop, "commit", "--quiet", "-am", "Three")
    subprocess.run(["git", "merge", "other"], cwd=shop, capture_output=True, check=False)

    with pytest.raises(NotAllowed, match="resolve them first"):
        commit_changes(shop, start_at(shop, None))


def test_changes_without_an_identity_say_so(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "cart.py").write_text("total = 1\n")
    for name in ME:
        monkeypatch.delenv(name)
    git(shop, "config", "user.useConfigOnly", "true")

    with pytest.raises(Broken, match=r"user\.email"):
        commit_changes(shop, start_at(shop, None))
