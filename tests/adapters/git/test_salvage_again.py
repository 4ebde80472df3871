"""What is kept of a workspace stays kept: when another one of the same name goes, when the user's
repository cannot take it yet, and whatever its names are."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.adapters.git.test_salvage import KEPT, advanced, told, trash

from wfd.domain.errors import Broken

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


async def stash(ground: "Ground", text: str) -> None:
    (ground.workspace / "README").write_text(text)
    ground.agent("stash", "push", "--quiet")


async def test_a_second_workspace_keeps_what_it_has_beside_what_the_first_had(
    ground: "Ground",
) -> None:
    """An assignment is opened again, and ends again."""
    await advanced(ground)
    await stash(ground, "first\n")
    (ground.workspace / "late.txt").write_text("first\n")
    first = await ground.remove()
    await ground.prepare()
    await ground.mark_set_up()
    await stash(ground, "second\n")
    (ground.workspace / "late.txt").write_text("second\n")
    second = await ground.remove()

    assert len(set(first.refs)) == 2
    texts = {ground.git("show", f"{ref}:README") for ref in second.refs if "stash" in ref}
    assert texts == {"first", "second"}
    late = {ground.git("show", f"{ref}:late.txt") for ref in second.refs if "worktree" in ref}
    assert late == {"first", "second"}


async def test_a_repository_that_cannot_take_a_ref_yet_gets_it_at_the_next_try(
    ground: "Ground",
) -> None:
    await advanced(ground)
    await stash(ground, "precious\n")
    objects = ground.checkout / ".git" / "refs" / "wfd" / "A7"
    in_the_way = objects / "kept"
    in_the_way.write_text("what is here makes a ref below it impossible\n")

    with pytest.raises(Broken):
        await ground.remove()
    assert ground.workspace.exists(), "the stash is in no repository of the user's"

    in_the_way.unlink()
    kept = await ground.remove()
    assert kept.refs == (f"{KEPT}stash-0",)
    assert ground.git("show", f"{KEPT}stash-0:README") == "precious"


async def test_names_of_every_kind_are_kept(ground: "Ground") -> None:
    await advanced(ground)
    names = ["-rf.log", " .log", "a\nb.log", "ü.log", 'it\'s "so".log', "a*[b]?.log", "deep/x.log"]
    odd = os.fsdecode(b"\xff\xfe.log")
    (ground.workspace / "deep").mkdir()
    for name in [*names, odd]:
        (ground.workspace / name).write_text("x\n")
    for branch in ("a/b", "a-b", "x.lock.y", "-dash".lstrip("-"), "ü/é", "@", "HEAD2"):
        ground.agent("checkout", "--quiet", "-b", branch, "wfd/A7")
        ground.agent("commit", "--quiet", "--allow-empty", "-m", f"On {branch}")
    ground.agent("checkout", "--quiet", "wfd/A7")
    await ground.snapshot()
    kept = await ground.remove()
    assert set(trash(kept)) == {*names, odd}
    subjects = {ground.git("log", "-1", "--format=%s", ref) for ref in kept.refs}
    assert {f"On {b}" for b in ("a/b", "a-b", "x.lock.y", "dash", "ü/é", "@", "HEAD2")} <= subjects


async def test_many_ignored_files_of_one_folder_do_not_hide_a_small_one_elsewhere(
    ground: "Ground",
) -> None:
    await advanced(ground)
    venv = ground.workspace / "venv"
    venv.mkdir()
    for number in range(300):
        (venv / f"{number}.py").write_text("x" * 1000)
    (ground.workspace / "gen.log").write_text("x\n")
    text = told(await ground.snapshot())["ignored files"]
    assert "gen.log" in text
    assert "venv/ (300 files" in text


async def test_a_lane_and_its_assignment_do_not_take_the_trash_of_one_another_for_their_own(
    ground: "Ground",
) -> None:
    await advanced(ground)
    whole = ground.assignment
    lane = replace(whole, lane="J1", base_commit=whole.head_commit, base_tree=whole.head_tree)
    beside = replace(ground, assignment=lane)
    made = await beside.prepare()
    await beside.mark_set_up()
    (made.path / "lane.log").write_text("lane\n")
    (ground.workspace / "main.log").write_text("main\n")
    assert trash(await beside.remove()) == {"lane.log": "lane\n"}
    assert trash(await ground.remove()) == {"main.log": "main\n"}
