"""What a snapshot is made of, as it is sorted out."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from wfd.adapters.conversion import Change
from wfd.adapters.plain_files import is_folder
from wfd.rules.snapshot import Thing


@dataclass
class Content:
    """What goes into the tree, and what is told of it."""

    gone: list[Change] = field(default_factory=list)
    changed: dict[bytes, Change] = field(default_factory=dict)
    new: list[bytes] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    entries: list[tuple[bytes, str, bytes]] = field(default_factory=list)  # mode, object, path


def sorted_out(root: Path, changes: Iterable[Change], new: Iterable[bytes]) -> Content:
    """Changed and new paths of a workspace, each where it belongs."""
    content = Content(new=list(new))
    for change in changes:
        is_nested = not change.was_gitlink and is_folder(root / os.fsdecode(change.path))
        if change.is_gone or is_nested or not _is_storable(root, change.path):
            content.gone.append(change)
        else:
            content.changed[change.path] = change
        if is_nested and not change.is_gone:
            content.new.append(change.path + b"/")
    return content


def is_file(root: Path, path: bytes) -> bool:
    try:
        return stat.S_ISREG((root / os.fsdecode(path)).lstat().st_mode)
    except OSError:
        return False


def size_of(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0


def _is_storable(root: Path, path: bytes) -> bool:
    mode = (root / os.fsdecode(path)).lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)
