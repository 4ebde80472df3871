"""Submodules: what an agent does in one is kept, and is where the user would look for it."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.adapters.git.test_merging import a_lane, merged

from wfd.ports import Conflicting, Snapshot

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


async def test_a_second_run_builds_on_the_first_and_a_restore_takes_the_submodule_back(
    shop: "Ground",
) -> None:
    made = await shop.prepare()
    file = shop.workspace / LIB / "lib.txt"
    file.write_text("one\n")
    first = await shop.snapshot()
    await shop.advance(first)
    file.write_text("two\n")
    (shop.workspace / LIB / "new.txt").write_text("new\n")
    second = await shop.snapshot()
    await shop.advance(second)

    assert git(module(shop), "rev-parse", "refs/wfd/A7/head^") == link(shop, first.commit)
    await shop.restore(first.commit)
    assert file.read_text() == "one\n"
    assert not (file.parent / "new.txt").exists()
    assert shop.agent("-C", LIB, "rev-parse", "HEAD") == link(shop, first.commit)
    await shop.restore(made.base_commit)
    assert file.read_text() == "lib1\n"
    await shop.restore(second.commit)
    assert (file.parent / "new.txt").exists()


async def test_a_workspace_made_again_has_the_submodule_as_the_branch_has_it(
    shop: "Ground",
) -> None:
    await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")
    await shop.advance(await shop.snapshot())
    await shop.remove()
    assert not list((shop.own.parent / "modules").glob("*/A7*"))

    await shop.prepare()

    assert (shop.workspace / LIB / "lib.txt").read_text() == "fixed\n"
    assert shop.agent("status", "--porcelain") == ""


async def test_a_submodule_is_set_to_a_commit_that_the_user_has(shop: "Ground") -> None:
    old = git(shop.root / "lib", "rev-parse", "HEAD")
    (shop.root / "lib" / "lib.txt").write_text("lib2\n")
    git(shop.root / "lib", "commit", "--quiet", "-a", "-m", "Newer")
    git(shop.checkout / LIB, "pull", "--quiet")
    shop.git("commit", "--quiet", "-a", "-m", "Newer library")
    await shop.prepare()
    shop.agent("-C", LIB, "checkout", "--quiet", old)

    await shop.advance(await shop.snapshot())

    assert link(shop, "wfd/A7") == old
    assert (shop.workspace / LIB / "lib.txt").read_text() == "lib1\n"


async def test_a_job_that_may_not_write_leaves_the_submodule_as_it_was(shop: "Ground") -> None:
    made = await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("a note\n")

    taken = await shop.snapshot()
    await shop.restore(taken.parent_commit)

    assert (shop.workspace / LIB / "lib.txt").read_text() == "lib1\n"
    assert git(module(shop), "rev-parse", "refs/wfd/A7/R101") == link(shop, taken.commit)
    assert git(module(shop), "rev-parse", "refs/wfd/A7/head") == link(shop, made.base_commit)


async def test_a_removed_submodule_is_removed_and_comes_back_with_its_files(
    shop: "Ground",
) -> None:
    made = await shop.prepare()
    shutil.rmtree(shop.workspace / LIB)
    (shop.workspace / ".gitmodules").unlink()

    taken = await shop.snapshot()
    await shop.advance(taken)

    assert shop.git("ls-tree", "-r", "--name-only", "wfd/A7", "libs") == ""
    await shop.restore(made.base_commit)
    assert (shop.workspace / LIB / "lib.txt").read_text() == "lib1\n"


async def test_a_submodule_in_a_submodule_is_kept_as_well(shop: "Ground") -> None:
    inner = origin(shop, "inner")
    add_submodule(shop.root / "lib", str(inner), "deep/inner")
    git(shop.checkout / LIB, "pull", "--quiet")
    shop.git("commit", "--quiet", "-a", "-m", "Deeper")
    git(shop.checkout, "submodule", "--quiet", "update", "--init", "--recursive")
    await shop.prepare()
    deep = shop.workspace / LIB / "deep" / "inner"
    assert (deep / "lib.txt").read_text() == "lib1\n"
    (deep / "lib.txt").write_text("deep\n")

    taken = await shop.snapshot()
    await shop.advance(taken)

    users = module(shop) / "modules" / "deep" / "inner"
    at = git(module(shop), "rev-parse", f"{link(shop, 'wfd/A7')}:deep/inner")
    assert git(users, "rev-parse", "refs/wfd/A7/head") == at
    assert git(users, "show", f"{at}:lib.txt") == "deep"
    diff = await shop.workspaces.diff(
        shop.namespace, taken.parent_commit, taken.commit, shop.root / "patch"
    )
    assert f" {LIB}/deep/inner/lib.txt | 2 +-" in diff.stat
    assert shop.agent("status", "--porcelain") == ""
    await shop.restore(taken.parent_commit)
    assert (deep / "lib.txt").read_text() == "lib1\n"
    await shop.remove()


async def test_a_linked_worktree_of_the_user_has_submodules_of_its_own(shop: "Ground") -> None:
    linked = shop.root / "linked"
    shop.git("worktree", "add", "--quiet", str(linked))
    git(linked, "submodule", "--quiet", "update", "--init")
    shop.namespace = replace(shop.namespace, checkout=str(linked))
    await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")

    await shop.advance(await shop.snapshot())

    at = link(shop, "wfd/A7")
    assert git(linked / LIB, "rev-parse", "refs/wfd/A7/head") == at
    assert git(linked / LIB, "show", f"{at}:lib.txt") == "fixed"


async def test_a_submodule_that_the_user_has_not_checked_out_now_is_found(shop: "Ground") -> None:
    shutil.rmtree(shop.checkout / "libs")

    await shop.prepare()

    assert (shop.workspace / LIB / "lib.txt").read_text() == "lib1\n"


async def test_a_lane_brings_its_submodule_along_and_two_that_changed_it_conflict(
    shop: "Ground",
) -> None:
    await shop.prepare()
    one = await a_lane(shop, "J1", {f"{LIB}/lib.txt": "one\n"})
    two = await a_lane(shop, "J2", {f"{LIB}/lib.txt": "two\n"})

    made = await merged(shop, one, 50)
    assert isinstance(made, Snapshot)
    shop.runs += 1
    await shop.restore(made.commit)
    await shop.advance(made)
    assert (shop.workspace / LIB / "lib.txt").read_text() == "one\n"
    assert git(module(shop), "show", f"{link(shop, 'wfd/A7')}:lib.txt") == "one"
    assert git(module(shop), "rev-parse", "refs/wfd/A7/head") == link(shop, "wfd/A7")

    assert await merged(shop, two, 51) == Conflicting((LIB,))


async def test_what_set_up_made_in_a_submodule_is_ignored_from_then_on(shop: "Ground") -> None:
    made = await shop.prepare()
    (shop.workspace / LIB / "build").mkdir()
    (shop.workspace / LIB / "build" / "lib.o").write_text("built\n")

    names = await shop.workspaces.ignore_new(shop.namespace, shop.assignment, made.head_commit)
    await shop.restore(made.head_commit)

    assert names == [f"{LIB}/build/"]
    assert (await shop.snapshot()).is_empty
    assert (shop.workspace / LIB / "build" / "lib.o").exists()


async def test_what_a_snapshot_leaves_out_in_a_submodule_is_told_by_its_whole_path(
    shop: "Ground",
) -> None:
    await shop.prepare()
    (shop.workspace / LIB / "core").write_bytes(b"x" * 11_000_000)

    taken = await shop.snapshot()

    assert [f"{LIB}/core (11 MB)" in one.text for one in taken.left_out] == [True]


async def test_a_changed_submodule_is_told_with_the_way_to_take_it_along(shop: "Ground") -> None:
    await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")

    (told,) = (await shop.snapshot()).left_out

    assert told.kind == "submodules in the commit"
    assert told.text.startswith(f"{LIB}\n")
    assert "merge refs/wfd/A" in told.text
