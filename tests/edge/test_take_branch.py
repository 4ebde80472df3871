"""How to take a completed assignment's branch, from wherever one stands."""

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tests.edge.shelf import make_repository
from tests.rules.rows import an_assignment

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.ids import NamespaceId
from wfd.domain.namespace import Namespace
from wfd.edge.take_branch import ways_to_take

ODD = 'it\'s a "shop"; $(touch x)\n'


@pytest.fixture
def shop(tmp_path: Path) -> Namespace:
    """A repository of an odd name, with the branch of a completed assignment."""
    checkout = tmp_path / ODD
    make_repository(checkout)
    me = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for args in (
        ["switch", "-qc", "wfd/A7"],
        [*me, "commit", "-q", "--allow-empty", "-m", "Done"],
        ["switch", "-q", "-"],
    ):
        subprocess.run(["git", *args], cwd=checkout, check=True)
    git_dir = str(checkout / ".git")
    return Namespace(NamespaceId(1), "shop", git_dir, str(checkout), None)


def complete() -> Assignment:
    fresh = an_assignment(base_commit="b" * 40, head_commit="c" * 40)
    return replace(fresh, state=AssignmentState.COMPLETE)


def commands(of: Assignment, shop: Namespace, folder: Path) -> list[str]:
    return [command for command, _ in ways_to_take(of, shop, folder)]


def test_in_the_checkout_the_commands_are_short(shop: Namespace) -> None:
    below = Path(shop.checkout) / "src"
    below.mkdir()
    assert commands(complete(), shop, below) == [
        "wfctl diff A7",
        "git merge wfd/A7",
        "git switch wfd/A7",
    ]


def test_elsewhere_they_name_the_checkout_and_can_be_pasted(
    shop: Namespace, tmp_path: Path
) -> None:
    diff, merge, switch = commands(complete(), shop, tmp_path)
    assert diff == "wfctl diff A7 --namespace shop"
    assert shlex.split(switch) == ["git", "-C", shop.checkout, "switch", "wfd/A7"]
    subprocess.run(merge, shell=True, check=True, cwd=tmp_path, capture_output=True)
    assert not (tmp_path / "x").exists()
    head = subprocess.run(
        ["git", "log", "-1", "--format=%s"], cwd=shop.checkout, capture_output=True, check=True
    )
    assert head.stdout == b"Done\n"


def test_a_linked_worktree_is_the_same_repository_and_one_nested_in_it_is_not(
    shop: Namespace, tmp_path: Path
) -> None:
    linked, nested = tmp_path / "linked", Path(shop.checkout) / "nested"
    subprocess.run(
        ["git", "worktree", "add", "-q", "--detach", linked], cwd=shop.checkout, check=True
    )
    make_repository(nested)
    assert commands(complete(), shop, linked)[1] == "git merge wfd/A7"
    assert commands(complete(), shop, nested)[1].startswith("git -C ")


def test_there_is_nothing_to_take_before_the_end_nor_where_nothing_changed(
    shop: Namespace, tmp_path: Path
) -> None:
    active = replace(complete(), state=AssignmentState.ACTIVE)
    same = replace(complete(), head_commit="b" * 40)
    none = replace(complete(), head_commit=None)
    for one in (active, same, none):
        assert commands(one, shop, tmp_path) == []
