"""A snapshot as it is taken: what is changed and new in a workspace becomes a tree.

A run changes what its agent changed and nothing else. What is as it was checked out stays the
blob that it was; what no rule lets in stays where it is, and is told.
"""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread

from wfd.adapters.attributes import FILE, Attributes, attributes_of, may_have_any
from wfd.adapters.conversion import Change
from wfd.adapters.git import Said, on_a_line
from wfd.adapters.plain_files import is_folder, is_there
from wfd.adapters.work_tree import WorkTree, refuse_left_out, shown
from wfd.domain.errors import Broken
from wfd.rules import snapshot
from wfd.rules.clip import named
from wfd.rules.snapshot import Beyond, SnapshotRules, Thing

FEW = 8  # files
_GITLINK = b"160000"  # the mode of a submodule
_MOST_LOOKED_AT = 20_000  # files of a nested repository, to tell how large it is
_MOST_TOLD = 10  # paths in an error


@dataclass(frozen=True)
class Taken:
    tree: str
    things: tuple[Thing, ...] = ()  # what is to be told
    left: tuple[str, ...] = ()  # the paths that are not in it


@dataclass
class _Content:
    """What goes into the tree, and what is told of it."""

    gone: list[Change] = field(default_factory=list)
    changed: dict[bytes, Change] = field(default_factory=dict)
    new: list[bytes] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    entries: list[tuple[bytes, str, bytes]] = field(default_factory=list)  # mode, object, path


async def write_tree(
    here: WorkTree, top: str, rules: SnapshotRules, links: Mapping[bytes, str] | None = None
) -> Taken:
    """The tree of all that is here, files that the commit `top` or nobody ignores.

    A submodule of `top` stays a link, to the commit that `links` has for its path. Raises Broken,
    naming it, for what cannot be read, what would go past a filter, and, where the rules say so,
    for what nobody asked for.
    """
    await here.stage(top)
    changes, new = await here.differences()
    moved = await _moved(here, top, links or {})
    changes = [one for one in changes if not _is_linked(here.path, one, links or {})]
    if links:
        within = {path + b"/" for path in links}
        new = [path for path in new if not _is_in(path, within)]
    if not changes and not new and not moved:
        return Taken(await here.own.tree_of(top))
    content = _sorted(here.path, changes, new)
    content.entries += [(_GITLINK, commit, path) for path, commit in moved.items()]
    await _leave_out(here, top, rules, content)
    attributes = await _convert(here, content)
    here.unstage()
    await _put_in(here, content, attributes, top)
    return Taken(await here.git.line("write-tree"), tuple(content.things), tuple(content.left))


async def _moved(here: WorkTree, top: str, links: Mapping[bytes, str]) -> Mapping[bytes, str]:
    """The submodules that are at another commit than `top` says."""
    if not links:
        return {}
    before = await here.own.links(top)
    return {path: commit for path, commit in links.items() if before.get(path) != commit}


def _is_linked(root: Path, change: Change, links: Mapping[bytes, str]) -> bool:
    """A submodule whose commit has been taken care of."""
    return (
        change.was_gitlink and change.path in links and is_folder(root / os.fsdecode(change.path))
    )


def _sorted(root: Path, changes: Iterable[Change], new: Iterable[bytes]) -> _Content:
    content = _Content(new=list(new))
    for change in changes:
        is_nested = not change.was_gitlink and is_folder(root / os.fsdecode(change.path))
        if change.is_gone or is_nested or not _is_storable(root, change.path):
            content.gone.append(change)
        else:
            content.changed[change.path] = change
        if is_nested and not change.is_gone:
            content.new.append(change.path + b"/")
    return content


# --- what belongs in it ------------------------------------------------------


async def _leave_out(here: WorkTree, top: str, rules: SnapshotRules, content: _Content) -> None:
    nested = await _nested(here, content.new)
    files = [path for path in content.new if not _is_in(path, nested)]
    sizes = await anyio.to_thread.run_sync(_sizes, here.path, files)
    content.things += await _grown(here, rules, content.changed)
    beyond = [folder_as(snapshot.NESTED, here.path, folder) for folder in sorted(nested)]
    large = snapshot.too_large(rules, sizes)
    small_blobs = await _through_filters(here, [os.fsencode(one.path) for one in large])
    beyond += [one for one in large if os.fsencode(one.path) not in small_blobs]
    for one in beyond:
        sizes.pop(one.path, None)
    if len(sizes) > rules.max_new_files:
        beyond += snapshot.too_many(rules, sizes, await _tracked_folders(here, top))
    if rules.beyond is Beyond.TAKE:
        content.new = await _files_in(here, content.new)
        return
    content.things += beyond
    left = {one.path for one in beyond if one.kind in snapshot.LEFT_OUT}
    if left and rules.beyond is Beyond.ASK:
        raise Broken(_asked(here.path, beyond))
    content.left = sorted(left)
    folders = {os.fsencode(path) for path in left if path.endswith("/")}
    content.new = [p for p in files if os.fsdecode(p) not in left and not _is_in(p, folders)]


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
    return {folder for folder in nested if not _is_in(folder[:-1], nested)}


def _any_in(said: Said, folder: bytes) -> bool:
    return any(name.startswith(folder) for name in said.names)


def _is_in(path: bytes, folders: set[bytes]) -> bool:
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


def folder_as(kind: str, root: Path, folder: bytes) -> Thing:
    """A folder that is told of, with as much as is in it; its name ends with a slash."""
    path = os.fsdecode(folder)
    total = files = 0
    for at, _, names in os.walk(root / path):
        for name in names:
            files += 1
            total += _size_of(Path(at, name))
        if files > _MOST_LOOKED_AT:
            break
    return Thing(kind, path, total, files)


def _sizes(root: Path, paths: Iterable[bytes]) -> dict[str, int]:
    return {name: _size_of(root / name) for name in map(os.fsdecode, paths)}


def _size_of(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0


def _asked(workspace: Path, beyond: Sequence[Thing]) -> str:
    told = [f"{kind}: {text}" for kind, text in snapshot.told(beyond, about=False)]
    return (
        f"{workspace} holds what nobody asked for, and no snapshot is taken before it is said"
        " what becomes of it. Delete it there, or name it in .gitignore; or set"
        ' "workspace": {"snapshot": {"beyond": "take"}}, or "leave_out", or higher limits, in'
        " .wfd/config.json and run 'wfd trust'.\n" + "\n".join(told)
    )


# --- what it is converted to -------------------------------------------------


async def _convert(here: WorkTree, content: _Content) -> dict[bytes, Attributes]:
    """Pass over what is as it was checked out, and refuse what would go past a filter."""
    attributes, before = await _attributes(here, content)
    changed = content.changed
    mapped = {path for path in changed if path in attributes or path in before}
    maybe = [one for path, one in changed.items()
             if one.is_file and (here.look.converts_all or path in mapped)]  # fmt: skip
    altered = {path for told in (attributes, before) for path, one in told.items() if one.alters}
    for path in await here.conversion.unchanged(maybe, None if here.look.alters_all else altered):
        one = changed.pop(path)
        if one.mode != one.new_mode:
            content.entries.append((one.new_mode, one.sha, path))
    _refuse_unfiltered(here, content, (attributes, before))
    return attributes


async def _attributes(
    here: WorkTree, content: _Content
) -> tuple[dict[bytes, Attributes], dict[bytes, Attributes]]:
    """Those of all that is taken, by the files that are here, and as they were before."""
    paths = [*content.changed, *content.new]
    touched = [*paths, *(change.path for change in content.gone)]
    git_dir = here.own.git_dir
    if here.look.attributes is None and not may_have_any(here.path, git_dir, touched):
        return {}, {}
    now = await attributes_of(here.git, paths)
    if not any(path.rpartition(b"/")[2] == FILE for path in touched):
        return now, {}
    return now, await attributes_of(here.git, paths, as_staged=True)


def _refuse_unfiltered(
    here: WorkTree, content: _Content, attributes: Sequence[Mapping[bytes, Attributes]]
) -> None:
    """Raise Broken for a file whose filter, now or before, is not to be had."""
    lacking: dict[str, list[str]] = {}
    moved = {change.sha for change in content.gone}  # a blob that only has another name now
    for path in [*content.changed, *content.new]:
        names = {told[path].filter for told in attributes if path in told}
        for name in names - here.filters.usable - {None}:
            if name is None or not _is_file(here.path, path):
                continue
            if path in content.changed or not here.conversion.is_one_of(path, moved):
                lacking.setdefault(name, []).append(shown(path))
    if lacking:
        whys = [f"{named(paths, _MOST_TOLD)}: {here.filters.refusal(name, here.look.filters)}"
                for name, paths in sorted(lacking.items())]  # fmt: skip
        raise Broken(
            f"the work stays in {here.path}, since .gitattributes sends files of it through a"
            f" filter, and without it they must not be committed: {'; '.join(whys)}"
        )


def _is_file(root: Path, path: bytes) -> bool:
    try:
        return stat.S_ISREG((root / os.fsdecode(path)).lstat().st_mode)
    except OSError:
        return False


def _is_storable(root: Path, path: bytes) -> bool:
    mode = (root / os.fsdecode(path)).lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)


# --- into the index ----------------------------------------------------------


async def _put_in(
    here: WorkTree, content: _Content, attributes: Mapping[bytes, Attributes], top: str
) -> None:
    if content.gone:
        gone = (change.path for change in content.gone)
        await here.git.feed(gone, "update-index", "-z", "--force-remove", "--stdin")
    raw = await _not_convertible(here, content, attributes)
    files = [path for path in (*content.changed, *content.new) if path not in raw]
    # one sync for all objects costs as much as about ten for one object each
    git = here.git.having("core.fsyncMethod=batch") if len(files) > FEW else here.git
    if files:
        said = await git.feed(files, "update-index", "-z", "--add", "--replace", "--stdin")
        refuse_left_out(said, "Ignoring path", here.path)
    mapped = {path: one for path, one in content.changed.items()
              if one.is_file and path not in raw
              and (path in attributes or here.look.converts_all)}  # fmt: skip
    content.entries += await here.conversion.mend(mapped, attributes, top)
    content.entries += await _as_they_are(here, content, raw)
    if content.entries:
        lines = (b"%s %s\t%s" % (mode, sha.encode(), path) for mode, sha, path in content.entries)
        await here.git.feed(lines, "update-index", "-z", "--add", "--replace", "--index-info")


async def _not_convertible(
    here: WorkTree, content: _Content, attributes: Mapping[bytes, Attributes]
) -> list[bytes]:
    """The files whose text is not in the encoding that their attributes name."""
    encoded = [
        path
        for path in (*content.changed, *content.new)
        if path in attributes
        and attributes[path].encoding is not None
        and _is_file(here.path, path)
    ]
    if not encoded:
        return []
    names = map(on_a_line, encoded)
    said = await here.git.feed(names, "hash-object", "--stdin-paths", end=b"\n")
    return [
        path
        for path in encoded
        if f"'{_as_told(path)}'" in said.err
        or here.conversion.is_utf8_instead(path, attributes[path].encoding or "")
    ]


async def _as_they_are(
    here: WorkTree, content: _Content, raw: Sequence[bytes]
) -> list[tuple[bytes, str, bytes]]:
    """Entries for files that no git can convert, told unless they have been so before."""
    entries = []
    for path, sha in (await here.conversion.as_they_are(raw)).items():
        before = content.changed.get(path)
        if before is None or before.sha != sha:
            size = _size_of(here.path / os.fsdecode(path))
            content.things.append(Thing(snapshot.NOT_CONVERTED, os.fsdecode(path), size))
        entries.append((b"100644" if before is None else before.new_mode, sha, path))
    return entries


def _as_told(path: bytes) -> str:
    """As git names a path in an error."""
    return "".join(c if c >= " " and c != "\x7f" else "?" for c in path.decode("utf-8", "replace"))
