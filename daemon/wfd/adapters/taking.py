"""A snapshot as it is taken: what is changed and new in a workspace becomes a tree.

A run changes what its agent changed and nothing else. What is as it was checked out stays the
blob that it was; what no rule lets in stays where it is, and is told.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.attributes import FILE, Attributes, attributes_of, may_have_any
from wfd.adapters.belonging import is_in, leave_out
from wfd.adapters.content import Content, is_file, size_of, sorted_out
from wfd.adapters.conversion import Change
from wfd.adapters.git import on_a_line
from wfd.adapters.plain_files import is_folder
from wfd.adapters.work_tree import WorkTree, refuse_left_out, shown
from wfd.domain.errors import Broken
from wfd.rules import snapshot
from wfd.rules.clip import named
from wfd.rules.snapshot import SnapshotRules, Thing

FEW = 8  # files
_GITLINK = b"160000"  # the mode of a submodule
_MOST_TOLD = 10  # paths in an error


@dataclass(frozen=True)
class Taken:
    tree: str
    things: tuple[Thing, ...] = ()  # what is to be told
    left: tuple[str, ...] = ()  # the paths that are not in it


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
    moved: Mapping[bytes, str] = {}
    if links:
        moved = await _moved(here, top, links)
        changes = [one for one in changes if not _is_linked(here.path, one, links)]
        within = {path + b"/" for path in links}
        new = [path for path in new if not is_in(path, within)]
    if not changes and not new and not moved:
        return Taken(await here.own.tree_of(top))
    content = sorted_out(here.path, changes, new)
    content.entries += [(_GITLINK, commit, path) for path, commit in moved.items()]
    await leave_out(here, top, rules, content)
    attributes = await _convert(here, content)
    here.unstage()
    await _put_in(here, content, attributes, top)
    return Taken(await here.git.line("write-tree"), tuple(content.things), tuple(content.left))


async def _moved(here: WorkTree, top: str, links: Mapping[bytes, str]) -> Mapping[bytes, str]:
    """The submodules that are at another commit than `top` says."""
    before = await here.own.links(top)
    return {path: commit for path, commit in links.items() if before.get(path) != commit}


def _is_linked(root: Path, change: Change, links: Mapping[bytes, str]) -> bool:
    """A submodule whose commit has been taken care of."""
    return (
        change.was_gitlink and change.path in links and is_folder(root / os.fsdecode(change.path))
    )


# --- what it is converted to -------------------------------------------------


async def _convert(here: WorkTree, content: Content) -> dict[bytes, Attributes]:
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
    here: WorkTree, content: Content
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
    here: WorkTree, content: Content, attributes: Sequence[Mapping[bytes, Attributes]]
) -> None:
    """Raise Broken for a file whose filter, now or before, is not to be had."""
    lacking: dict[str, list[str]] = {}
    moved = {change.sha for change in content.gone}  # a blob that only has another name now
    for path in [*content.changed, *content.new]:
        names = {told[path].filter for told in attributes if path in told}
        for name in names - here.filters.usable - {None}:
            if name is None or not is_file(here.path, path):
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


# --- into the index ----------------------------------------------------------


async def _put_in(
    here: WorkTree, content: Content, attributes: Mapping[bytes, Attributes], top: str
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
    here: WorkTree, content: Content, attributes: Mapping[bytes, Attributes]
) -> list[bytes]:
    """The files whose text is not in the encoding that their attributes name."""
    encoded = [
        path
        for path in (*content.changed, *content.new)
        if path in attributes and attributes[path].encoding is not None and is_file(here.path, path)
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
    here: WorkTree, content: Content, raw: Sequence[bytes]
) -> list[tuple[bytes, str, bytes]]:
    """Entries for files that no git can convert, told unless they have been so before."""
    entries = []
    for path, sha in (await here.conversion.as_they_are(raw)).items():
        before = content.changed.get(path)
        if before is None or before.sha != sha:
            size = size_of(here.path / os.fsdecode(path))
            content.things.append(Thing(snapshot.NOT_CONVERTED, os.fsdecode(path), size))
        entries.append((b"100644" if before is None else before.new_mode, sha, path))
    return entries


def _as_told(path: bytes) -> str:
    """As git names a path in an error."""
    return "".join(c if c >= " " and c != "\x7f" else "?" for c in path.decode("utf-8", "replace"))
