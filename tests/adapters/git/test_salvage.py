"""Before a workspace goes, all that is nowhere else is kept, and named."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.domain.kept import Kept
from wfd.ports import Snapshot

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground

KEPT = "refs/wfd/A7/kept/"


def told(taken: Snapshot) -> dict[str, str]:
    return {one.kind: one.text for one in taken.left_out}


def trash(kept: Kept) -> dict[str, str]:
    """What lies in the trash, by its path there."""
    assert kept.trash is not None
    root = Path(kept.trash)
    files = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
    return {str(file.relative_to(root)): file.read_text(errors="replace") for file in files}


async def advanced(ground: "Ground") -> None:
    """A workspace whose head is past its base."""
    await ground.prepare()
    await ground.mark_set_up()
    (ground.workspace / "first.py").write_text("first\n")
    await ground.advance(await ground.snapshot())


async def test_stashes_are_told_and_kept_with_their_untracked_files(ground: "Ground") -> None:
    await advanced(ground)
    for number in (1, 2):
        (ground.workspace / "README").write_text(f"precious {number}\n")
        (ground.workspace / f"untracked-{number}").write_text("new\n")
        ground.agent("stash", "push", "--quiet", "--include-untracked", "-m", f"number {number}")

    taken = await ground.snapshot()
    kept = await ground.remove()

    assert "stash@{1}: On wfd/A7: number 1" in told(taken)["stashes and other commits"]
    assert kept.refs == (f"{KEPT}stash-0", f"{KEPT}stash-1")
    assert ground.git("show", f"{KEPT}stash-1:README") == "precious 1"
    assert ground.git("show", f"{KEPT}stash-0^3:untracked-2") == "new"
    assert not ground.workspace.exists()


async def test_branches_tags_and_commits_that_were_left_behind_are_kept(ground: "Ground") -> None:
    await advanced(ground)
    ground.agent("switch", "--quiet", "-c", "Topic/ü-x")
    for name in ("on-a-branch", "reset-away", "tagged"):
        (ground.workspace / name).write_text(f"{name}\n")
        ground.agent("add", "-A")
        ground.agent("commit", "--quiet", "-m", name)
        if name == "tagged":
            ground.agent("tag", "-a", "v1", "-m", "a tag")
        if name != "on-a-branch":
            ground.agent("reset", "--quiet", "--hard", "HEAD^")
    ground.agent("switch", "--quiet", "wfd/A7")

    kept = await ground.remove()

    found = {name for ref in kept.refs for name in ground.files(ref)}
    assert {"on-a-branch", "reset-away", "tagged"} <= found
    assert f"{KEPT}branch-Topic-x" in kept.refs


async def test_a_branch_at_a_commit_that_the_user_has_is_no_work(ground: "Ground") -> None:
    await advanced(ground)
    (ground.checkout / "README").write_text("the user goes on\n")
    ground.git("commit", "--quiet", "--all", "-m", "Second")
    ground.agent("fetch", "--quiet", "origin")
    ground.agent("switch", "--quiet", "--detach", "origin/main")
    ground.agent("branch", "same", "origin/main")
    ground.agent("switch", "--quiet", "wfd/A7")

    taken = await ground.snapshot()
    kept = await ground.remove()

    assert not taken.left_out
    assert kept == Kept("A7")


async def test_a_commit_that_a_snapshot_holds_is_told_by_nobody(ground: "Ground") -> None:
    await advanced(ground)
    (ground.workspace / "mine.py").write_text("mine\n")
    ground.agent("add", "-A")
    ground.agent("commit", "--quiet", "-m", "Mine")

    taken = await ground.snapshot()
    await ground.advance(taken)

    assert not taken.left_out
    assert await ground.remove() == Kept("A7")


async def test_a_history_that_the_agent_rewrote_is_told_and_kept(ground: "Ground") -> None:
    await advanced(ground)
    ground.agent("checkout", "--quiet", "--orphan", "afresh")
    ground.agent("commit", "--quiet", "-m", "All anew")
    rewritten = ground.agent("rev-parse", "HEAD")

    taken = await ground.snapshot()
    kept = await ground.remove()

    assert "branch afresh" in told(taken)["stashes and other commits"]
    assert rewritten in [ground.git("rev-parse", ref) for ref in kept.refs]


async def test_changes_that_no_snapshot_took_are_kept_by_a_ref(ground: "Ground") -> None:
    await advanced(ground)
    (ground.workspace / "late.py").write_text("late\n")

    kept = await ground.remove()

    assert kept.refs == (f"{KEPT}worktree",)
    assert ground.files(f"{KEPT}worktree")["late.py"] == "late"


async def test_ignored_files_go_to_the_trash_and_those_of_set_up_do_not(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / ".env").write_text("KEY=1\n")
    lib = ground.workspace / "venv" / "lib"
    lib.mkdir(parents=True)
    (lib / "module.py").write_text("installed\n")
    await ground.mark_set_up()
    (lib / "patched.py").write_text("by the agent\n")
    shutil.copystat(lib / "module.py", lib / "patched.py")  # as `cp -p` does
    (ground.workspace / "notes.log").write_text("found it\n")
    cache = ground.workspace / "venv" / "__pycache__"
    cache.mkdir()
    (cache / "module.pyc").write_text("cached\n")
    own_rules = ground.workspace / ".pytest_cache" / "v" / "deep"  # as pytest makes it
    own_rules.mkdir(parents=True)
    (own_rules / "nodeids").write_text("[]\n")
    (own_rules.parents[1] / ".gitignore").write_text("*\n")
    (own_rules.parents[1] / "CACHEDIR.TAG").write_text(
        "Signature: 8a477f597d28d172789f06886806bc55\n"
    )

    taken = await ground.snapshot()
    kept = await ground.remove()

    text = told(taken)["ignored files"]
    assert "notes.log (9 bytes)" in text
    assert "module.py" not in text
    assert trash(kept) == {"notes.log": "found it\n", "venv/lib/patched.py": "by the agent\n"}
    assert (kept.files, kept.bytes) == (2, 22)


async def test_a_copied_secret_that_was_changed_is_kept(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / ".env").write_text("KEY=1\n")
    await ground.mark_set_up()
    (ground.workspace / ".env").write_text("KEY=2\n")

    kept = await ground.remove()

    assert trash(kept) == {".env": "KEY=2\n"}
    assert Path(kept.trash or "").stat().st_mode & 0o777 == 0o700


async def test_a_linked_work_tree_and_a_nested_repository_are_kept_whole(ground: "Ground") -> None:
    await advanced(ground)
    for name in ("clone", "tree"):
        inside = ground.workspace / ".agents" / name
        inside.parent.mkdir(exist_ok=True)
        if name == "tree":
            ground.agent("worktree", "add", "--quiet", "-b", "agent", str(inside))
        else:
            ground.agent("init", "--quiet", str(inside))
        (inside / "edit").write_text(f"{name}\n")
    await ground.snapshot()

    kept = await ground.remove()

    lying = trash(kept)
    assert lying[".agents/tree/edit"] == "tree\n"
    assert lying[".agents/clone/edit"] == "clone\n"
    assert ".agents/clone/.git/HEAD" in lying


@pytest.mark.parametrize(
    "spoil",
    [
        lambda git_dir: (git_dir / "refs").rename(git_dir / "objects" / "refs"),
        lambda git_dir: (git_dir / "objects" / "info" / "alternates").write_text("/tmp\n"),
        lambda git_dir: (git_dir / "MERGE_HEAD").symlink_to("/etc/passwd"),
        lambda git_dir: [f.unlink() for f in (git_dir / "objects").glob("??/*")],
    ],
    ids=["no refs", "foreign objects", "a link for a head", "objects that are gone"],
)
async def test_a_git_folder_that_the_agent_spoiled_goes_to_the_trash(
    ground: "Ground", spoil: Callable[[Path], object]
) -> None:
    await advanced(ground)
    (ground.workspace / "README").write_text("precious\n")
    ground.agent("stash", "push", "--quiet")
    spoil(ground.workspace / ".git")

    kept = await ground.remove()

    stashed = kept.refs and ground.git("show", f"{kept.refs[0]}:README") == "precious"
    in_trash = kept.trash is not None and (Path(kept.trash) / "git").is_dir()
    assert stashed or in_trash
    assert not ground.workspace.exists()


async def test_a_git_folder_that_was_set_aside_after_a_run_is_kept_too(ground: "Ground") -> None:
    await advanced(ground)
    (ground.workspace / "README").write_text("precious\n")
    ground.agent("stash", "push", "--quiet")
    (ground.workspace / ".git" / "config").unlink()
    (ground.workspace / ".git" / "config").mkdir()
    await ground.snapshot()

    kept = await ground.remove()

    assert "git/refs/stash" in trash(kept)


async def test_folders_that_nobody_may_enter_hide_nothing(ground: "Ground") -> None:
    await advanced(ground)
    hidden = ground.workspace / "venv" / "hidden"
    hidden.mkdir(parents=True)
    (hidden / "notes").write_text("mine\n")
    hidden.chmod(0)
    (ground.workspace / ".git" / "logs").chmod(0)

    kept = await ground.remove()

    assert trash(kept) == {"venv/hidden/notes": "mine\n"}


async def test_a_workspace_that_was_never_set_up_and_a_repository_that_is_gone(
    ground: "Ground",
) -> None:
    await advanced(ground)
    (ground.workspace / "late.py").write_text("late\n")
    unknown = replace(ground.assignment, base_commit=None, head_commit=None)

    kept = await ground.workspaces.remove(ground.namespace, unknown)

    assert trash(kept)["workspace/late.py"] == "late\n"
    assert not ground.workspace.exists()


async def test_each_step_of_a_removal_can_be_done_again(
    ground: "Ground", monkeypatch: pytest.MonkeyPatch
) -> None:
    await advanced(ground)
    (ground.workspace / "README").write_text("precious\n")
    ground.agent("stash", "push", "--quiet")
    (ground.workspace / "a.log").write_text("one\n")
    (ground.workspace / "b.log").write_text("two\n")
    whole = Path.rename

    def once(path: Path, target: Path) -> Path:
        if path.name == "b.log":
            raise OSError("killed")
        return whole(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", once)
        with pytest.raises(OSError, match="killed"):
            await ground.remove()
    kept = await ground.remove()

    assert kept.refs == (f"{KEPT}stash-0",)
    assert kept.files == 2
    lying = Path(kept.trash or "").parent.rglob("*.log")
    assert sorted(file.read_text() for file in lying) == ["one\n", "two\n"]


async def test_the_trash_lets_the_old_go_and_then_the_oldest(ground: "Ground") -> None:
    await advanced(ground)
    for number in range(3):
        lying = ground.state_dir / "trash" / f"A{number}-20260101T000000Z"
        lying.mkdir(parents=True)
        (lying / "file").write_bytes(b"x" * 100)
        os.utime(lying, (number * 1000, number * 1000))
    (ground.workspace / "a.log").write_text("new\n")
    kept = await ground.remove()

    small = await ground.workspaces.sweep_trash(2**50, 250)
    old = await ground.workspaces.sweep_trash(60_000, 2**40)

    assert [Path(one.trash or "").name[:2] for one in small] == ["A0"]
    assert {Path(one.trash or "").name[:2] for one in old} == {"A1", "A2"}
    assert trash(kept) == {"a.log": "new\n"}
    assert await ground.workspaces.sweep_trash(2**50, 1) == [], "the newest stays"
