"""Submodules: what an agent does in one is kept, and is where the user would look for it."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground

LIB = "libs/lib"


def git(where: Path, *args: str) -> str:
    """git as a person runs it who lets a submodule come from this disk."""
    done = subprocess.run(
        ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org",
         "-c", "protocol.file.allow=always", *args],
        cwd=where, check=False, capture_output=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def origin(ground: "Ground", name: str = "lib") -> Path:
    """The repository that a submodule comes from."""
    there = ground.root / name
    there.mkdir()
    git(there, "init", "--quiet", "--initial-branch=main")
    (there / "lib.txt").write_text("lib1\n")
    git(there, "add", "-A")
    git(there, "commit", "--quiet", "-m", "A library")
    return there


def add_submodule(checkout: Path, url: str, path: str = LIB) -> None:
    git(checkout, "submodule", "--quiet", "add", url, path)
    git(checkout, "commit", "--quiet", "-m", "With a submodule")


@pytest.fixture
def shop(ground: "Ground") -> "Ground":
    """The user has a submodule, and has initialised it."""
    add_submodule(ground.checkout, str(origin(ground)))
    return ground


def module(ground: "Ground", path: str = LIB) -> Path:
    """The user's own git folder of a submodule."""
    return ground.checkout / ".git" / "modules" / path


def link(ground: "Ground", commit: str, path: str = LIB) -> str:
    return ground.git("rev-parse", f"{commit}:{path}")


async def test_a_submodule_of_the_user_is_there_at_its_commit(shop: "Ground") -> None:
    made = await shop.prepare()

    assert (shop.workspace / LIB / "lib.txt").read_text() == "lib1\n"
    assert shop.agent("-C", LIB, "rev-parse", "HEAD") == link(shop, made.base_commit)
    assert shop.agent("-C", LIB, "branch", "--show-current") == "wfd/A7"
    assert shop.agent("-C", LIB, "remote", "get-url", "origin") == str(shop.root / "lib")
    assert shop.agent("status", "--porcelain") == ""
    assert not shop.agent("submodule", "status").startswith(("-", "+"))


async def test_an_edit_in_a_submodule_is_delivered_to_the_users_repository_of_it(
    shop: "Ground",
) -> None:
    made = await shop.prepare()
    branches = git(module(shop), "for-each-ref", "refs/heads", "refs/remotes")
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")

    taken = await shop.snapshot()
    assert not taken.is_empty
    await shop.advance(taken)

    at = link(shop, "wfd/A7")
    assert at != link(shop, made.base_commit)
    assert git(module(shop), "show", f"{at}:lib.txt") == "fixed"
    assert git(module(shop), "rev-parse", "refs/wfd/A7/head", "refs/wfd/A7/R101") == f"{at}\n{at}"
    assert git(module(shop), "rev-parse", f"{at}^") == link(shop, made.base_commit)
    assert git(module(shop), "for-each-ref", "refs/heads", "refs/remotes") == branches
    assert git(module(shop), "fsck", "--no-dangling") == ""
    shop.git("checkout", "--quiet", "wfd/A7")
    shop.git("submodule", "--quiet", "update")
    assert (shop.checkout / LIB / "lib.txt").read_text() == "fixed\n"


async def test_commits_in_a_submodule_are_kept_with_what_came_after_them(shop: "Ground") -> None:
    made = await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("once\n")
    shop.agent("-C", LIB, "commit", "--quiet", "-a", "-m", "Once")
    shop.agent("add", LIB)
    shop.agent("commit", "--quiet", "-m", "Take it")
    own = shop.agent("-C", LIB, "rev-parse", "HEAD")
    (shop.workspace / LIB / "new.txt").write_text("twice\n")

    taken = await shop.snapshot()
    await shop.advance(taken)

    at = link(shop, "wfd/A7")
    assert git(module(shop), "rev-parse", f"{at}^") == own
    assert git(module(shop), "show", f"{at}:new.txt") == "twice"
    subjects = shop.git("log", "--format=%s", f"{made.base_commit}..wfd/A7").splitlines()
    assert subjects == ["Do it", "Take it"]
    assert shop.agent("status", "--porcelain") == "", "the next agent finds nothing to do"
    assert shop.agent("-C", LIB, "rev-parse", "HEAD") == at


async def test_what_changed_in_submodules_is_one_commit_in_the_repository_around_them(
    shop: "Ground",
) -> None:
    await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")
    (shop.workspace / LIB / "new.txt").write_text("new\n")

    await shop.advance(await shop.snapshot())

    ref = "refs/wfd/A7/submodules/changes"
    assert shop.files(ref) == {f"{LIB}/lib.txt": "fixed", f"{LIB}/new.txt": "new"}
    assert shop.files(f"{ref}^") == {f"{LIB}/lib.txt": "lib1"}


async def test_the_diff_of_a_job_shows_what_changed_in_a_submodule(
    shop: "Ground", tmp_path: Path
) -> None:
    made = await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")
    taken = await shop.snapshot()

    diff = await shop.workspaces.diff(
        shop.namespace, made.base_commit, taken.commit, tmp_path / "patch"
    )

    assert f"+++ b/{LIB}/lib.txt\n@@ -1 +1 @@\n-lib1\n+fixed\n" in diff.patch.read_text()
    assert (diff.files, diff.insertions, diff.deletions) == (2, 2, 2)
    assert f" {LIB}/lib.txt | 2 +-" in diff.stat
    assert diff.stat.endswith(" 2 files changed, 2 insertions(+), 2 deletions(-)")
    assert list(tmp_path.glob("patch*")) == [diff.patch]
    assert await shop.workspaces.changed(shop.namespace, made.base_commit, taken.commit) == [
        f"{LIB}/lib.txt"
    ]
