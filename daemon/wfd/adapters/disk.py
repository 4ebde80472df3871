"""How much room there is, and how much is taken."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_FILES = 50_000  # looked at in one folder, before its size is only a lower bound


@dataclass(frozen=True)
class Taken:
    """What a folder takes."""

    bytes: int
    is_all: bool  # False: it holds more files than were looked at


def free_bytes(folder: Path) -> int:
    """What a user's process may still write there; nothing, where there is no such folder."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def file_bytes(*files: Path) -> int:
    """What the files take that are there."""
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.stat().st_size
    return total


def taken(folder: Path, max_files: int = MAX_FILES) -> Taken:
    """What lies in a folder, links not followed, as far as `max_files` of it."""
    total = 0
    for count, size in enumerate(_sizes(folder), start=1):
        total += size
        if count == max_files:
            return Taken(total, is_all=False)
    return Taken(total, is_all=True)


def _sizes(folder: Path) -> Iterator[int]:
    """The size on the disk of each entry; what goes meanwhile is not counted."""
    folders = [str(folder)]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    yield entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
