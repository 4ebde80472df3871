"""How a workspace leaves with all its submodules: what only they have is told of, and kept.

A submodule is kept as the workspace around it is: by refs of its own repository, and below its
path in the same folder of the trash.
"""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio.to_thread

from wfd.adapters import plain_files, told_of, unheld
from wfd.adapters import salvage as one_by_one
from wfd.adapters.own_modules import own_at
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.submodules import is_populated, populated
from wfd.adapters.submodules import kept as known
from wfd.adapters.trash import Removal, Trash
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.ids import RunId
from wfd.domain.kept import Kept

_FORSAKEN = "git-modules"  # their folder in the trash
_MOST_FOLDERS = 10_000


async def mark_set_up(here: GitWorkspace) -> None:
    """What git ignores from now on, here and within, is not of set-up."""
    here.mark_set_up()
    if here.assignment.head_commit or here.assignment.base_commit:
        async for one, _ in populated(here, here.known_head):
            await mark_set_up(one)


async def tell(here: GitWorkspace, run_id: RunId, commit: str) -> None:
    """Have the snapshot of a run tell of what is here or within and in no commit."""
    await unheld.tell(here, run_id, commit)
    async for one, link in populated(here, commit):
        await tell(one, run_id, link)
        within = os.fsdecode(one.at)
        things = told_of.recall(one.beside("told"), run_id)
        things = tuple(replace(thing, path=f"{within}/{thing.path}") for thing in things)
        told_of.remember(here.beside("told"), run_id, things)


async def salvage(here: GitWorkspace, trash: Trash) -> None:
    """Keep what is nowhere else. Raises OSError when the disk does not let us."""
    removal, kept_ones = Removal(trash, here.name), set[Path]()
    await _salvage(here, removal, kept_ones)
    await anyio.to_thread.run_sync(_move_forsaken, here.path, kept_ones, removal)


def _move_forsaken(workspace: Path, kept_ones: set[Path], removal: Removal) -> None:
    """Move what git has cloned for submodules that are no more: it may hold commits."""
    modules = workspace / ".git" / "modules"
    folders = [modules] if plain_files.is_folder_within(workspace, ".git/modules") else []
    for _ in range(_MOST_FOLDERS):
        if not folders:
            return
        folder = folders.pop()
        if not plain_files.is_there(folder / "HEAD"):
            folders += [one for one in folder.iterdir() if plain_files.is_folder(one)]
        elif folder not in kept_ones:
            name = f"{_FORSAKEN}/{folder.relative_to(modules).parent}"
            folder.rename(removal.folder(name) / folder.name)
        elif plain_files.is_folder(folder / "modules"):
            folders.append(folder / "modules")


async def _salvage(
    here: GitWorkspace, removal: Removal, kept_ones: set[Path], under: str = ""
) -> None:
    if not await one_by_one.salvage(here, removal, under):
        return
    for path, link in (await here.own.links(here.known_head)).items():
        if not is_populated(here, path):
            continue
        name, one = f"{under}{os.fsdecode(path)}/", await known(here, path, link)
        if one is not None and await one.own.has(one.known_head):
            kept_ones.add(one.clone.git_dir)
            await _salvage(one, removal, kept_ones, name)
        else:
            place = here.path / os.fsdecode(path)
            git_dir = None if one is None else one.clone.git_dir
            move = one_by_one.move_whole
            await anyio.to_thread.run_sync(move, place, git_dir, removal.folder(name))


async def kept(here: GitWorkspace, trash: Trash) -> Kept:
    """What is kept of this workspace and of its submodules, and where."""
    found = await one_by_one.kept(here, trash)
    if here.assignment.base_commit is None:
        return found
    within = [ref async for ref in _refs_within(here, here.own, here.known_head)]
    return replace(found, refs=(*found.refs, *within))


async def _refs_within(
    here: GitWorkspace, own: OwnRepository, commit: str, under: str = ""
) -> AsyncIterator[str]:
    for path, link in (await own.links(commit)).items() if await own.has(commit) else ():
        one = own_at(own, path)
        if one is None:
            continue
        name = f"{under}{os.fsdecode(path)}"
        for ref in await one.refs(f"refs/{here.assignment.branch}"):
            if "/kept/" in ref:
                yield ref if "/submodules/" in ref else f"{ref} of {name}"
        async for ref in _refs_within(here, one, link, f"{name}/"):
            yield ref
