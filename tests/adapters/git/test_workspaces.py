"""Workspaces on the main path: made, snapshotted, landed, put back, removed."""

import os
import shlex
import shutil
import stat
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from wfd.adapters.diff import MOST_ROWS
from wfd.adapters.taking import FEW
from wfd.adapters.users_repository import MAX_UNPACKED
from wfd.adapters.workspaces import GitWorkspaces
from wfd.domain.errors import Broken, Conflict

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


def paste(command: str) -> None:
    subprocess.run(shlex.split(command), check=True)


async def test_a_workspace_stands_on_its_branch_at_the_users_head(ground: "Ground") -> None:
    made = await ground.prepare()

    assert made.is_new
    assert made.base_commit == made.head_commit == ground.git("rev-parse", "HEAD")
    assert made.path == ground.workspace
    assert (made.path / "src" / "cart.py").read_text() == "total = 0\n"
    assert ground.agent("status", "--porcelain", "--branch") == "## wfd/A7"
    assert ground.agent("config", "--local", "user.email") == "wfd@localhost"
    assert ground.git("rev-parse", "refs/wfd/A7/base") == made.base_commit
    assert stat.S_IMODE(ground.state_dir.stat().st_mode) == 0o700


async def test_a_workspace_that_is_there_is_not_made_again(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "half.py").write_text("x\n")

    again = await ground.prepare()

    assert not again.is_new
    assert (ground.workspace / "half.py").exists()


async def test_a_base_that_was_never_recorded_is_found_again(ground: "Ground") -> None:
    first = await ground.workspaces.prepare(ground.namespace, ground.assignment)
    ground.git("commit", "--quiet", "--allow-empty", "-m", "The user goes on")

    again = await ground.workspaces.prepare(ground.namespace, ground.assignment)

    assert again.base_commit == first.base_commit


async def test_a_lost_workspace_is_made_again_at_the_head(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    shutil.rmtree(ground.workspace)
    ground.workspace.with_name("A7.new").mkdir()

    again = await ground.prepare()

    assert again.is_new
    assert again.head_commit == ground.assignment.head_commit
    assert (ground.workspace / "new.py").read_text() == "one\n"
    assert ground.agent("status", "--porcelain", "--branch") == "## wfd/A7"


async def test_a_lost_workspace_is_made_again_when_the_user_dropped_the_refs(
    ground: "Ground",
) -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    shutil.rmtree(ground.workspace)
    for ref in ("refs/heads/wfd/A7", "refs/wfd/A7/head", "refs/wfd/A7/R101"):
        ground.git("update-ref", "-d", ref)
    ground.git("gc", "--quiet", "--prune=now")

    await ground.prepare()

    assert (ground.workspace / "new.py").read_text() == "one\n"


async def test_a_users_branch_of_the_same_name_is_left_alone(ground: "Ground") -> None:
    ground.git("branch", "wfd/A7")

    with pytest.raises(Conflict, match=r"git .* branch -m wfd/A7"):
        await ground.prepare()


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("name", ["wfd", "wfd/A7/wip"])
async def test_a_branch_that_leaves_no_room_is_found_before_there_is_a_workspace(
    ground: "Ground", name: str, is_packed: bool
) -> None:
    ground.git("branch", name)
    if is_packed:
        ground.git("pack-refs", "--all")

    with pytest.raises(Conflict, match=f"'{name}'.*leaves no room for wfd/A7") as told:
        await ground.prepare()

    assert not ground.workspace.exists()
    _, _, way_out = str(told.value).partition("rename it: ")
    paste(way_out)
    await ground.prepare()


async def test_a_branch_that_leaves_no_room_is_found_again_before_each_run(
    ground: "Ground",
) -> None:
    await ground.prepare()
    ground.git("branch", "wfd/A7/wip")

    with pytest.raises(Conflict, match="leaves no room for wfd/A7"):
        await ground.prepare()


async def test_a_branch_that_leaves_no_room_for_that_of_a_lane_is_found(ground: "Ground") -> None:
    await ground.prepare()
    lane = replace(ground.assignment, lane="J42")
    ground.git("branch", "wfd/A7-J42/wip")

    with pytest.raises(Conflict, match="leaves no room for wfd/A7-J42"):
        await ground.workspaces.prepare(ground.namespace, lane)


@pytest.mark.parametrize("name", ["WFD", "Wfd/a7/wip", "wfd/a7"])
async def test_where_case_does_not_count_another_case_is_in_the_way(
    ground: "Ground", name: str
) -> None:
    ground.git("branch", name)
    ground.git("config", "core.ignorecase", "true")
    with pytest.raises(Conflict, match=f"git .*branch -m {name}"):
        await ground.prepare()

    ground.git("config", "core.ignorecase", "false")
    await ground.prepare()


async def test_a_branch_of_another_assignment_is_not_in_the_way(ground: "Ground") -> None:
    for name in ("wfd/A70/x", "wfd/A8", "wfd/A7-J1"):
        ground.git("branch", name)

    await ground.prepare()


async def test_a_branch_begins_where_the_person_stood_whatever_becomes_of_that(
    ground: "Ground",
) -> None:
    stood_on = ground.git("rev-parse", "HEAD")
    ground.assignment = replace(ground.assignment, from_commit=stood_on, from_branch="main")
    ground.git("update-ref", "refs/wfd/A7/base", stood_on)
    ground.git("commit", "--allow-empty", "-m", "Later")
    ground.git("branch", "-m", "main", "trunk")

    made = await ground.prepare()

    assert made.base_commit == stood_on
    assert ground.git("rev-parse", "refs/wfd/A7/base") == stood_on


async def test_a_base_of_an_earlier_store_is_not_taken_for_where_the_person_stood(
    ground: "Ground",
) -> None:
    await ground.prepare()
    ground.git("commit", "--allow-empty", "-m", "Later")
    head = ground.git("rev-parse", "HEAD")
    ground.assignment = replace(ground.assignment, base_commit=None, from_commit=head)
    shutil.rmtree(ground.workspace)

    with pytest.raises(Conflict, match="earlier store"):
        await ground.prepare()

    ground.git("update-ref", "-d", "refs/wfd/A7/base")
    ground.git("update-ref", "-d", "refs/wfd/A7/head")
    assert (await ground.prepare()).base_commit == head


async def test_a_start_that_is_in_the_repository_no_more_is_told(ground: "Ground") -> None:
    ground.assignment = replace(ground.assignment, from_commit="a" * 40)

    with pytest.raises(Broken, match="fetch it there"):
        await ground.prepare()


async def test_refs_of_an_earlier_store_are_left_alone(ground: "Ground") -> None:
    await ground.prepare()
    await ground.snapshot()
    ground.assignment = replace(ground.assignment, base_commit=None, base_tree=None)

    with pytest.raises(Conflict, match="earlier store"):
        await ground.prepare()

    for ref in ("refs/wfd/A7/base", "refs/wfd/A7/head", "refs/wfd/A7/R101"):
        ground.git("update-ref", "-d", ref)
    with pytest.raises(Broken, match="move it away"):
        await ground.prepare()

    ground.workspace.rename(ground.root / "old")
    ground.runs = 100
    made = await ground.prepare()
    (ground.workspace / "new.py").write_text("new\n")
    assert made.is_new
    assert not (await ground.snapshot()).is_empty


async def test_a_snapshot_holds_all_that_differs_but_what_is_ignored(ground: "Ground") -> None:
    made = await ground.prepare()
    (ground.workspace / "src" / "cart.py").write_text("total = 1\n")
    (ground.workspace / "README").unlink()
    (ground.workspace / "new.py").write_text("new\n")
    (ground.workspace / "debug.log").write_text("noise\n")

    taken = await ground.snapshot("Add a\0total\n\nGoal A7")

    assert taken.parent_commit == made.head_commit
    assert not taken.is_empty
    assert ground.files(taken.commit) == {
        ".gitignore": "*.log\n/venv/\n.env",
        "new.py": "new",
        "src/cart.py": "total = 1",
    }
    assert ground.git("rev-parse", "refs/wfd/A7/R101") == taken.commit
    message = ground.git("log", "-1", "--format=%B", taken.commit)
    subject, goal, files, trailers = message.split("\n\n")
    assert (subject, goal) == ("Add a total", "Goal A7")
    assert files == "D README\nA new.py\nM src/cart.py"
    assert trailers == "Wfd-Job: J42\nWfd-Run: R101"
    assert ground.git("log", "-1", "--format=%an %ae", taken.commit) == "wfd wfd@localhost"


async def test_a_message_names_ten_files_and_counts_the_rest(ground: "Ground") -> None:
    await ground.prepare()
    for number in range(12):
        (ground.workspace / f"{number:02}\n.py").write_text("new\n")

    taken = await ground.snapshot()

    files = ground.git("log", "-1", "--format=%B", taken.commit).split("\n\n")[1].split("\n")
    assert files[0] == "A 00\\n.py"
    assert (len(files), files[-1]) == (11, "and 2 more")


async def test_the_user_is_the_author_where_that_is_wanted_and_their_git_names_one(
    ground: "Ground",
) -> None:
    await ground.prepare()
    ground.git("config", "user.name", "Ada <L>")
    ground.git("config", "user.email", "ada@example.org")
    (ground.workspace / "new.py").write_text("new\n")
    by_user = await ground.snapshot(by_user=True)
    await ground.advance(by_user)
    ground.git("config", "user.name", " .; ")
    (ground.workspace / "other.py").write_text("new\n")
    nameless = await ground.snapshot(by_user=True)

    form = "--format=%an %ae, %cn"
    assert ground.git("log", "-1", form, by_user.commit) == "Ada L ada@example.org, wfd"
    assert ground.git("log", "-1", form, nameless.commit) == "wfd wfd@localhost, wfd"


async def test_nothing_new_is_the_head_itself(ground: "Ground") -> None:
    made = await ground.prepare()

    taken = await ground.snapshot()

    assert taken.is_empty
    assert taken.commit == taken.parent_commit == made.head_commit
    assert ground.git("rev-parse", "refs/wfd/A7/R101") == made.head_commit


async def test_a_second_snapshot_of_one_run_is_the_first(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    first = await ground.snapshot()
    ground.git("update-ref", "-d", "refs/wfd/A7/R101")

    ground.workspaces = GitWorkspaces(ground.state_dir)
    ground.runs -= 1
    again = await ground.snapshot()

    assert again == first
    assert ground.git("rev-parse", "refs/wfd/A7/R101") == first.commit


async def test_an_agents_own_commits_stay_beneath_the_snapshot(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "forced.log").write_text("kept on purpose\n")
    ground.agent("add", "--force", "forced.log")
    ground.agent("commit", "--quiet", "-m", "By the agent")
    own_commit = ground.agent("rev-parse", "HEAD")
    (ground.workspace / "left.py").write_text("not committed\n")

    taken = await ground.snapshot()

    assert ground.git("rev-parse", f"{taken.commit}^") == own_commit
    assert {"forced.log", "left.py"} <= set(ground.files(taken.commit))


async def test_commits_on_a_branch_of_the_agents_count_as_its_own(ground: "Ground") -> None:
    await ground.prepare()
    ground.agent("switch", "--quiet", "--create", "idea")
    (ground.workspace / "idea.py").write_text("idea\n")
    ground.agent("add", "-A")
    ground.agent("commit", "--quiet", "-m", "By the agent")
    ground.agent("gc", "--quiet")  # its ref is in packed-refs now, its objects in a pack
    own_commit = ground.agent("rev-parse", "HEAD")

    taken = await ground.snapshot()

    assert taken.commit == own_commit
    assert not taken.is_empty
    assert ground.git("show", f"{taken.commit}:idea.py") == "idea"


async def test_a_rewritten_history_becomes_one_snapshot_on_the_known_branch(
    ground: "Ground",
) -> None:
    made = await ground.prepare()
    (ground.workspace / "README").write_text("rewritten\n")
    ground.agent("commit", "--quiet", "--all", "--amend", "-m", "As if it had been so")

    taken = await ground.snapshot()

    assert ground.git("rev-parse", f"{taken.commit}^") == made.head_commit
    assert ground.files(taken.commit)["README"] == "rewritten"


async def test_the_next_agent_finds_a_clean_clone_at_the_snapshot(ground: "Ground") -> None:
    await ground.prepare()
    ground.agent("switch", "--quiet", "--create", "elsewhere")
    (ground.workspace / "new.py").write_text("one\n")
    (ground.workspace / ".git" / "MERGE_HEAD").write_text("0" * 40 + "\n")
    (ground.workspace / ".git" / "index.lock").touch()

    taken = await ground.snapshot()

    assert ground.agent("rev-parse", "HEAD") == taken.commit
    assert ground.agent("status", "--porcelain", "--branch") == "## wfd/A7"
    assert "elsewhere" in ground.agent("branch", "--list")
    ground.agent("fsck", "--strict")


async def test_advancing_moves_the_branch_in_the_users_repository(ground: "Ground") -> None:
    await ground.prepare()
    for text in ("one", "two"):
        (ground.workspace / "new.py").write_text(text)
        taken = await ground.snapshot()
        await ground.advance(taken)
        await ground.deliver(taken, moves_branch=True)
        assert ground.git("rev-parse", "wfd/A7") == taken.commit

    assert ground.git("rev-list", "--count", "main..wfd/A7") == "2"
    ground.git("fsck", "--strict")


async def test_a_branch_that_the_user_moved_is_not_clobbered(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    mine = ground.git("commit-tree", "-p", "wfd/A7", "-m", "Mine", "wfd/A7^{tree}")
    ground.git("branch", "--force", "wfd/A7", mine)
    (ground.workspace / "new.py").write_text("two\n")
    taken = await ground.snapshot()

    with pytest.raises(Conflict, match=r"wfd/A7 .* moved by somebody else"):
        await ground.advance(taken)

    assert ground.git("rev-parse", "wfd/A7") == mine
    assert ground.git("rev-parse", "refs/wfd/A7/head") == taken.commit


async def test_a_branch_that_the_user_stands_on_is_not_moved(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    stood_on = ground.git("rev-parse", "wfd/A7")
    ground.git("worktree", "add", "--quiet", str(ground.root / "linked"), "wfd/A7")
    (ground.workspace / "new.py").write_text("two\n")
    taken = await ground.snapshot()

    with pytest.raises(Conflict, match=r"checked out in .*linked"):
        await ground.advance(taken)

    assert ground.git("rev-parse", "wfd/A7") == stood_on


async def test_a_branch_that_the_user_deleted_comes_back(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    ground.git("branch", "-D", "wfd/A7")
    (ground.workspace / "new.py").write_text("two\n")
    taken = await ground.snapshot()

    await ground.advance(taken)

    assert ground.git("rev-parse", "wfd/A7") == taken.commit


async def test_a_users_hooks_do_not_run_when_results_arrive(ground: "Ground") -> None:
    hook = ground.checkout / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ground.marker}\n")
    hook.chmod(0o755)
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")

    await ground.advance(await ground.snapshot())

    assert not ground.marker.exists()


async def test_restoring_puts_files_back_and_leaves_ignored_ones(ground: "Ground") -> None:
    made = await ground.prepare()
    ws = ground.workspace
    (ws / "venv" / "lib").mkdir(parents=True)
    (ws / "venv" / "lib" / "site.py").write_text("installed\n")
    (ws / "README").unlink()
    (ws / "README" / "deep").mkdir(parents=True)
    (ws / "README" / "deep" / "file").write_text("a file became a folder\n")
    shutil.rmtree(ws / "src")
    (ws / "src").symlink_to("/etc")
    (ws / "new" / "deeper").mkdir(parents=True)
    (ws / "new" / "deeper" / "file").write_text("new\n")
    (ws / ".gitignore").write_text("/new/\n")  # hides what is new, and shows what was ignored

    await ground.restore(made.head_commit)

    assert (ws / "README").read_text() == "a shop\n"
    assert (ws / "src" / "cart.py").read_text() == "total = 0\n"
    assert not (ws / "new").exists()
    assert (ws / "venv" / "lib" / "site.py").exists()
    assert ground.agent("status", "--porcelain") == ""


async def test_a_workspace_whose_work_is_kept_goes_read_only_folders_and_all(
    ground: "Ground",
) -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.snapshot()
    cache = ground.workspace / "venv" / "cache"
    cache.mkdir(parents=True)
    (cache / "module").write_text("read-only, as go makes them\n")
    cache.chmod(0o500)

    await ground.remove()

    assert [p.name for p in ground.workspace.parent.iterdir()] == ["repo.git"]
    await ground.remove()


async def test_a_diff_is_a_patch_that_applies_and_its_counts(ground: "Ground") -> None:
    made = await ground.prepare()
    (ground.workspace / "logo.png").write_bytes(bytes(range(256)) * 8)
    (ground.workspace / "README").write_text("a better shop\nwith a cart\n")
    taken = await ground.snapshot()
    patch = ground.root / "out" / "change.patch"

    diff = await ground.workspaces.diff(ground.namespace, made.head_commit, taken.commit, patch)

    assert (diff.files, diff.insertions, diff.deletions) == (2, 2, 1)
    assert "README" in diff.stat
    ground.git("apply", "--index", str(patch))
    assert ground.git("write-tree") == taken.tree


async def test_a_diff_names_the_largest_changes_first_and_counts_the_rest(
    ground: "Ground",
) -> None:
    made = await ground.prepare()
    for number in range(MOST_ROWS + 20):
        (ground.workspace / f"a{number:03}.txt").write_text("x\n" * (1 + number % 2))
    (ground.workspace / "z | long.txt").write_text("y\n" * 5000)
    (ground.workspace / "z.bin").write_bytes(b"\0" * 100_000)
    taken = await ground.snapshot()

    diff = await ground.workspaces.diff(
        ground.namespace, made.head_commit, taken.commit, ground.root / "patch"
    )

    rows = diff.stat.split("\n")
    assert [row.split()[0] for row in rows[:2]] == ["z", "z.bin"]
    assert rows[-2] == " and 22 more files, changed less"
    assert diff.files == MOST_ROWS + 22
    assert rows[-1].startswith(f" {MOST_ROWS + 22} files changed")


async def test_a_diff_of_equal_trees_is_empty(ground: "Ground") -> None:
    made = await ground.prepare()
    patch = ground.root / "change.patch"

    diff = await ground.workspaces.diff(ground.namespace, made.head_commit, made.head_commit, patch)

    assert (diff.files, diff.stat, patch.read_bytes()) == (0, "", b"")


async def test_odd_names_and_links_are_kept_as_they_are(ground: "Ground") -> None:
    await ground.prepare()
    names = ["-rf", "two\nlines", "søt 日本", " space ", 'quo"te', ":(top)*", "back\\slash", "*"]
    for name in names:
        (ground.workspace / name).write_text(name)
    (ground.workspace / os.fsdecode(b"latin-\xe9")).write_text("not utf-8")
    (ground.workspace / "link").symlink_to("/etc/passwd")
    (ground.workspace / "tool").write_text("#!/bin/sh\n")
    (ground.workspace / "tool").chmod(0o755)
    os.mkfifo(ground.workspace / "pipe")

    taken = await ground.snapshot()

    listed = ground.git("ls-tree", "-r", "-z", taken.commit).split("\0")
    modes = {entry.split("\t", 1)[1]: entry[:6] for entry in listed if entry}
    assert set(names) | {os.fsdecode(b"latin-\xe9")} <= set(modes)
    assert (modes["link"], modes["tool"]) == ("120000", "100755")
    assert "pipe" not in modes
    assert ground.git("cat-file", "-p", f"{taken.commit}:link") == "/etc/passwd"
    assert ground.agent("status", "--porcelain") == ""


async def test_a_tracked_file_that_became_a_pipe_is_gone(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "README").unlink()
    os.mkfifo(ground.workspace / "README")

    taken = await ground.snapshot()

    assert "README" not in ground.files(taken.commit)


async def test_a_folder_moved_behind_a_link_is_kept_as_it_now_is(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "src").rename(ground.workspace / "lib")
    (ground.workspace / "src").symlink_to("lib")

    taken = await ground.snapshot()

    assert ground.git("cat-file", "-p", f"{taken.commit}:src") == "lib"
    assert ground.git("cat-file", "-p", f"{taken.commit}:lib/cart.py") == "total = 0"


async def test_line_ends_follow_the_repositorys_attributes(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / ".gitattributes").write_text("*.txt text=auto eol=crlf\n")
    (ground.workspace / "dos.txt").write_bytes(b"one\r\ntwo\r\n")

    taken = await ground.snapshot()
    await ground.restore(taken.commit)

    blob = ground.git("cat-file", "-s", f"{taken.commit}:dos.txt")
    assert blob == "8"
    assert (ground.workspace / "dos.txt").read_bytes() == b"one\r\ntwo\r\n"
    assert (await ground.snapshot()).tree == taken.tree


async def test_the_users_own_ignore_rules_hold_in_a_workspace(ground: "Ground") -> None:
    (ground.checkout / ".git" / "info").mkdir(exist_ok=True)
    (ground.checkout / ".git" / "info" / "exclude").write_text("*.swp\n")
    await ground.prepare()
    (ground.workspace / "README.swp").write_text("editor\n")

    assert (await ground.snapshot()).is_empty
    assert ground.agent("status", "--porcelain") == ""


async def test_untracked_files_are_copied_and_never_snapshotted(ground: "Ground") -> None:
    (ground.checkout / "local.env").write_text("SECRET=1\n")
    (ground.checkout / "conf").mkdir()
    (ground.checkout / "conf" / "[a] b").write_text("odd\n")
    await ground.prepare()

    copied = await ground.workspaces.copy(
        ground.namespace, ground.assignment, ["*.env", "conf", "README"]
    )

    assert copied == ["conf/[a] b", "local.env"]
    assert (ground.workspace / "local.env").read_text() == "SECRET=1\n"
    assert (await ground.snapshot()).is_empty
    assert ground.agent("status", "--porcelain") == ""


async def test_copying_refuses_what_leaves_the_checkout(ground: "Ground") -> None:
    (ground.root / "secret").write_text("x\n")
    (ground.checkout / "link").symlink_to(ground.root / "secret")
    (ground.checkout / "folder").symlink_to(ground.root)
    await ground.prepare()

    for glob in ("../secret", "/etc/passwd", "link", "folder/secret", ".git/config"):
        with pytest.raises(Exception, match="out of the checkout"):
            await ground.workspaces.copy(ground.namespace, ground.assignment, [glob])


async def test_a_shallow_repository_of_sha256_objects_has_workspaces_too(
    ground: "Ground",
) -> None:
    source = ground.root / "source"
    source.mkdir()
    from_there = ("-C", str(source))
    ground.git(*from_there, "init", "--quiet", "--object-format=sha256")
    for text in ("one", "two"):
        (source / "README").write_text(text)
        ground.git(*from_there, "add", "-A")
        ground.git(*from_there, "commit", "--quiet", "-m", text)
    shutil.rmtree(ground.checkout)
    ground.checkout.mkdir()
    ground.git("clone", "--quiet", "--depth=1", source.as_uri(), ".")

    made = await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    taken = await ground.snapshot()
    await ground.advance(taken)

    assert len(made.base_commit) == 64
    assert ground.git("rev-parse", "wfd/A7") == taken.commit
    assert ground.agent("status", "--porcelain") == ""


async def test_a_base_that_is_lost_while_the_daemon_lives_is_named(ground: "Ground") -> None:
    made = await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    for ref in ("refs/wfd/A7/base", "refs/wfd/A7/head"):
        ground.git("update-ref", "-d", ref)
    ground.git("commit", "--quiet", "--amend", "-m", "Another first")
    ground.git("reflog", "expire", "--expire=now", "--all")
    ground.git("gc", "--quiet", "--prune=now")
    with pytest.raises(Broken):
        await ground.snapshot()

    with pytest.raises(Broken, match=f"commit {made.base_commit} of A7 is no longer in .*"):
        await ground.prepare()


async def test_a_large_snapshot_arrives_as_one_pack(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "video.bin").write_bytes(os.urandom(MAX_UNPACKED + 1))

    taken = await ground.snapshot()
    await ground.advance(taken)

    [pack] = (ground.checkout / ".git" / "objects" / "pack").glob("*.pack")
    assert pack.stat().st_size > MAX_UNPACKED
    ground.git("fsck", "--strict")
    assert ground.git("cat-file", "-s", "wfd/A7:video.bin") == str(MAX_UNPACKED + 1)


async def test_refs_that_the_user_packed_do_not_keep_results_from_arriving(
    ground: "Ground",
) -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    ground.git("pack-refs", "--all")
    (ground.workspace / "new.py").write_text("two\n")

    taken = await ground.snapshot()
    await ground.advance(taken)

    assert ground.git("rev-parse", "wfd/A7") == taken.commit
    assert ground.git("show", "wfd/A7:new.py") == "two"


async def test_what_the_user_has_thrown_away_arrives_again(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    for ref in ("refs/heads/wfd/A7", "refs/wfd/A7/head", "refs/wfd/A7/R101"):
        ground.git("update-ref", "-d", ref)
    ground.git("gc", "--quiet", "--prune=now")
    (ground.workspace / "other.py").write_text("two\n")

    await ground.advance(await ground.snapshot())

    assert ground.git("rev-list", "--count", "main..wfd/A7") == "2"
    ground.git("fsck", "--strict")


async def test_many_files_are_kept_as_surely_as_few(ground: "Ground") -> None:
    await ground.prepare()
    names = [f"part-{number}.py" for number in range(FEW + 1)]
    for name in names:
        (ground.workspace / name).write_text(f"{name}\n")

    taken = await ground.snapshot()

    assert set(names) <= set(ground.files(taken.commit))


async def test_a_workspace_whose_index_is_gone_is_seen_as_it_is(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "forced.log").write_text("kept on purpose\n")
    ground.agent("add", "--force", "forced.log")
    ground.agent("commit", "--quiet", "-m", "By the agent")
    await ground.advance(await ground.snapshot())
    ground.workspace.with_name("A7.index").unlink()

    taken = await ground.snapshot()

    assert taken.is_empty


async def test_a_repository_that_moved_is_followed_by_its_workspaces(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    elsewhere = ground.root / "else where"
    ground.checkout.rename(elsewhere)
    with pytest.raises(Broken, match="run: wfd init"):
        await ground.prepare()
    ground.checkout = elsewhere
    ground.namespace = replace(
        ground.namespace, git_dir=str(elsewhere / ".git"), checkout=str(elsewhere)
    )

    await ground.prepare()

    assert ground.agent("status", "--porcelain", "--branch") == "## wfd/A7"
    assert ground.agent("remote", "get-url", "origin") == str(elsewhere / ".git")
    (ground.workspace / "more.py").write_text("two\n")
    await ground.advance(await ground.snapshot())
    assert set(ground.files("wfd/A7")) == {
        ".gitignore", "README", "more.py", "new.py", "src/cart.py",
    }  # fmt: skip


async def test_a_repository_that_was_cloned_anew_gets_what_agents_made_from_the_daemon(
    ground: "Ground",
) -> None:
    await ground.prepare()
    (ground.workspace / "new.py").write_text("one\n")
    await ground.advance(await ground.snapshot())
    ground.git("branch", "-D", "wfd/A7")
    anew = ground.root / "anew"
    ground.git("clone", "--quiet", "--no-local", str(ground.checkout), str(anew))
    shutil.rmtree(ground.checkout)
    ground.checkout = anew
    ground.namespace = replace(ground.namespace, git_dir=str(anew / ".git"), checkout=str(anew))

    await ground.prepare()
    (ground.workspace / "more.py").write_text("two\n")
    await ground.advance(await ground.snapshot())

    assert {"new.py", "more.py"} <= set(ground.files("wfd/A7"))
