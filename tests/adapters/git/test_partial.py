"""A partial clone: what the base lacks is fetched once, by the user's own git."""

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.adapters.git.conftest import git

from wfd.adapters.repository import find
from wfd.domain.errors import Broken

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


def cloned(ground: "Ground", wanted: str) -> "Ground":
    """Have the person work in a partial clone of the shop instead."""
    for number in range(3):
        folder = ground.checkout / "deep" / str(number)
        folder.mkdir(parents=True)
        (folder / "file.py").write_text(f"{number}\n")
    ground.git("add", "-A")
    ground.git("commit", "--quiet", "-m", "More")
    (ground.checkout / "README").write_text("a larger shop\n")
    ground.git("commit", "--quiet", "-am", "Larger")
    for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        ground.git("config", key, "true")
    clone = ground.root / "clone"
    git(ground.root, "clone", "--quiet", "--no-checkout", f"--filter={wanted}",
        f"file://{ground.checkout}", str(clone))  # fmt: skip
    git(clone, "sparse-checkout", "set", "--no-cone", "/README")
    git(clone, "checkout", "--quiet")
    ground.checkout = clone
    ground.namespace = replace(ground.namespace, git_dir=str(clone / ".git"), checkout=str(clone))
    return ground


@pytest.mark.parametrize("wanted", ["blob:none", "tree:0", "blob:limit=1"])
async def test_a_partial_clone_has_whole_workspaces(ground: "Ground", wanted: str) -> None:
    cloned(ground, wanted)
    assert (await find(ground.checkout)).head_commit == ground.git("rev-parse", "HEAD")

    await ground.prepare()
    (ground.workspace / "deep" / "0" / "file.py").write_text("changed\n")
    (ground.root / "shop").rename(ground.root / "away")  # no remote is needed from now on
    taken = await ground.snapshot()
    await ground.advance(taken)
    await ground.restore(taken.parent_commit)
    await ground.restore(taken.commit)
    await ground.workspaces.diff(
        ground.namespace, taken.parent_commit, taken.commit, ground.root / "patch"
    )

    assert ground.files(taken.commit)["deep/0/file.py"] == "changed"
    assert ground.agent("status", "--porcelain") == ""
    await ground.remove()


async def test_a_remote_that_does_not_answer_is_named_with_the_way_out(ground: "Ground") -> None:
    cloned(ground, "blob:none")
    shutil.rmtree(ground.root / "shop")

    with pytest.raises(
        Broken, match=r"(?s)could not be fetched.*fetch --refetch --no-filter origin"
    ):
        await ground.prepare()
