"""Submodules that nobody prepared for: hostile, broken, or with commits that are nowhere."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.adapters.git.test_hostile_clone import plant_everything
from tests.adapters.git.test_submodules import LIB, add_submodule, git, link, module, origin

from wfd.adapters import hiding
from wfd.domain.errors import Broken

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground

NOWHERE = "1234567890123456789012345678901234567890"


@pytest.fixture
def shop(ground: "Ground") -> "Ground":
    """The user has a submodule, and has initialised it."""
    add_submodule(ground.checkout, str(origin(ground)))
    return ground


@pytest.fixture
def bare(shop: "Ground") -> "Ground":
    """The user has a submodule, and has not initialised it."""
    shop.git("submodule", "deinit", "--quiet", "--force", LIB)
    shutil.rmtree(module(shop))
    return shop


async def test_nothing_is_run_that_a_submodule_of_the_user_names_after_an_agent(
    shop: "Ground",
) -> None:
    made = await shop.prepare()
    plant_everything(shop, f"{LIB}/.git")
    (shop.workspace / ".gitattributes").unlink()
    (shop.workspace / LIB / ".gitattributes").write_text("* diff=evil merge=evil\n")
    (shop.workspace / LIB / "lib.txt").write_text("changed\n")
    (shop.workspace / ".gitmodules").write_text(
        f'[submodule "{LIB}"]\n\tpath = {LIB}\n\turl = ext::{shop.root}/evil\n\tupdate = !x\n'
    )

    taken = await shop.snapshot()
    await shop.advance(taken)
    await shop.restore(made.base_commit)
    await shop.restore(taken.commit)
    await shop.remove()

    assert not shop.marker.exists(), shop.marker.read_text()
    assert git(module(shop), "show", "refs/wfd/A7/head:lib.txt") == "changed"


BROKEN = ("gone", "link", "file", "file elsewhere", "no head", "linked", "pipe", "a pipe as head",
          "configuration", "a pipe as configuration", "moved and broken")  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_submodule_whose_git_folder_is_broken_is_kept_and_mended(
    shop: "Ground", broken: str
) -> None:
    await shop.prepare()
    git_dir, elsewhere = shop.workspace / LIB / ".git", shop.root / "elsewhere"
    shutil.copytree(module(shop), elsewhere)
    before = sorted((p, p.lstat().st_mtime_ns) for p in elsewhere.rglob("*"))
    (git_dir.parent / "lib.txt").write_text("fixed\n")
    match broken:
        case "gone":
            shutil.rmtree(git_dir)
        case "link":
            shutil.rmtree(git_dir)
            git_dir.symlink_to(elsewhere)
        case "file":
            shutil.rmtree(git_dir)
            git_dir.write_text("nonsense\n")
        case "file elsewhere":
            shutil.rmtree(git_dir)
            git_dir.write_text(f"gitdir: {elsewhere}\n")
        case "moved and broken":
            shop.agent("submodule", "absorbgitdirs")
            config = shop.workspace / ".git" / "modules" / LIB / "config"
            config.unlink()
            config.symlink_to("/dev/zero")
        case "pipe":
            shutil.rmtree(git_dir)
            os.mkfifo(git_dir)
        case "a pipe as head":
            (git_dir / "HEAD").unlink()
            os.mkfifo(git_dir / "HEAD")
        case "configuration":
            (git_dir / "config").write_text("[[[")
        case "a pipe as configuration":
            (git_dir / "config").unlink()
            os.mkfifo(git_dir / "config")
        case "no head":
            (git_dir / "HEAD").unlink()
        case "linked":
            shutil.rmtree(git_dir / "refs")
            (git_dir / "refs").symlink_to(elsewhere / "refs")

    taken = await shop.snapshot()
    await shop.advance(taken)

    assert git(module(shop), "show", "refs/wfd/A7/head:lib.txt") == "fixed"
    assert sorted((p, p.lstat().st_mtime_ns) for p in elsewhere.rglob("*")) == before
    if broken != "configuration":  # that is for the next agent to mend, as in any clone
        assert shop.agent("-C", LIB, "rev-parse", "HEAD") == link(shop, "wfd/A7")
        assert shop.agent("status", "--porcelain") == ""


async def test_what_set_up_alone_has_initialised_is_kept_in_the_repository_around_it(
    bare: "Ground",
) -> None:
    made = await bare.prepare()
    assert list((bare.workspace / LIB).iterdir()) == []
    git(bare.workspace, "submodule", "--quiet", "update", "--init")
    await bare.workspaces.ignore_new(bare.namespace, bare.assignment, made.head_commit)
    await bare.restore(made.head_commit)
    (bare.workspace / LIB / "lib.txt").write_text("fixed\n")
    bare.agent("-C", LIB, "commit", "--quiet", "-a", "-m", "Mended")
    (bare.workspace / LIB / "new.txt").write_text("new\n")

    taken = await bare.snapshot()
    await bare.advance(taken)

    at = link(bare, "wfd/A7")
    (ref,) = bare.git(
        "for-each-ref", "--format=%(refname)", "refs/wfd/A7/submodules/*/head"
    ).split()
    assert bare.git("rev-parse", ref) == at
    assert bare.files(at) == {"lib.txt": "fixed", "new.txt": "new"}
    assert bare.git("log", "--format=%s", at).splitlines() == ["Do it", "Mended", "A library"]
    assert bare.git("fsck", "--no-dangling") == ""
    assert [(one.kind, LIB in one.text) for one in taken.left_out] == [
        ("submodules without a repository of yours", True)
    ]
    assert bare.agent("status", "--porcelain") == ""
    await bare.restore(made.base_commit)
    assert (bare.workspace / LIB / "lib.txt").read_text() == "lib1\n"
    await bare.remove()
    await bare.prepare()
    assert (bare.workspace / LIB / "new.txt").read_text() == "new\n"


async def test_a_submodule_that_set_up_has_initialised_again_goes_on(shop: "Ground") -> None:
    await shop.prepare()
    shutil.rmtree(shop.workspace / LIB)
    (shop.workspace / LIB).mkdir()
    git(shop.workspace, "submodule", "--quiet", "update", "--init")
    assert (shop.workspace / LIB / ".git").is_file()
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")
    shop.agent("-C", LIB, "commit", "--quiet", "-a", "-m", "Mended")

    await shop.advance(await shop.snapshot())

    assert git(module(shop), "log", "--format=%s", "refs/wfd/A7/head").splitlines() == [
        "Mended",
        "A library",
    ]
    assert shop.agent("status", "--porcelain") == ""


async def test_a_relative_url_leads_to_the_real_remote(bare: "Ground") -> None:
    bare.git("remote", "add", "origin", f"{bare.root}/upstream/shop")
    (bare.root / "upstream").mkdir()
    shutil.copytree(bare.root / "lib", bare.root / "upstream" / "lib")
    git(bare.checkout, "config", "--file", ".gitmodules", f"submodule.{LIB}.url", "../lib")
    bare.git("commit", "--quiet", "-a", "-m", "Relative")
    await bare.prepare()
    assert bare.agent("config", f"submodule.{LIB}.active") == "false"

    git(bare.workspace, "submodule", "--quiet", "update", "--init")

    url = bare.agent("-C", LIB, "remote", "get-url", "origin")
    assert url == f"{bare.root}/upstream/lib"


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_commit_that_is_nowhere_is_refused_until_it_is_somewhere(
    shop: "Ground", is_committed: bool
) -> None:
    await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")
    if is_committed:
        shutil.rmtree(shop.workspace / LIB)
        (shop.workspace / LIB).mkdir()
        shop.agent("update-index", "--cacheinfo", f"160000,{NOWHERE},{LIB}")
        shop.agent("commit", "--quiet", "-m", "Point anywhere")
        with pytest.raises(Broken, match=f"submodule {LIB} .* is at commit 123456789012, which no"):
            await shop.snapshot()
        assert "wfd/A7" not in shop.git("branch", "--all")
        shop.agent("reset", "--quiet", "--hard", "HEAD~1")
    await shop.snapshot()


async def test_a_commit_that_the_agents_history_alone_names_does_not_dangle(
    shop: "Ground",
) -> None:
    await shop.prepare()
    (shop.workspace / LIB / "lib.txt").write_text("first\n")
    shop.agent("-C", LIB, "commit", "--quiet", "-a", "-m", "First")
    shop.agent("commit", "--quiet", "-a", "-m", "Take the first")
    first = shop.agent("rev-parse", f"HEAD:{LIB}")
    shop.agent("-C", LIB, "reset", "--quiet", "--hard", "HEAD~1")
    (shop.workspace / LIB / "lib.txt").write_text("second\n")
    shop.agent("-C", LIB, "commit", "--quiet", "-a", "-m", "Second")

    await shop.advance(await shop.snapshot())

    assert link(shop, "wfd/A7~1") == first
    assert git(module(shop), "rev-parse", f"refs/wfd/A7/linked/{first}") == first
    assert git(module(shop), "show", "refs/wfd/A7/head:lib.txt") == "second"


async def test_files_in_a_submodule_that_nobody_initialised_are_told(bare: "Ground") -> None:
    await bare.prepare()
    (bare.workspace / LIB / "lib.txt").write_text("fixed\n")

    taken = await bare.snapshot()

    assert [one.kind for one in taken.left_out] == ["submodules that are not kept"]
    assert f"{LIB}/ (1 file, 6 bytes)" in taken.left_out[0].text
    kept = await bare.remove()
    assert kept.trash is not None
    assert (Path(kept.trash) / LIB / "workspace" / "lib.txt").read_text() == "fixed\n"


async def test_a_shallow_submodule_of_set_up_needs_one_of_the_user_once_it_is_changed(
    bare: "Ground",
) -> None:
    lib = bare.root / "lib"
    (lib / "lib.txt").write_text("lib2\n")
    git(lib, "commit", "--quiet", "-a", "-m", "Newer")
    bare.git("update-index", "--cacheinfo", f"160000,{git(lib, 'rev-parse', 'HEAD')},{LIB}")
    git(bare.checkout, "config", "--file", ".gitmodules", f"submodule.{LIB}.url", f"file://{lib}")
    bare.git("add", ".gitmodules")
    bare.git("commit", "--quiet", "-m", "Newer library")
    made = await bare.prepare()
    git(bare.workspace, "submodule", "--quiet", "update", "--init", "--depth=1")
    await bare.restore(made.head_commit)
    await bare.advance(await bare.snapshot())
    (bare.workspace / LIB / "lib.txt").write_text("fixed\n")

    taken = await bare.snapshot()
    with pytest.raises(Broken, match=f"submodule update --init {LIB}"):
        await bare.advance(taken)
    assert not (bare.checkout / ".git" / "shallow").exists()

    git(bare.checkout, "submodule", "--quiet", "update", "--init")
    await bare.advance(taken)
    assert git(module(bare), "show", "refs/wfd/A7/head:lib.txt") == "fixed"
    assert not (module(bare) / "shallow").exists()
    assert git(module(bare), "fsck", "--no-dangling") == ""


async def test_a_submodule_whose_git_folder_an_agent_moved_to_the_one_around_it_goes_on(
    shop: "Ground",
) -> None:
    await shop.prepare()
    shop.agent("submodule", "absorbgitdirs")
    (shop.workspace / LIB / "lib.txt").write_text("fixed\n")
    shop.agent("-C", LIB, "commit", "--quiet", "-a", "-m", "Mended")

    await shop.advance(await shop.snapshot())

    assert git(module(shop), "log", "-1", "--format=%s", "refs/wfd/A7/head") == "Mended"
    assert (shop.workspace / LIB / ".git").is_file()
    assert shop.agent("status", "--porcelain") == ""
    shop.agent("-C", LIB, "fsck", "--no-dangling")


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_submodule_that_an_agent_adds_is_kept(shop: "Ground", is_committed: bool) -> None:
    await shop.prepare()
    other = origin(shop, "other")
    git(shop.workspace, "submodule", "--quiet", "add", str(other), "libs/other")
    if is_committed:
        shop.agent("commit", "--quiet", "-m", "Add another")
    (shop.workspace / "libs" / "other" / "lib.txt").write_text("fixed\n")

    taken = await shop.snapshot()
    await shop.advance(taken)

    at = link(shop, "wfd/A7", "libs/other")
    assert shop.files(at) == {"lib.txt": "fixed"}
    assert "libs/other" in shop.git("show", "wfd/A7:.gitmodules")
    assert shop.agent("status", "--porcelain") == ""
    assert [one.kind for one in taken.left_out] == ["submodules without a repository of yours"]


@pytest.mark.parametrize("name", ["../../../evil", "/tmp/evil", "a/../../evil"])
async def test_a_name_that_leads_out_of_the_repository_is_none(ground: "Ground", name: str) -> None:
    commit = ground.git("rev-parse", "HEAD")
    ground.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    (ground.checkout / ".gitmodules").write_text(
        f'[submodule "{name}"]\n\tpath = lib\n\turl = -x\n'
    )
    ground.git("add", ".gitmodules")
    ground.git("commit", "--quiet", "-m", "Hostile")
    ground.git("config", f"submodule.{name}.url", "anything")
    (ground.checkout / ".git" / "modules" / "a").mkdir(parents=True)
    evil = Path(os.path.normpath(ground.checkout / ".git" / "modules" / name))
    if evil.is_relative_to(ground.root):
        git(ground.root, "clone", "--quiet", "--bare", str(ground.checkout), str(evil))

    await ground.prepare()

    assert list((ground.workspace / "lib").iterdir()) == []


async def test_a_folder_that_became_a_link_is_not_followed(shop: "Ground") -> None:
    made = await shop.prepare()
    outside = shop.root / "outside"
    shutil.copytree(shop.workspace / "libs", outside)
    (outside / "lib" / "lib.txt").write_text("outside\n")
    shutil.rmtree(shop.workspace / "libs")
    (shop.workspace / "libs").symlink_to(outside)

    taken = await shop.snapshot()
    assert shop.git("ls-tree", taken.commit, "libs").startswith("120000")
    await shop.restore(made.base_commit)

    assert (shop.workspace / LIB / "lib.txt").read_text() == "lib1\n"
    assert (outside / "lib" / "lib.txt").read_text() == "outside\n"


@pytest.mark.parametrize("is_committed", [True, False])
async def test_a_submodule_that_an_agent_moves_goes_on_where_it_is(
    shop: "Ground", is_committed: bool
) -> None:
    made = await shop.prepare()
    (shop.workspace / "vendor").mkdir()
    shop.agent("mv", LIB, "vendor/lib")
    if is_committed:
        shop.agent("commit", "--quiet", "-m", "Move it")
    (shop.workspace / "vendor" / "lib" / "lib.txt").write_text("fixed\n")

    await shop.advance(await shop.snapshot())

    at = link(shop, "wfd/A7", "vendor/lib")
    assert git(module(shop), "rev-parse", "refs/wfd/A7/head") == at
    assert git(module(shop), "show", f"{at}:lib.txt") == "fixed"
    assert git(module(shop), "rev-parse", f"{at}^") == link(shop, made.base_commit)
    assert shop.git("ls-tree", "-r", "--name-only", "wfd/A7", "libs") == ""
    await shop.remove()
    await shop.prepare()
    assert (shop.workspace / "vendor" / "lib" / "lib.txt").read_text() == "fixed\n"


async def test_a_folder_of_tracked_files_is_never_taken_for_a_submodule(shop: "Ground") -> None:
    await shop.prepare()
    shop.agent("init", "--quiet", "src")
    shop.agent("-C", "src", "commit", "--quiet", "--allow-empty", "-m", "Own")
    with (shop.workspace / ".gitmodules").open("a") as names:
        names.write('[submodule "src"]\n\tpath = src\n\turl = ./src\n')

    taken = await shop.snapshot()

    assert shop.git("show", f"{taken.commit}:src/cart.py") == "total = 0"


async def test_a_repository_of_the_user_that_is_no_submodule_is_left_alone(shop: "Ground") -> None:
    private = shop.checkout / "private"
    git(shop.checkout, "clone", "--quiet", str(shop.root / "lib"), str(private))
    await shop.prepare()
    git(shop.workspace, "clone", "--quiet", str(shop.root / "lib"), "private")
    shop.agent("-C", "private", "commit", "--quiet", "--allow-empty", "-m", "Own")
    shop.agent("add", "private")
    shop.agent("commit", "--quiet", "-m", "As a submodule")

    await shop.advance(await shop.snapshot())

    assert git(private, "for-each-ref", "refs/wfd") == ""
    assert shop.git("cat-file", "-t", link(shop, "wfd/A7", "private")) == "commit"


async def test_lanes_that_begin_side_by_side_have_their_submodules(shop: "Ground") -> None:
    base, tree = await shop.workspaces.base(shop.namespace, shop.assignment)
    begun = replace(
        shop.assignment, base_commit=base, base_tree=tree, head_commit=base, head_tree=tree
    )
    lanes = [replace(shop, assignment=replace(begun, lane=f"J{n}")) for n in range(4)]

    async with anyio.create_task_group() as group:
        for lane in lanes:
            group.start_soon(lane.prepare)

    for n in range(4):
        assert (shop.state_dir / "ns" / "1" / f"A7-J{n}" / LIB / "lib.txt").exists()


@pytest.mark.parametrize("path", ["-x", "a b/ü", "new\nline", "\udcff\udcfe", "a/*", "HEAD", '"q"'])
async def test_a_submodule_may_lie_anywhere(ground: "Ground", path: str) -> None:
    there = ground.checkout / path
    there.mkdir(parents=True)
    git(there, "init", "--quiet")
    (there / "lib.txt").write_text("lib1\n")
    git(there, "add", "lib.txt")
    git(there, "commit", "--quiet", "-m", "A library")
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "With a submodule")
    made = await ground.prepare()
    (ground.workspace / path / "lib.txt").write_text("fixed\n")

    taken = await ground.snapshot()
    await ground.advance(taken)
    diff = await ground.workspaces.diff(
        ground.namespace, made.base_commit, taken.commit, ground.root / "patch"
    )
    await ground.restore(made.base_commit)

    assert git(there, "show", "refs/wfd/A7/head:lib.txt") == "fixed"
    assert list(ground.files("refs/wfd/A7/submodules/changes").values()) == ["fixed"]
    assert diff.files == 2
    assert (ground.workspace / path / "lib.txt").read_text() == "lib1\n"


async def test_repositories_of_the_other_hash_have_submodules_too(ground: "Ground") -> None:
    other = ground.root / "sha256"
    git(ground.root, "init", "--quiet", "--object-format=sha256", str(other))
    git(other, "init", "--quiet", "--object-format=sha256", "lib")
    (other / "lib" / "lib.txt").write_text("lib1\n")
    git(other / "lib", "add", "-A")
    git(other / "lib", "commit", "--quiet", "-m", "A library")
    git(other, "add", "lib")
    git(other, "commit", "--quiet", "-m", "First")
    ground.namespace = replace(ground.namespace, git_dir=str(other / ".git"), checkout=str(other))
    await ground.prepare()
    (ground.workspace / "lib" / "lib.txt").write_text("fixed\n")

    await ground.advance(await ground.snapshot())

    assert git(other / "lib", "show", "refs/wfd/A7/head:lib.txt") == "fixed"


@pytest.mark.parametrize("path", [LIB, "libs/other"])
async def test_what_a_crash_left_hidden_is_there_again(shop: "Ground", path: str) -> None:
    await shop.prepare()
    git(shop.workspace, "submodule", "--quiet", "add", str(origin(shop, "other")), "libs/other")
    shop.agent("-C", path, "commit", "--quiet", "--allow-empty", "-m", "Own")
    own = shop.agent("-C", path, "rev-parse", "HEAD")
    if path == LIB:
        (shop.workspace / ".gitmodules").unlink()
    with pytest.raises(SystemExit):
        await _die_while_hidden(shop, path)
    assert not (shop.workspace / path / ".git").exists()

    await shop.advance(await shop.snapshot())

    assert link(shop, "wfd/A7", path) == own


async def _die_while_hidden(shop: "Ground", path: str) -> None:
    """As a kill would leave it: nothing is put back."""
    here = await shop.workspaces._workspace(shop.namespace, shop.assignment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hiding, "_show", lambda *_: None)
        with hiding.hidden(here, [path.encode()]):
            raise SystemExit
