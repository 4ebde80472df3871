"""A clone that its agent turned against the daemon: nothing of it runs, and no work is lost."""

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from wfd.domain.errors import Broken

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


async def the_whole_story(ground: "Ground") -> None:
    """Everything that the daemon does with a workspace after an agent was in it."""
    base = ground.assignment.base_commit
    assert base is not None
    with pytest.raises(Broken, match="the filter 'evil' is not defined in your git"):
        await ground.snapshot()
    attributes = ground.workspace / ".gitattributes"
    attributes.write_text("* diff=evil merge=evil\n")
    taken = await ground.snapshot()
    await ground.advance(taken)
    await ground.workspaces.diff(ground.namespace, base, taken.commit, ground.root / "patch")
    await ground.snapshot()
    attributes.write_text("* filter=evil\n")
    await ground.restore(base)
    await ground.restore(taken.commit)
    await ground.prepare()
    await ground.remove()


def plant_everything(ground: "Ground", git_dir: str = ".git") -> None:
    """Each way known to us by which a repository names a program for git to run."""
    evil = ground.root / "evil"
    evil.write_text(f"#!/bin/sh\necho $0 $@ >> {ground.marker}\ncat\n")
    evil.chmod(0o755)
    config = ground.workspace / git_dir / "config"
    config.write_text(
        config.read_text() + f"[core]\n fsmonitor = {evil}\n hooksPath = {git_dir}/hooks\n"
        f" sshCommand = {evil}\n gitProxy = {evil}\n pager = {evil}\n editor = {evil}\n"
        f" askPass = {evil}\n"
        f'[filter "evil"]\n clean = {evil}\n smudge = {evil}\n process = {evil}\n required\n'
        f'[diff]\n external = {evil}\n[diff "evil"]\n textconv = {evil}\n command = {evil}\n'
        f'[merge "evil"]\n driver = {evil}\n[commit]\n gpgSign = true\n'
        f"[gpg]\n program = {evil}\n[credential]\n helper = {evil}\n"
        f"[uploadpack]\n packObjectsHook = {evil}\n[alias]\n status = !{evil}\n"
        f'[remote "origin"]\n uploadpack = {evil}\n[include]\n path = {evil}\n'
    )
    hooks = ground.workspace / git_dir / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction",
                 "fsmonitor-watchman", "pre-auto-gc", "post-commit"):  # fmt: skip
        shutil.copy(evil, hooks / name)
    (ground.workspace / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")


async def test_nothing_that_a_clone_names_is_run(ground: "Ground") -> None:
    await ground.prepare()
    plant_everything(ground)
    (ground.workspace / "README").write_text("changed\n")
    (ground.workspace / "new.py").write_text("new\n")

    await the_whole_story(ground)

    assert not ground.marker.exists(), ground.marker.read_text()
    assert ground.files("wfd/A7")["README"] == "changed"


async def test_nothing_that_a_nested_repository_names_is_run(ground: "Ground") -> None:
    await ground.prepare()
    nested = ground.workspace / "nested"
    nested.mkdir()
    ground.agent("init", "--quiet", "nested")
    (nested / "work.py").write_text("worked\n")
    (nested / "deep").mkdir()
    ground.agent("init", "--quiet", "nested/deep")
    (nested / "deep" / "er.py").write_text("deeper\n")
    ground.agent("-C", "nested", "add", "work.py")
    ground.agent("-C", "nested", "commit", "--quiet", "-m", "In there")
    plant_everything(ground, "nested/.git")

    await the_whole_story(ground)

    assert not ground.marker.exists(), ground.marker.read_text()
    assert "nested/work.py" not in ground.files("wfd/A7")
    assert not ground.workspace.exists()


async def test_nothing_that_a_submodule_names_is_run(ground: "Ground") -> None:
    commit = ground.git("rev-parse", "HEAD")
    ground.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    ground.git("commit", "--quiet", "-m", "A submodule")
    await ground.prepare()
    ground.agent("init", "--quiet", "lib")
    ground.agent("-C", "lib", "commit", "--quiet", "--allow-empty", "-m", "Own")
    link = ground.agent("-C", "lib", "rev-parse", "HEAD")
    plant_everything(ground, "lib/.git")
    (ground.workspace / ".gitattributes").unlink()

    taken = await ground.snapshot()
    await ground.snapshot()
    await ground.restore(taken.commit)

    assert not ground.marker.exists(), ground.marker.read_text()
    assert ground.git("rev-parse", f"{taken.commit}:lib") == link


@pytest.mark.parametrize("broken", ["file", "link", "gone", "unreadable config", "linked refs",
                                    "linked head", "branch in the way", "huge head"])  # fmt: skip
async def test_a_broken_clone_is_rebuilt_and_the_work_kept(ground: "Ground", broken: str) -> None:
    made = await ground.prepare()
    git_dir = ground.workspace / ".git"
    elsewhere = ground.root / "elsewhere"
    shutil.copytree(ground.checkout / ".git", elsewhere)
    before = sorted((p, p.lstat().st_mtime_ns) for p in elsewhere.rglob("*"))
    (ground.workspace / "new.py").write_text("worked\n")
    match broken:
        case "file":
            shutil.rmtree(git_dir)
            git_dir.write_text(f"gitdir: {elsewhere}\n")
        case "link":
            shutil.rmtree(git_dir)
            git_dir.symlink_to(elsewhere)
        case "gone":
            shutil.rmtree(git_dir)
        case "unreadable config":
            (git_dir / "config").unlink()
            (git_dir / "config").symlink_to("/dev/zero")
        case "linked refs":
            shutil.rmtree(git_dir / "refs")
            (git_dir / "refs").symlink_to(elsewhere / "refs")
        case "linked head":
            (git_dir / "HEAD").unlink()
            (git_dir / "HEAD").symlink_to("/etc/passwd")
        case "branch in the way":
            shutil.rmtree(git_dir / "refs" / "heads")
            (git_dir / "refs" / "heads").write_text("not a folder\n")
        case "huge head":
            (git_dir / "HEAD").write_text("ref: refs/heads/x" + "x" * 10_000)

    taken = await ground.snapshot()

    assert sorted((p, p.lstat().st_mtime_ns) for p in elsewhere.rglob("*")) == before
    assert ground.git("rev-parse", f"{taken.commit}^") == made.head_commit
    assert ground.files(taken.commit)["new.py"] == "worked"
    assert ground.agent("rev-parse", "HEAD") == taken.commit
    assert ground.agent("status", "--porcelain", "--branch") == "## wfd/A7"
    await ground.remove()


async def test_prepare_mends_a_workspace_without_its_git_folder(ground: "Ground") -> None:
    await ground.prepare()
    shutil.rmtree(ground.workspace / ".git")
    (ground.workspace / "new.py").write_text("worked\n")

    await ground.prepare()

    assert ground.agent("status", "--porcelain") == "?? new.py"


async def test_a_work_tree_set_elsewhere_is_not_followed(ground: "Ground") -> None:
    await ground.prepare()
    treasure = ground.root / "treasure"
    treasure.mkdir()
    (treasure / "gold").write_text("gold\n")
    ground.agent("config", "core.worktree", str(treasure))

    taken = await ground.snapshot()
    await ground.restore(taken.commit)

    assert taken.is_empty
    assert (treasure / "gold").exists()


async def test_commits_borrowed_from_a_foreign_repository_do_not_arrive(ground: "Ground") -> None:
    made = await ground.prepare()
    private = ground.root / "private"
    private.mkdir()
    ground.git("-C", str(private), "init", "--quiet")
    (private / "plan").write_text("secret\n")
    ground.git("-C", str(private), "add", "-A")
    plan = ground.git("-C", str(private), "write-tree")
    alternates = ground.workspace / ".git" / "objects" / "info" / "alternates"
    alternates.write_text(alternates.read_text() + f"{private}/.git/objects\n")
    stolen = ground.agent("commit-tree", "-p", "HEAD", "-m", "x", plan)
    ground.agent("update-ref", "HEAD", stolen)

    taken = await ground.snapshot()

    assert taken.commit == made.head_commit
    assert ground.agent("rev-parse", "HEAD") == made.head_commit


async def test_objects_behind_a_link_do_not_arrive(ground: "Ground") -> None:
    made = await ground.prepare()
    ground.agent("commit", "--quiet", "--allow-empty", "-m", "Own")
    objects = ground.workspace / ".git" / "objects"
    objects.rename(ground.root / "objects")
    objects.symlink_to(ground.root / "objects")

    taken = await ground.snapshot()

    assert taken.commit == made.head_commit


async def test_an_object_that_lies_about_its_name_does_not_arrive(ground: "Ground") -> None:
    made = await ground.prepare()
    (ground.workspace / "new.py").write_text("shown\n")
    ground.agent("add", "-A")
    ground.agent("commit", "--quiet", "-m", "Own")
    own_commit = ground.agent("rev-parse", "HEAD")
    blob = ground.agent("rev-parse", "HEAD:new.py")
    (ground.root / "other").write_text("hidden\n")
    other = ground.agent("hash-object", "-w", str(ground.root / "other"))
    objects = ground.workspace / ".git" / "objects"
    truth, lie = objects / blob[:2] / blob[2:], objects / other[:2] / other[2:]
    truth.unlink()
    lie.rename(truth)

    taken = await ground.snapshot()

    assert taken.commit != own_commit
    assert ground.git("rev-parse", f"{taken.commit}^") == made.head_commit
    assert ground.files(taken.commit)["new.py"] == "shown"
    ground.git("fsck", "--strict")


async def test_a_head_whose_objects_are_missing_is_not_believed(ground: "Ground") -> None:
    made = await ground.prepare()
    (ground.workspace / "new.py").write_text("worked\n")
    ground.agent("add", "-A")
    ground.agent("commit", "--quiet", "-m", "Own")
    tree = ground.agent("rev-parse", "HEAD^{tree}")
    (ground.workspace / ".git" / "objects" / tree[:2] / tree[2:]).unlink()

    taken = await ground.snapshot()

    assert ground.git("rev-parse", f"{taken.commit}^") == made.head_commit
    assert ground.files(taken.commit)["new.py"] == "worked"


async def test_a_workspace_replaced_by_a_link_is_refused(ground: "Ground") -> None:
    await ground.prepare()
    shutil.rmtree(ground.workspace)
    ground.workspace.symlink_to(ground.checkout)

    for story in (ground.snapshot(), ground.remove(), ground.restore("HEAD"), ground.prepare()):
        with pytest.raises(Broken, match="should be a workspace"):
            await story

    assert (ground.checkout / "README").exists()


async def test_a_name_that_git_will_not_store_is_named(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / ".GIT").mkdir()
    (ground.workspace / ".GIT" / "config").write_text("x\n")

    with pytest.raises(Broken, match=r"\.GIT/config"):
        await ground.snapshot()


async def test_a_pipe_for_a_head_does_not_hold_the_daemon(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / ".git" / "HEAD").unlink()
    os.mkfifo(ground.workspace / ".git" / "HEAD")

    await ground.snapshot()

    assert ground.agent("status", "--porcelain", "--branch") == "## wfd/A7"
