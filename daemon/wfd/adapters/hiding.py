"""The git folders of submodules, out of git's sight while it runs on what is around them.

git reads the configuration and the HEAD of each submodule that it meets. After an agent these may
be anything, such as a pipe that nobody writes to.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wfd.adapters import plain_files
from wfd.adapters.own_modules import folder_of
from wfd.adapters.workspace import GitWorkspace


@contextmanager
def hidden(here: GitWorkspace, paths: Iterable[bytes]) -> Iterator[None]:
    """Have the submodules at these paths without a `.git`, for as long as this lasts."""
    moved = [(shown, aside) for shown, aside in _places(here, paths) if _hide(shown, aside)]
    try:
        yield
    finally:
        for shown, aside in moved:
            _show(shown, aside)


def show(here: GitWorkspace, paths: Iterable[bytes]) -> None:
    """Put back what a crash has left hidden."""
    for shown, aside in _places(here, paths):
        _show(shown, aside)


def _places(here: GitWorkspace, paths: Iterable[bytes]) -> Iterator[tuple[Path, Path]]:
    for path in paths:
        name = os.fsdecode(path)
        if plain_files.is_folder_within(here.path, name):
            yield here.path / name / ".git", folder_of(here.own, path) / f"{here.name}.git"


def _hide(shown: Path, aside: Path) -> bool:
    if not plain_files.is_there(shown):
        return False
    plain_files.remove_tree(aside)
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    plain_files.open_folder(shown)  # its owner may not move what he may not write
    shown.rename(aside)
    return True


def _show(shown: Path, aside: Path) -> None:
    is_free = plain_files.is_folder(shown.parent) and not plain_files.is_there(shown)
    if is_free and plain_files.is_there(aside):
        aside.rename(shown)
