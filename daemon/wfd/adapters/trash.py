"""The trash: what lay in removed workspaces and in no commit, kept for a while.

Below the state folder, `trash/A7-20261201T093000Z` has what was left of the workspace A7 that was
removed at that time, under the paths that it had there.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from wfd.adapters import plain_files

_SLASH = "/"


@dataclass(frozen=True)
class Trashed:
    folder: Path
    files: int
    bytes: int


@dataclass(frozen=True)
class Trash:
    root: Path

    def folder_for(self, place: str) -> Path:
        """A new folder for what is left of a workspace."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        named = self.root / f"{place}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        for number in count(1):
            folder = named if number == 1 else named.with_name(f"{named.name}-{number}")
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return folder
        raise AssertionError("count never ends")

    def of(self, place: str) -> list[Trashed]:
        """What is kept of a workspace, the newest last."""
        return [_measured(folder) for folder in sorted(self.root.glob(f"{place}-[0-9]*T*Z*"))]

    def sweep(self, max_age_s: float, max_bytes: int) -> list[Trashed]:
        """Remove what is too old, then the oldest until the rest fits; what was removed.

        The newest stays however large it is: nobody could have looked into it yet.
        """
        kept = [(folder.lstat().st_mtime, folder) for folder in self.root.glob("*")]
        measured = [(at, _measured(folder)) for at, folder in sorted(kept, reverse=True)]
        gone: list[Trashed] = []
        room = max_bytes
        for number, (at, one) in enumerate(measured):
            room -= one.bytes
            if time.time() - at > max_age_s or (room < 0 and number):
                plain_files.remove_tree(one.folder)
                gone.append(one)
        return gone


@dataclass
class Removal:
    """What one removal of a workspace leaves: in one folder, which is made when it is needed."""

    trash: Trash
    place: str
    _folder: Path | None = None

    def folder(self, under: str) -> Path:
        """Where what lay in a folder of the workspace goes; "" for its top."""
        if self._folder is None:
            self._folder = self.trash.folder_for(self.place)
        (self._folder / under).mkdir(parents=True, exist_ok=True)
        return self._folder / under


def move(root: Path, names: Iterable[str], into: Path) -> None:
    """Move files and folders of `root` to the same paths below `into`. They are there or here."""
    for name in names:
        target = into / name.rstrip(_SLASH)
        if not os.path.lexists(root / name.rstrip(_SLASH)):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        (root / name.rstrip(_SLASH)).rename(target)


def _measured(folder: Path) -> Trashed:
    files = size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            files += 1
            size += Path(path, name).lstat().st_size
    return Trashed(folder, files, size)
