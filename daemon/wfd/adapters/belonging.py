"""Which new files belong in a snapshot: those that somebody may have asked for."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import anyio.to_thread

from wfd.adapters.attributes import attributes_of
from wfd.adapters.content import Content, size_of
from wfd.adapters.conversion import Change
from wfd.adapters.git import Said
from wfd.adapters.plain_files import is_there
from wfd.adapters.work_tree import WorkTree
from wfd.domain.errors import Broken
from wfd.rules import snapshot
from wfd.rules.snapshot import Beyond, SnapshotRules, Thing

_MOST_LOOKED_AT = 20_000  # files of a nested repository, to tell how large it is


async def leave_out(here: WorkTree, top: str, rules: SnapshotRules, content: Content) -> None:
    """Take out of the content what no rule lets in. Raises Broken where a person is to be asked."""
    nested = await _nested(here, content.new)
    files = [path for path in content.new if not is_in(path, nested)]
    sizes = await anyio.to_thread.run_sync(_sizes, here.path, files)
    content.things += await _grown(here, rules, content.changed)
    beyond = await anyio.to_thread.run_sync(_nested_things, here.path, sorted(nested))
    large = snapshot.too_large(rules, sizes)
    small_blobs = await _through_filters(here, [os.fsencode(one.path) for one in large])
    beyond += [one for one in large if os.fsencode(one.path) not in small_blobs]
    for one in beyond:
        sizes.pop(one.path, None)
    if len(sizes) > rules.max_new_files:
        tracked = await _tracked_folders(here, top)
        beyond += await anyio.to_thread.run_sync(snapshot.too_many, rules, sizes, tracked)
    if rules.beyond is Beyond.TAKE:
        content.things += snapshot.as_taken(beyond)
        content.new = await _files_in(here, content.new)
        return
    content.things += beyond
    left = {one.path for one in beyond if one.kind in snapshot.LEFT_OUT}
    if left and rules.beyond is Beyond.ASK:
        raise Broken(_asked(here.path, beyond))
    content.left = sorted(left)
    folders = {os.fsencode(path) for path in left if path.endswith("/")}
    content.new = [p for p in files if os.fsdecode(p) not in left and not is_in(p, folders)]


async def _grown(
    here: WorkTree, rules: SnapshotRules, changed: Mapping[bytes, Change]
) -> list[Thing]:
    """The large files that are tracked, and so in the snapshot, if they are changed at all."""
    sizes = await anyio.to_thread.run_sync(_sizes, here.path, changed)
    large = {path: size for path, size in sizes.items() if size > rules.max_file_bytes}
    if not large:
        return []
    paths = [os.fsencode(path) for path in large]
    small_blobs = await _through_filters(here, paths)
    same = await here.conversion.hashed(paths)
    return [
        Thing(snapshot.GROWN, os.fsdecode(path), large[os.fsdecode(path)])
        for path in paths
        if path not in small_blobs and same.get(path) != changed[path].sha
    ]


async def _through_filters(here: WorkTree, paths: Sequence[bytes]) -> set[bytes]:
    """The large files that a filter such as LFS may store elsewhere; their blobs are its own."""
    if not paths or not here.filters.usable:
        return set()
    told = await attributes_of(here.git, paths)
    return {path for path, one in told.items() if one.filter in here.filters.usable}


async def _nested(here: WorkTree, new: Iterable[bytes]) -> set[bytes]:
    """The new folders that have a `.git`, whatever that is, and nothing that is tracked."""
    nested = {path for path in new if path.endswith(b"/")}
    known: dict[bytes, bool] = {}
    for path in new:
        folder = path.rpartition(b"/")[0]
        while folder and folder not in known:
            known[folder] = is_there(here.path / os.fsdecode(folder) / ".git")
            folder = folder.rpartition(b"/")[0]
    maybe = {folder + b"/" for folder, has_git in known.items() if has_git} - nested
    if maybe:
        tracked = await here.git.run("ls-files", "-z", "--", *(os.fsdecode(f) for f in maybe))
        nested |= {folder for folder in maybe if not _any_in(tracked, folder)}
    return {folder for folder in nested if not is_in(folder[:-1], nested)}


def _any_in(said: Said, folder: bytes) -> bool:
    return any(name.startswith(folder) for name in said.names)


def is_in(path: bytes, folders: set[bytes]) -> bool:
    """Whether it is one of the folders, or beneath one."""
    if path in folders:
        return True
    end = path.rfind(b"/")
    while end > 0:
        if path[: end + 1] in folders:
            return True
        end = path.rfind(b"/", 0, end)
    return False


async def _tracked_folders(here: WorkTree, top: str) -> set[str]:
    said = await here.own.git.run("ls-tree", "-r", "-d", "-z", "--name-only", top)
    return {f"{os.fsdecode(name)}/" for name in said.names}


async def _files_in(here: WorkTree, new: Iterable[bytes]) -> list[bytes]:
    """The same paths, with nested repositories replaced by the files in them."""
    files: list[bytes] = []
    nested: list[bytes] = []
    nothing_staged = f"{here.index}.never"  # no such file: everything in there is new
    for path in new:
        (nested if path.endswith(b"/") else files).append(path)
    while nested:
        folder = nested.pop()
        inside = here.path / os.fsdecode(folder)
        git = here.git.at(inside, GIT_WORK_TREE=str(inside), GIT_INDEX_FILE=nothing_staged)
        for name in (await here.ask_new(git)).names:
            (nested if name.endswith(b"/") else files).append(folder + name)
    return files


def _nested_things(root: Path, folders: Iterable[bytes]) -> list[Thing]:
    return [folder_as(snapshot.NESTED, root, folder) for folder in folders]


def folder_as(kind: str, root: Path, folder: bytes) -> Thing:
    """A folder that is told of, with as much as is in it; its name ends with a slash."""
    path = os.fsdecode(folder)
    total = files = 0
    for at, _, names in os.walk(root / path):
        for name in names:
            files += 1
            total += size_of(Path(at, name))
        if files > _MOST_LOOKED_AT:
            break
    return Thing(kind, path, total, files)


def _asked(workspace: Path, beyond: Sequence[Thing]) -> str:
    told = [f"{kind}: {text}" for kind, text in snapshot.told(beyond, about=False)]
    return (
        f"{workspace} holds what nobody asked for, and no snapshot is taken before it is said"
        " what becomes of it. Delete it there, or name it in .gitignore; or set"
        ' "workspace": {"snapshot": {"beyond": "take"}}, or "leave_out", or higher limits, in'
        " .wfd/config.json and run 'wfd trust'.\n" + "\n".join(told)
    )


def _sizes(root: Path, paths: Iterable[bytes]) -> dict[str, int]:
    return {name: size_of(root / name) for name in map(os.fsdecode, paths)}
