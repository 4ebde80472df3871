"""Filters of .gitattributes: used where a person has accepted them, and never gone past."""

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.adapters import containment
from wfd.adapters.containment import Containment
from wfd.adapters.workspaces import GitWorkspaces
from wfd.domain.errors import Broken
from wfd.rules.snapshot import SnapshotRules, WorkspaceRules

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground

ROT13 = "tr a-z n-za-m"


def accept(ground: "Ground", *names: str, prefix: tuple[str, ...] = ()) -> None:
    rules = WorkspaceRules(SnapshotRules(max_file_bytes=5000), filters=names)
    ground.workspaces = GitWorkspaces(ground.state_dir, rules_of=lambda _: rules, prefix=prefix)


@pytest.fixture
def vault(ground: "Ground") -> "Ground":
    """A repository whose secrets are turned into other letters, by the user's configuration."""
    for kind in ("clean", "smudge"):
        ground.git("config", f"filter.vault.{kind}", ROT13)
    ground.git("config", "filter.vault.required", "true")
    (ground.checkout / ".gitattributes").write_text("*.secret filter=vault\n")
    (ground.checkout / "prod.secret").write_text("password\n")
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "A secret")
    assert ground.git("show", "HEAD:prod.secret") == "cnffjbeq"
    return ground


async def test_without_acceptance_files_stay_as_git_stores_them(vault: "Ground") -> None:
    await vault.prepare()

    assert (vault.workspace / "prod.secret").read_text() == "cnffjbeq\n"
    assert vault.agent("status", "--porcelain") == ""
    (vault.workspace / "new.py").write_text("new\n")
    (vault.workspace / "prod.secret").rename(vault.workspace / "moved.secret")
    taken = await vault.snapshot()
    assert vault.files(taken.commit)["moved.secret"] == "cnffjbeq"


@pytest.mark.parametrize("how", ["new", "changed", "own attribute", "attribute away", "macro"])
async def test_a_file_never_goes_past_a_filter_that_is_not_accepted(
    vault: "Ground", how: str
) -> None:
    await vault.prepare()
    attributes = vault.workspace / ".gitattributes"
    name = {"changed": "prod.secret", "own attribute": "a.txt", "macro": "a.txt"}.get(
        how, "dev.secret"
    )
    if how == "own attribute":
        (vault.workspace / "sub").mkdir()
        attributes.write_text(attributes.read_text() + "a.* filter=nobodys\n")
    if how == "macro":
        attributes.write_text("[attr]hidden filter=vault\na.txt hidden\n")
    if how == "attribute away":
        attributes.write_text("# no filter any more\n")
    (vault.workspace / name).write_text("token=abcdef\n")

    why = "'nobodys' is not defined" if how == "own attribute" else "'vault' is not accepted"
    with pytest.raises(Broken, match=f"{name}: the filter {why}"):
        await vault.snapshot()

    objects = subprocess.run(  # noqa: ASYNC221
        ["git", "cat-file", "--batch-all-objects", "--batch"],
        cwd=vault.own, capture_output=True, check=True,
    )  # fmt: skip
    assert b"token=abcdef" not in objects.stdout
    accept(vault, "vault")
    if how != "own attribute":
        taken = await vault.snapshot()
        expected = "token=abcdef" if how == "attribute away" else "gbxra=nopqrs"
        assert vault.files(taken.commit)[name] == expected
        assert vault.files(taken.commit).get("prod.secret", "cnffjbeq") in ("cnffjbeq", expected)


async def test_an_accepted_filter_that_is_defined_nowhere_is_named(vault: "Ground") -> None:
    accept(vault, "vault")
    await vault.prepare()
    for kind in ("clean", "smudge", "required"):
        vault.git("config", "--unset", f"filter.vault.{kind}")
    (vault.workspace / "dev.secret").write_text("token\n")

    with pytest.raises(Broken, match="does not define the filter 'vault' on this machine"):
        await vault.snapshot()


@pytest.mark.parametrize("level", [containment.Level.BWRAP, containment.Level.UNSHARE, None])
async def test_an_accepted_filter_runs_both_ways_in_containment(
    vault: "Ground", level: containment.Level | None
) -> None:
    prefix: tuple[str, ...] = ()
    if level is not None:
        found = await containment.tried(level)
        if not isinstance(found, Containment):
            pytest.skip(str(found))
        prefix = found.prefix
    for kind in ("clean", "smudge"):
        vault.git("config", f"filter.vault.{kind}",
                  f"echo {kind} '%%' %f $$ $GIT_DIR >> {vault.marker}; {ROT13}")  # fmt: skip
    accept(vault, "vault", prefix=prefix)
    await vault.prepare()
    assert (vault.workspace / "prod.secret").read_text() == "password\n"
    assert vault.agent("status", "--porcelain") == ""
    vault.marker.unlink()
    assert (await vault.snapshot()).is_empty
    (vault.workspace / "it's % new.secret").write_text("token\n")

    taken = await vault.snapshot()
    (vault.workspace / "prod.secret").write_text("other\n")
    await vault.restore(taken.commit)

    assert vault.files(taken.commit)["it's % new.secret"] == "gbxra"
    assert (vault.workspace / "prod.secret").read_text() == "password\n"
    log = vault.marker.read_text().splitlines()
    words = "clean % it's % new.secret "
    assert any(line.startswith(words) and line.endswith(vault.namespace.git_dir) for line in log)
    if level is not None:
        assert all(int(line.split()[-2]) < 20 for line in log), log


async def test_a_filter_that_fails_is_named_without_its_command_line(vault: "Ground") -> None:
    vault.git("config", "filter.vault.smudge", "echo no key >&2; exit 3")
    accept(vault, "vault")

    with pytest.raises(Broken, match=r"no key\n.*smudge filter vault failed") as raised:
        await vault.prepare()

    assert "unset" not in str(raised.value)


async def test_one_line_of_a_filtered_file_is_one_line(vault: "Ground") -> None:
    accept(vault, "vault")
    (vault.checkout / "prod.secret").write_text("one\ntwo\nthree\n")
    vault.git("commit", "--quiet", "-am", "Lines")
    await vault.prepare()
    (vault.workspace / "prod.secret").write_text("one\nnew\nthree\n")

    taken = await vault.snapshot()

    stat = vault.git("diff", "--numstat", taken.parent_commit, taken.commit)
    assert stat == "1\t1\tprod.secret"


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
async def test_lfs_finds_and_leaves_its_objects_where_the_users_own_git_does(
    ground: "Ground",
) -> None:
    lfs(ground.checkout, "install", "--local", "--skip-repo")
    (ground.checkout / ".gitattributes").write_text("*.psd filter=lfs diff=lfs merge=lfs -text\n")
    (ground.checkout / "a.psd").write_bytes(b"picture" * 100)
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "A picture")
    assert ground.git("show", "HEAD:a.psd").startswith("version https://git-lfs")
    accept(ground, "lfs")
    await ground.prepare()
    assert (ground.workspace / "a.psd").read_bytes() == b"picture" * 100
    assert ground.agent("status", "--porcelain") == ""
    assert (await ground.snapshot()).is_empty
    (ground.workspace / "b.psd").write_bytes(b"another" * 1000)
    (ground.workspace / "a.psd").rename(ground.workspace / "c.psd")

    taken = await ground.snapshot()
    await ground.advance(taken)
    await ground.remove()
    assert not taken.left_out

    ground.git("checkout", "--quiet", "wfd/A7")
    assert (ground.checkout / "b.psd").read_bytes() == b"another" * 1000
    assert (ground.checkout / "c.psd").read_bytes() == b"picture" * 100
    assert ground.git("show", "HEAD:b.psd").startswith("version https://git-lfs")
    assert ground.git("status", "--porcelain") == ""


def lfs(where: Path, *args: str) -> None:
    env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}
    subprocess.run(["git", "lfs", *args], cwd=where, check=True, capture_output=True, env=env)
