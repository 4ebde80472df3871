"""Files that git ignores in a workspace, and that came after its set-up.

Set-up leaves a file beside the workspace. Whatever has been written since has a later change time
(ctime), which only the file system sets, by the same clock. Caches are no work: `__pycache__`, and
what marks itself by a CACHEDIR.TAG (https://bford.info/cachedir/).
"""

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_CACHE = "__pycache__"
_CACHE_TAG = "CACHEDIR.TAG"


@dataclass(frozen=True)
class Place:
    """A file, or a whole repository, that nobody but this workspace has."""

    path: str  # from the workspace; a repository's ends with a slash
    size: int  # bytes
    files: int = 1


_FEW = 8  # files of one folder that are each told


def gathered(places: Iterable[Place], ignored: Iterable[str]) -> list[Place]:
    """The same for words: a folder that git ignores as one, for many files in it.

    So many files of a kind, such as packages, do not hide a single one elsewhere.
    """
    folders = sorted(name for name in ignored if name.endswith("/"))
    inside: dict[str, list[Place]] = {}
    for place in places:
        inside.setdefault(_folder_of(place, folders) or place.path, []).append(place)
    told: list[Place] = []
    for name, found in inside.items():
        if len(found) <= _FEW:
            told += found
        else:
            size, files = sum(one.size for one in found), sum(one.files for one in found)
            told.append(Place(name, size, files))
    return told


def _folder_of(place: Place, folders: Sequence[str]) -> str | None:
    at = bisect_right(folders, place.path)
    return folders[at - 1] if at and place.path.startswith(folders[at - 1]) else None


def mark(stamp: Path) -> None:
    """From now on, what comes is not of set-up."""
    stamp.write_bytes(b"")


def since(root: Path, ignored: Iterable[str], stamp: Path) -> list[Place]:
    """What of the ignored files and folders of `root` came after the stamp, or all without one."""
    try:
        after_ns = stamp.stat().st_ctime_ns
    except FileNotFoundError:
        after_ns = -1
    found: list[Place] = []
    folders: list[str] = []
    caches: dict[str, bool] = {}
    for name in ignored:
        if _is_in_cache(root, name, caches):
            continue
        if name.endswith("/"):
            folders.append(name)
        else:
            found += _file(root, name, after_ns)
    while folders:
        found += _in_folder(root, folders.pop(), after_ns, folders)
    return found


def _is_in_cache(root: Path, path: str, known: dict[str, bool]) -> bool:
    """Whether a folder around it is a cache: git names what is in one that ignores it itself."""
    folder = path.rstrip("/").rpartition("/")[0]
    while folder:
        if folder not in known:
            known[folder] = _is_cache(root, folder)
        if known[folder]:
            return True
        folder = folder.rpartition("/")[0]
    return False


def _is_cache(root: Path, folder: str) -> bool:
    return Path(folder).name == _CACHE or (root / folder / _CACHE_TAG).is_file()


def _in_folder(root: Path, folder: str, after_ns: int, deeper: list[str]) -> Iterator[Place]:
    """What came in one folder; those in it are added to `deeper`."""
    try:
        with os.scandir(root / folder) as scan:
            entries = {entry.name: entry for entry in scan}
    except OSError:  # it has gone, or cannot be read: then whoever removes it says so
        return
    if _CACHE_TAG in entries or Path(folder).name == _CACHE:
        return
    if ".git" in entries:
        yield from _repository(root, folder, after_ns)
        return
    for name, entry in entries.items():
        if entry.is_dir(follow_symlinks=False):
            deeper.append(f"{folder}{name}/")
        else:
            yield from _file(root, f"{folder}{name}", after_ns)


def _file(root: Path, name: str, after_ns: int) -> Iterator[Place]:
    try:
        found = (root / name).lstat()
    except OSError:
        return
    if found.st_ctime_ns > after_ns:
        yield Place(name, found.st_size)


def _repository(root: Path, folder: str, after_ns: int) -> Iterator[Place]:
    """A repository is kept whole or not at all."""
    size, files, is_new = 0, 0, False
    for path, _, names in os.walk(root / folder):
        for name in names:
            try:
                found = Path(path, name).lstat()
            except OSError:
                continue
            size, files = size + found.st_size, files + 1
            is_new = is_new or found.st_ctime_ns > after_ns
    if is_new:
        yield Place(folder, size, files)
