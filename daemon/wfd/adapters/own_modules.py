"""The daemon's own repositories of submodules: under `modules` beside the one around it."""

import hashlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

from wfd.adapters import plain_files
from wfd.adapters.own_repository import Known, OwnRepository


def folder_of(own: OwnRepository, path: bytes) -> Path:
    """Named by the submodule's path, as far as a person can read it, and by the path's hash."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", os.fsdecode(path)).strip("-")[-40:].strip("-")
    digest = hashlib.sha256(path).hexdigest()[:8]
    return own.git_dir.parent / "modules" / (f"{words}-{digest}" if words else digest)


def known_of(own: OwnRepository, path: bytes) -> Known:
    return own.known.modules.setdefault(folder_of(own, path).name, Known())


def own_at(own: OwnRepository, path: bytes) -> OwnRepository | None:
    """The daemon's repository of a submodule, if it has one."""
    git_dir = folder_of(own, path) / "repo.git"
    if not (git_dir / "HEAD").is_file():
        return None
    return OwnRepository(git_dir, own.identity, known_of(own, path))


async def moved_within(
    own: OwnRepository, old: str, new: str, under: str = ""
) -> AsyncIterator[tuple[OwnRepository, str, str, str]]:
    """The submodules, however deep, that two commits have at different commits.

    Of each its repository, its place with a slash at the end, and its two commits; of those that
    the daemon has both commits of.
    """
    before, after = await own.links(old), await own.links(new)
    for path, now in sorted(after.items()):
        was, within = before.get(path), own_at(own, path)
        if was in (None, now) or within is None:
            continue
        if was is not None and await within.has(was) and await within.has(now):
            name = f"{under}{os.fsdecode(path)}/"
            yield within, name, was, now
            async for deeper in moved_within(within, was, now, name):
                yield deeper


def remove_beside(folder: Path, name: str) -> None:
    """Remove what is kept of the submodules of a workspace, all but their repositories."""
    for module in (folder / "modules").glob("*"):
        for left in module.glob(f"{name}.*"):
            plain_files.remove_tree(left)
        remove_beside(module, name)
