"""Workspaces with submodules: what only a submodule has is told of, and kept when they go."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.adapters.git.test_salvage import told, trash
from tests.adapters.git.test_submodules import LIB, add_submodule, git, link, module, origin

from wfd.adapters import leaving
from wfd.adapters.trash import Trash
from wfd.domain.errors import Broken

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground

KEPT = "refs/wfd/A7/kept/"


@pytest.fixture
def shop(ground: "Ground") -> "Ground":
    """The user has a submodule, and has initialised it."""
    there = origin(ground)
    (there / ".gitignore").write_text("*.log\n")
    git(there, "add", "-A")
    git(there, "commit", "--quiet", "-m", "Ignore logs")
    add_submodule(ground.checkout, str(there))
    return ground


async def set_up(ground: "Ground") -> Path:
    await ground.prepare()
    await ground.mark_set_up()
    return ground.workspace / LIB


async def test_a_stash_and_a_branch_in_a_submodule_are_told_and_kept(shop: "Ground") -> None:
    lib = await set_up(shop)
    (lib / "lib.txt").write_text("precious\n")
    git(lib, "stash")
    git(lib, "checkout", "--quiet", "-b", "topic")
    git(lib, "commit", "--quiet", "--allow-empty", "-m", "On topic")
    git(lib, "checkout", "--quiet", "wfd/A7")

    taken = await shop.snapshot()
    kept = await shop.remove()

    assert taken.is_empty
    assert f"{LIB}/stash@{{0}}: WIP on wfd/A7" in told(taken)["stashes and other commits"]
    assert set(kept.refs) == {f"{KEPT}branch-topic of {LIB}", f"{KEPT}stash-0 of {LIB}"}
    assert git(module(shop), "show", f"{KEPT}stash-0:lib.txt") == "precious"
    assert not shop.workspace.exists()


async def test_ignored_files_of_a_submodule_go_to_the_trash_below_its_path(shop: "Ground") -> None:
    await shop.prepare()
    (shop.workspace / LIB / "set-up.log").write_text("by set-up\n")
    lib = await set_up(shop)
    (lib / "late.log").write_text("by an agent\n")
    (shop.workspace / "late.log").write_text("beside it\n")

    taken = await shop.snapshot()
    kept = await shop.remove()

    assert f"{LIB}/late.log" in told(taken)["ignored files"]
    assert "set-up.log" not in told(taken)["ignored files"]
    assert trash(kept) == {f"{LIB}/late.log": "by an agent\n", "late.log": "beside it\n"}


@pytest.mark.parametrize("is_past", [False, True])
async def test_changes_in_a_submodule_that_no_snapshot_took_are_kept_by_a_ref(
    shop: "Ground", is_past: bool
) -> None:
    lib = await set_up(shop)
    if is_past:
        (lib / "lib.txt").write_text("first\n")
        await shop.advance(await shop.snapshot())
    (lib / "lib.txt").write_text("late\n")
    git(lib, "commit", "--quiet", "-am", "Late")
    (lib / "lib.txt").write_text("later\n")

    kept = await shop.remove()

    assert f"{KEPT}worktree of {LIB}" in kept.refs
    assert git(module(shop), "show", f"{KEPT}worktree:lib.txt") == "later"
    texts = [git(module(shop), "show", f"{ref.partition(' ')[0]}:lib.txt") for ref in kept.refs]
    assert set(texts) == {"late", "later"}, "the commit of the agent, too"


async def test_a_lane_keeps_what_its_submodule_has_under_its_own_name(shop: "Ground") -> None:
    made = await shop.prepare()
    lane = replace(
        shop.assignment, lane="J1", head_commit=made.base_commit, head_tree=made.base_tree
    )
    beside = replace(shop, assignment=lane)
    there = (await beside.prepare()).path / LIB
    await beside.mark_set_up()
    (there / "lib.txt").write_text("precious\n")
    git(there, "stash")

    kept = await beside.remove()

    assert kept.refs == (f"refs/wfd/A7-J1/kept/stash-0 of {LIB}",)
    assert git(module(shop), "show", "refs/wfd/A7-J1/kept/stash-0:lib.txt") == "precious"
    assert (shop.workspace / LIB / "lib.txt").exists(), "the assignment's own stays"


async def test_a_submodule_whose_git_is_spoiled_goes_to_the_trash_with_its_stash(
    shop: "Ground",
) -> None:
    lib = await set_up(shop)
    (lib / "lib.txt").write_text("precious\n")
    git(lib, "stash")
    (lib / ".git" / "objects" / "info" / "alternates").write_text("/somewhere/else\n")

    kept = await shop.remove()

    assert kept.trash is not None
    assert (Path(kept.trash) / LIB / "git" / "logs" / "refs" / "stash").exists()
    assert not shop.workspace.exists()


async def test_a_submodule_that_only_set_up_has_cloned_keeps_its_stash_in_what_is_around_it(
    shop: "Ground",
) -> None:
    shop.git("submodule", "--quiet", "deinit", "-f", LIB)
    shutil.rmtree(module(shop))
    made = await shop.prepare()
    git(shop.workspace, "submodule", "--quiet", "update", "--init")
    await shop.workspaces.ignore_new(shop.namespace, shop.assignment, made.head_commit)
    lib = await set_up(shop)
    (lib / "lib.txt").write_text("precious\n")
    git(lib, "stash")

    kept = await shop.remove()

    (ref,) = kept.refs
    assert shop.git("show", f"{ref}:lib.txt") == "precious"


async def test_what_git_has_cloned_for_a_submodule_that_is_no_more_goes_to_the_trash(
    shop: "Ground",
) -> None:
    shop.git("submodule", "--quiet", "deinit", "-f", LIB)
    shutil.rmtree(module(shop))
    made = await shop.prepare()
    git(shop.workspace, "submodule", "--quiet", "update", "--init")
    await shop.workspaces.ignore_new(shop.namespace, shop.assignment, made.head_commit)
    lib = await set_up(shop)
    (lib / "lib.txt").write_text("precious\n")
    git(lib, "stash")
    git(shop.workspace, "rm", "--quiet", "-f", LIB)
    git(shop.workspace, "commit", "--quiet", "-m", "Do without it")
    await shop.advance(await shop.snapshot())

    kept = await shop.remove()

    assert kept.trash is not None
    clone = Path(kept.trash) / "git-modules" / LIB
    commit = (clone / "logs" / "refs" / "stash").read_text().split()[1]
    assert git(clone, "--git-dir=.", "--work-tree=.", "show", f"{commit}:lib.txt") == "precious"


async def test_removing_again_after_each_half_loses_nothing(shop: "Ground") -> None:
    """Killed when the top was kept and its submodule was not."""
    lib = await set_up(shop)
    (lib / "late.log").write_text("by an agent\n")
    (shop.workspace / "late.log").write_text("beside it\n")
    aside = shop.root / "aside"
    os.rename(lib, aside)  # noqa: PTH104
    lib.mkdir()
    here = await shop.workspaces._workspace(shop.namespace, shop.assignment)
    await leaving.salvage(here, Trash(shop.state_dir / "trash"))
    lib.rmdir()
    os.rename(aside, lib)  # noqa: PTH104

    await shop.remove()

    left = {file.name for file in (shop.state_dir / "trash").rglob("*.log")}
    texts = [file.read_text() for file in (shop.state_dir / "trash").rglob("*.log")]
    assert left == {"late.log"}
    assert sorted(texts) == ["beside it\n", "by an agent\n"]


async def test_a_link_on_the_way_to_a_submodule_is_no_hindrance_and_is_not_followed(
    shop: "Ground",
) -> None:
    await set_up(shop)
    users = shop.checkout / LIB / "lib.txt"
    shutil.rmtree(shop.workspace / "libs")
    (shop.workspace / "libs").symlink_to(shop.checkout / "libs")
    users.write_text("by the user\n")

    taken = await shop.snapshot()
    await shop.restore(taken.commit)
    await shop.restore(taken.parent_commit)

    assert users.read_text() == "by the user\n"
    assert (shop.workspace / LIB / "lib.txt").read_text() == "lib1\n"
    assert not (shop.workspace / "libs").is_symlink()


async def test_an_agent_gets_no_repository_of_the_users_by_naming_its_folder(
    shop: "Ground",
) -> None:
    private = shop.checkout / "private"
    subprocess.run(["git", "clone", "--quiet", shop.root / "lib", private], check=True)  # noqa: ASYNC221
    git(private, "commit", "--quiet", "--allow-empty", "-m", "Mine")
    secret = git(private, "rev-parse", "HEAD")
    await set_up(shop)
    (shop.workspace / "private").mkdir()
    shop.agent("update-index", "--add", "--cacheinfo", f"160000,{secret},private")
    shop.agent("commit", "--quiet", "-m", "Mine now")

    try:
        taken = await shop.snapshot()
    except Broken as error:
        assert "no repository of yours has" in str(error)
    else:
        await shop.restore(taken.commit)
    assert list((shop.workspace / "private").iterdir()) == []
    assert git(private, "for-each-ref", "refs/wfd") == ""
    assert link(shop, "main")
