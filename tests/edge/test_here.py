"""Which namespace a folder belongs to."""

import subprocess
from pathlib import Path

import pytest
from tests.edge.shelf import Shelf, make_repository

from wfd.domain.errors import NotFound
from wfd.edge.here import Inside, namespace_here, workspace_around
from wfd.store.alone import reading


def here(shelf: Shelf, folder: Path, named: str | None = None, **environment: str) -> str:
    with reading(shelf.path) as read:
        return namespace_here(read, named, environment, folder, shelf.path.parent).name


@pytest.mark.parametrize("place", ["A7", "A7/deep/er", "A7-J42", "A7.trash/2", "repo.git", "."])
def test_a_workspace_belongs_to_the_namespace_that_it_was_made_for(
    shelf: Shelf, place: str
) -> None:
    folder = shelf.path.parent / "ns" / "1" / place
    folder.mkdir(parents=True)

    assert here(shelf, folder) == "blue"


def test_a_repository_within_a_workspace_belongs_to_that_of_the_workspace(shelf: Shelf) -> None:
    inner = shelf.path.parent / "ns" / "1" / "A7" / "vendor"
    inner.parent.mkdir(parents=True)
    make_repository(inner)

    assert here(shelf, inner) == "blue"


def test_it_is_told_whose_workspace_one_stands_in(tmp_path: Path) -> None:
    for place, found in {
        "ns/3/A7/src": Inside(3, 7),
        "ns/3/A7-J42": Inside(3, 7),
        "ns/3/A7.gone/A8": Inside(3, 7),
        "ns/3/repo.git": Inside(3, None),
        "ns/x/A7": None,
        "ns": None,
        "runs/R1": None,
    }.items():
        assert workspace_around(tmp_path / place, tmp_path) == found, place


def test_a_folder_within_the_checkout_belongs_to_it(shelf: Shelf) -> None:
    deep = shelf.checkout / "a" / "b"
    deep.mkdir(parents=True)

    assert here(shelf, deep) == "blue"


def test_a_linked_worktree_belongs_to_its_repository(shelf: Shelf, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    subprocess.run(["git", "worktree", "add", "-q", str(linked)], cwd=shelf.checkout, check=True)

    assert here(shelf, linked) == "blue"


def test_a_repository_within_the_checkout_is_another_one(shelf: Shelf) -> None:
    inner = shelf.checkout / "vendor"
    make_repository(inner)

    with pytest.raises(NotFound, match="wfd init"):
        here(shelf, inner)


def test_a_name_goes_before_the_environment_and_that_before_the_folder(
    shelf: Shelf, tmp_path: Path
) -> None:
    assert here(shelf, tmp_path, WFD_NAMESPACE="blue") == "blue"
    assert here(shelf, tmp_path, "blue", WFD_NAMESPACE="green") == "blue"
    with pytest.raises(NotFound, match="green"):
        here(shelf, shelf.checkout, WFD_NAMESPACE="green")


def test_a_symbolic_link_to_the_checkout_belongs_to_it(shelf: Shelf, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(shelf.checkout)

    assert here(shelf, link) == "blue"
