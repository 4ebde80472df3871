"""What belongs in a snapshot, and what is left out of it and told."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.adapters.git.conftest import git

from wfd.adapters.workspaces import GitWorkspaces
from wfd.domain.errors import Broken
from wfd.domain.ids import JobId, RunId
from wfd.ports import Snapshot
from wfd.rules.snapshot import Beyond, SnapshotRules, WorkspaceRules

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


def with_rules(ground: "Ground", **rules: object) -> None:
    made = WorkspaceRules(SnapshotRules(**rules))  # type: ignore[arg-type]
    ground.workspaces = GitWorkspaces(ground.state_dir, rules_of=lambda _: made)


def told(taken: Snapshot) -> dict[str, str]:
    return {one.kind: one.text for one in taken.left_out}


@pytest.mark.parametrize("kind", ["repository", "linked work tree", "broken .git file", "bundle"])
async def test_a_nested_repository_stays_where_it_is_and_is_told(
    ground: "Ground", kind: str
) -> None:
    await ground.prepare()
    inside = ground.workspace / ".agents" / "copy\n1"
    inside.parent.mkdir()
    if kind == "linked work tree":
        ground.agent("worktree", "add", "--quiet", "-b", "agent", str(inside))
    else:
        inside.mkdir()
        (inside / "README").write_text("a copy\n")
    if kind == "repository":
        ground.agent("init", "--quiet", str(inside))
    if kind == "broken .git file":
        (inside / ".git").write_text("gitdir: /nowhere\n")
    if kind == "bundle":
        (inside / "deep").mkdir()
        (inside / "deep" / "er").write_text("deeper\n")
        (inside / ".git").mkdir()
    (ground.workspace / "new.py").write_text("new\n")

    taken = await ground.snapshot()
    again = await ground.snapshot()
    await ground.restore(taken.commit)

    added = set(ground.files(taken.commit)) - set(ground.files(taken.parent_commit))
    assert added == {"new.py"}
    assert told(taken)["nested repositories"].startswith(".agents/copy?1/ (")
    assert (again.tree, again.left_out) == (taken.tree, ())
    assert (inside / "README").exists()
    assert ground.agent("status", "--porcelain") == ""


async def test_a_repository_made_in_a_tracked_folder_hides_nothing(ground: "Ground") -> None:
    await ground.prepare()
    ground.agent("init", "--quiet", "src")
    (ground.workspace / "src" / "new.py").write_text("new\n")
    (ground.workspace / "src" / "cart.py").write_text("total = 1\n")

    taken = await ground.snapshot()

    files = ground.files(taken.commit)
    assert (files["src/new.py"], files["src/cart.py"]) == ("new", "total = 1")
    assert not taken.left_out


async def test_a_file_that_became_a_nested_repository_is_gone_and_told(ground: "Ground") -> None:
    await ground.prepare()
    (ground.workspace / "README").unlink()
    ground.agent("init", "--quiet", "README")
    (ground.workspace / "README" / "part").write_text("one\n")
    ground.agent("-C", "README", "commit", "--quiet", "--allow-empty", "-m", "Own")

    taken = await ground.snapshot()

    assert not [name for name in ground.files(taken.commit) if name.startswith("README")]
    assert "README/" in told(taken)["nested repositories"]


async def test_where_all_is_taken_a_nested_repository_becomes_plain_files(
    ground: "Ground",
) -> None:
    with_rules(ground, beyond=Beyond.TAKE, max_file_bytes=10)
    await ground.prepare()
    (ground.workspace / "nested" / "deep").mkdir(parents=True)
    ground.agent("init", "--quiet", "nested")
    ground.agent("init", "--quiet", "nested/deep")
    (ground.workspace / "nested" / "work.py").write_text("worked, and more\n")
    (ground.workspace / "nested" / "deep" / "er.py").write_text("deeper\n")

    taken = await ground.snapshot()

    files = ground.files(taken.commit)
    assert "nested/ (" in told(taken)["nested repositories in the commit"]
    assert (files["nested/work.py"], files["nested/deep/er.py"]) == ("worked, and more", "deeper")


async def test_large_files_stay_behind_and_are_told_largest_first(ground: "Ground") -> None:
    with_rules(ground, max_file_bytes=1000)
    await ground.prepare()
    for size in (1001, 5000, 3000, 1000):
        (ground.workspace / f"{size} [x].bin").write_bytes(b"x" * size)
    (ground.workspace / "README").write_bytes(b"y" * 2000)

    taken = await ground.snapshot()
    await ground.restore(taken.commit)

    files = ground.files(taken.commit)
    assert "1000 [x].bin" in files
    assert len(files["README"]) == 2000
    rows = told(taken)["large files"].splitlines()
    assert rows[:3] == ["5000 [x].bin (5.0 kB)", "3000 [x].bin (3.0 kB)", "1001 [x].bin (1.0 kB)"]
    assert "README (2.0 kB)" in told(taken)["large files in the commit"]
    assert (ground.workspace / "5000 [x].bin").stat().st_size == 5000


async def test_a_large_file_that_the_agent_committed_itself_is_taken(ground: "Ground") -> None:
    with_rules(ground, max_file_bytes=1000)
    await ground.prepare()
    (ground.workspace / "data.bin").write_bytes(b"x" * 2000)
    ground.agent("add", "-f", "data.bin")
    ground.agent("commit", "--quiet", "-m", "The data")

    taken = await ground.snapshot()

    assert "data.bin" in ground.files(taken.commit)
    assert not taken.left_out


async def test_a_folder_with_too_many_new_files_stays_behind(ground: "Ground") -> None:
    with_rules(ground, max_new_files=20)
    await ground.prepare()
    (ground.workspace / "app" / "cache").mkdir(parents=True)
    (ground.workspace / "app" / "main.py").write_text("main\n")
    for number in range(30):
        (ground.workspace / "app" / "cache" / f"{number}").write_text("x\n")

    taken = await ground.snapshot()
    await ground.restore(taken.commit)

    names = ground.files(taken.commit)
    assert "app/main.py" in names
    assert "app/cache/1" not in names
    assert told(taken)["many new files"].startswith("app/cache/ (30 files, 60 bytes)")
    assert (ground.workspace / "app" / "cache" / "1").exists()


async def test_a_rule_can_have_a_person_asked(ground: "Ground") -> None:
    with_rules(ground, max_file_bytes=1000, beyond=Beyond.ASK)
    await ground.prepare()
    big = ground.workspace / "core.4711"
    big.write_bytes(b"x" * 5000)
    (ground.workspace / "new.py").write_text("new\n")

    with pytest.raises(Broken, match=r"core\.4711 \(5\.0 kB\)"):
        await ground.snapshot()
    big.unlink()
    taken = await ground.snapshot()

    assert "new.py" in ground.files(taken.commit)


async def test_a_snapshot_that_was_cut_short_tells_the_same_again(
    ground: "Ground", monkeypatch: pytest.MonkeyPatch
) -> None:
    with_rules(ground, max_file_bytes=1000)
    await ground.prepare()
    (ground.workspace / "big").write_bytes(b"x" * 5000)
    (ground.workspace / "new.py").write_text("new\n")

    async def take() -> Snapshot:
        return await ground.workspaces.snapshot(
            ground.namespace, ground.assignment, JobId(42), RunId(101), "Do it"
        )

    def die(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("wfd.adapters.own_repository.OwnRepository.keep", die)
        with pytest.raises(OSError, match="killed"):
            await take()
    first = await take()
    with_rules(ground)
    second = await take()

    assert "big" in told(first)["large files"]
    assert second == first


async def test_a_workspace_with_what_was_never_told_is_not_removed(ground: "Ground") -> None:
    with_rules(ground, max_file_bytes=1000)
    await ground.prepare()
    (ground.workspace / "big").write_bytes(b"x" * 5000)

    with pytest.raises(Broken, match="changes that are nowhere else"):
        await ground.remove()


async def test_files_that_are_as_they_were_checked_out_are_unchanged(ground: "Ground") -> None:
    spoil(ground)
    await ground.prepare()

    empty = await ground.snapshot()
    (ground.workspace / "new.py").write_text("new\n")
    taken = await ground.snapshot()
    await ground.restore(empty.commit)
    (ground.state_dir / "ns" / "1" / "A7.index").unlink()
    ground.workspaces = GitWorkspaces(ground.state_dir)
    lost = await ground.snapshot()
    await ground.remove()

    assert empty.is_empty
    changed = ground.git("diff", "--name-only", taken.parent_commit, taken.commit)
    assert changed == "new.py"
    assert lost.is_empty


async def test_one_line_stays_one_line(ground: "Ground") -> None:
    spoil(ground)
    await ground.prepare()
    for name in ("run.bat", "mixed.txt", "id.c"):
        edit(ground.workspace / name, b"two", b"2")
    wide = ground.workspace / "wide.sql"
    wide.write_bytes(wide.read_bytes().decode("utf-16").replace("two", "2").encode("utf-16"))

    taken = await ground.snapshot()
    await ground.advance(taken)
    again = await ground.snapshot()

    stat = ground.git("diff", "--numstat", taken.parent_commit, taken.commit)
    names = ["id.c", "mixed.txt", "run.bat", "wide.sql"]
    assert sorted(stat.splitlines()) == [f"1\t1\t{name}" for name in names]
    assert again.is_empty
    await ground.restore(taken.commit)
    assert (await ground.snapshot()).is_empty


async def test_lanes_that_edit_odd_files_come_together_line_by_line(ground: "Ground") -> None:
    spoil(ground)
    await ground.prepare()
    base = ground.assignment.base_commit
    assert base is not None
    lane = replace(ground.assignment, lane="J1", head_commit=base)
    beside = replace(ground, assignment=lane)
    made = await beside.prepare()
    edit(made.path / "run.bat", b"one", b"1")
    await beside.advance(await beside.snapshot())
    edit(ground.workspace / "run.bat", b"three", b"3")
    ground.runs += 10
    await ground.advance(await ground.snapshot())

    merged = await ground.workspaces.merge(
        ground.namespace, ground.assignment, beside.assignment, JobId(50), RunId(150)
    )

    assert isinstance(merged, Snapshot)
    await ground.restore(merged.commit)
    assert (ground.workspace / "run.bat").read_bytes() == b"1\r\ntwo\r\n3\r\n"
    await ground.advance(merged)
    assert ground.git("diff", "--numstat", base, merged.commit) == "2\t2\trun.bat"
    ground.runs += 100
    assert (await ground.snapshot()).is_empty


async def test_what_a_linked_worktree_alone_configures_counts(ground: "Ground") -> None:
    ground.git("config", "extensions.worktreeConfig", "true")
    linked = ground.root / "linked"
    ground.git("worktree", "add", "--quiet", str(linked))
    ground.namespace = replace(ground.namespace, checkout=str(linked))
    git(linked, "config", "--worktree", "core.autocrlf", "true")

    await ground.prepare()

    assert (ground.workspace / "README").read_bytes() == b"a shop\r\n"
    assert (await ground.snapshot()).is_empty


async def test_a_mode_alone_is_changed_of_a_file_that_git_would_convert(ground: "Ground") -> None:
    spoil(ground)
    await ground.prepare()
    (ground.workspace / "run.bat").chmod(0o755)

    taken = await ground.snapshot()

    raw = ground.git("diff", "--raw", "--no-abbrev", taken.parent_commit, taken.commit)
    modes, paths = raw.split("\n"), raw.split("\t")[1:]
    assert paths == ["run.bat"]
    assert modes[0].split()[2] == modes[0].split()[3]


async def test_attributes_that_an_agent_adds_change_no_other_file(ground: "Ground") -> None:
    (ground.checkout / "run.bat").write_bytes(b"one\r\ntwo\r\n")
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "Odd")
    await ground.prepare()
    (ground.workspace / ".gitattributes").write_text("*.bat text eol=crlf\n")
    os.utime(ground.workspace / "run.bat")

    taken = await ground.snapshot()
    (ground.workspace / ".gitattributes").write_text("*.bat text eol=lf\n*.py text eol=crlf\n")
    (ground.workspace / "run.bat").unlink()
    (ground.workspace / "src" / "cart.py").unlink()
    await ground.restore(taken.parent_commit)

    assert set(ground.files(taken.commit)) == {*ground.files(taken.parent_commit),
                                               ".gitattributes"}  # fmt: skip
    changed = ground.git("diff", "--name-only", taken.parent_commit, taken.commit)
    assert changed == ".gitattributes"
    assert (ground.workspace / "run.bat").read_bytes() == b"one\r\ntwo\r\n"
    assert (ground.workspace / "src" / "cart.py").read_bytes() == b"total = 0\n"


async def test_a_file_that_git_cannot_convert_is_kept_as_it_is_and_told(ground: "Ground") -> None:
    (ground.checkout / ".gitattributes").write_text("*.sql working-tree-encoding=UTF-16LE-BOM\n")
    for name in ("a.sql", "b.sql"):
        (ground.checkout / name).write_bytes("select 1;\n".encode("utf-16"))
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "Encoded")
    await ground.prepare()
    assert (ground.workspace / "a.sql").read_bytes() == "select 1;\n".encode("utf-16")
    (ground.workspace / "a.sql").write_text("select 22;\n")
    (ground.workspace / "b.sql").write_bytes("select 3;\n".encode("utf-16"))
    (ground.workspace / "new\n.sql").write_text("select 4;\n")
    (ground.workspace / "new.py").write_text("new\n")

    taken = await ground.snapshot()
    await ground.advance(taken)
    again = await ground.snapshot()
    await ground.restore(taken.parent_commit)

    files = ground.files(taken.commit)
    assert (files["a.sql"], files["b.sql"], files["new\n.sql"]) == (
        "select 22;", "select 3;", "select 4;")  # fmt: skip
    assert files["new.py"] == "new"
    assert "a.sql (11 bytes)" in told(taken)["files that git cannot convert"]
    assert (again.tree, again.left_out) == (taken.tree, ())
    assert (ground.workspace / "a.sql").read_bytes() == "select 1;\n".encode("utf-16")


@pytest.mark.parametrize("says", ["true", "input", "false"])
async def test_line_ends_are_those_of_the_users_own_checkout(ground: "Ground", says: str) -> None:
    (ground.checkout / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "Dos")
    ground.git("config", "core.autocrlf", says)
    ground.git("config", "core.safecrlf", "true")
    await ground.prepare()
    ends = b"\r\n" if says == "true" else b"\n"
    assert (ground.workspace / "README").read_bytes() == b"a shop" + ends
    assert ground.agent("status", "--porcelain") == ""
    ground.git("config", "core.autocrlf", "input")  # too late for this workspace
    (ground.workspace / "src" / "cart.py").write_bytes(b"total = 1" + ends)
    (ground.workspace / "dos.txt").write_bytes(b"one\r\n2\r\n")
    (ground.workspace / "new.txt").write_bytes(b"a\r\nb\n")

    taken = await ground.snapshot()
    await ground.restore(taken.commit)

    stat = ground.git("diff", "--numstat", taken.parent_commit, taken.commit)
    assert sorted(stat.splitlines()) == ["1\t1\tdos.txt", "1\t1\tsrc/cart.py", "2\t0\tnew.txt"]
    blob = ground.git("show", f"{taken.commit}:new.txt")
    assert ("\r" in blob) == (says == "false")


async def test_modes_and_links_that_the_user_has_off_change_nothing(ground: "Ground") -> None:
    (ground.checkout / "link").symlink_to("README")
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "Link")
    ground.git("config", "core.fileMode", "false")
    ground.git("config", "core.symlinks", "false")
    await ground.prepare()
    assert not (ground.workspace / "link").is_symlink()
    (ground.workspace / "README").chmod(0o755)

    assert (await ground.snapshot()).is_empty
    (ground.workspace / "link").write_text("src/cart.py")
    taken = await ground.snapshot()

    raw = ground.git("diff", "--raw", taken.parent_commit, taken.commit)
    assert raw.startswith(":120000 120000") and raw.endswith("link")


async def test_attributes_of_the_user_alone_count_too(ground: "Ground") -> None:
    (ground.checkout / ".git" / "info").mkdir(exist_ok=True)
    (ground.checkout / ".git" / "info" / "attributes").write_text("*.py text eol=crlf\n")
    own = ground.root / "attributes"
    own.write_text("README text eol=crlf\n")
    ground.git("config", "core.attributesFile", str(own))
    await ground.prepare()

    assert (ground.workspace / "src" / "cart.py").read_bytes() == b"total = 0\r\n"
    assert (ground.workspace / "README").read_bytes() == b"a shop\r\n"
    assert ground.agent("status", "--porcelain") == ""
    (ground.workspace / "README").write_bytes(b"a shop\r\nnew\r\n")
    taken = await ground.snapshot()
    assert ground.git("show", f"{taken.commit}:README") == "a shop\nnew"


async def test_names_that_differ_in_case_alone_are_two_files(ground: "Ground") -> None:
    (ground.checkout / "readme").write_text("small\n")
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "Two")
    ground.git("config", "core.ignoreCase", "true")
    await ground.prepare()
    (ground.workspace / "ReadMe").write_text("mixed\n")
    (ground.workspace / "README").write_text("large\n")

    files = ground.files((await ground.snapshot()).commit)

    assert (files["README"], files["readme"], files["ReadMe"]) == ("large", "small", "mixed")


async def test_a_sparse_checkout_has_whole_workspaces(ground: "Ground") -> None:
    ground.git("sparse-checkout", "set", "--no-cone", "/README")
    assert not (ground.checkout / "src").exists()

    await ground.prepare()

    assert (ground.workspace / "src" / "cart.py").exists()
    assert (await ground.snapshot()).is_empty


def edit(file: Path, old: bytes, new: bytes) -> None:
    file.write_bytes(file.read_bytes().replace(old, new))


def spoil(ground: "Ground") -> None:
    """Commit files that are not what their attributes make of them."""
    files = {
        "run.bat": b"one\r\ntwo\r\nthree\r\n",
        "mixed.txt": b"one\r\ntwo\nthree\r\n",
        "id.c": b"/* $Id: shop.c,v 1.2 ada $ */\none $Id$\ntwo\n",
        "wide.sql": b"one\r\ntwo\nthree\r\n",
    }
    for name, data in files.items():
        (ground.checkout / name).write_bytes(data)
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "Odd")
    attributes = (
        "*.bat text eol=crlf\n*.txt text\n*.c ident\n"
        "*.sql text working-tree-encoding=UTF-16LE-BOM eol=crlf\n"
    )
    (ground.checkout / ".gitattributes").write_text(attributes)
    ground.git("add", ".gitattributes")
    ground.git("commit", "--quiet", "-m", "Attributes")
