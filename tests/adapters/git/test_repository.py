"""What `wfd init` finds out about a repository."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.adapters.repository import find
from wfd.domain.errors import BadInput, NotAllowed

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


async def test_a_repository_is_found_from_a_folder_in_it(ground: "Ground") -> None:
    found = await find(ground.checkout / "src")

    assert (found.checkout, found.name) == (ground.checkout, "shop")
    assert found.git_dir == ground.checkout / ".git"
    assert found.head_commit == ground.git("rev-parse", "HEAD")


async def test_a_linked_worktree_shares_the_repositorys_git_folder(ground: "Ground") -> None:
    linked = ground.root / "linked"
    ground.git("worktree", "add", "--quiet", str(linked))

    found = await find(linked)

    assert (found.checkout, found.git_dir) == (linked, ground.checkout / ".git")


async def test_a_folder_outside_of_any_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="git init"):
        await find(tmp_path)
    with pytest.raises(BadInput, match="no folder"):
        await find(tmp_path / "nowhere")


async def test_a_repository_without_a_commit_is_told_how_to_make_one(ground: "Ground") -> None:
    empty = ground.root / "empty"
    ground.git("init", "--quiet", str(empty))

    with pytest.raises(NotAllowed, match="git commit --allow-empty -m"):
        await find(empty)
    (empty / "src").mkdir()
    (empty / "src" / "cart.py").touch()
    with pytest.raises(NotAllowed, match="git add -A && git commit -m"):
        await find(empty / "src")


async def test_what_is_told_to_type_can_be_pasted_whatever_the_folder_is_called(
    ground: "Ground",
) -> None:
    empty = ground.root / "it's my shop; really"
    ground.git("init", "--quiet", str(empty))

    with pytest.raises(NotAllowed) as told:
        await find(empty)

    go_there = str(told.value).partition("make one: ")[2].partition(" && ")[0]
    assert paste(f"{go_there} && pwd") == f"{empty}\n"


def paste(command: str) -> str:
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout


async def test_a_bare_repository_is_refused(ground: "Ground") -> None:
    bare = ground.root / "bare"
    ground.git("clone", "--quiet", "--bare", ".", str(bare))

    with pytest.raises(NotAllowed, match="worktree add"):
        await find(bare)
