"""What changed in submodules, as one commit in the repository around them.

It holds the changed files alone, where they lie in the workspace, over a commit of what they were.
So whoever has this repository has the work, too, and can see it by `git show`.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.git import Git
from wfd.adapters.own_modules import moved_within
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.workspace import GitWorkspace

REF = "submodules/changes"


@dataclass(frozen=True)
class _Entry:
    mode: bytes
    sha: bytes
    path: bytes

    @property
    def is_file(self) -> bool:
        return self.mode.startswith((b"100", b"120"))


async def keep_changes(here: GitWorkspace, at: str) -> None:
    """Have refs/wfd/A7/submodules/changes say what changed in submodules up to a commit."""
    base = here.assignment.base_commit
    if base is None:
        return
    before, after = [], []
    async for within, under, was, now in moved_within(here.own, base, at):
        old, new = await _changed(within.git, was, now)
        await _copy(within.git, here.own.git, [*old, *new])
        before += [_Entry(one.mode, one.sha, os.fsencode(under) + one.path) for one in old]
        after += [_Entry(one.mode, one.sha, os.fsencode(under) + one.path) for one in new]
    if not before and not after:
        return
    await _keep(here, await _tree(here.own, before), await _tree(here.own, after))


async def _keep(here: GitWorkspace, before: str, after: str) -> None:
    ref, branch = here.ref(REF), here.assignment.branch
    kept = await here.own.commit_at(ref)
    if kept is None or await here.own.tree_of(kept) != after:
        first = await here.own.commit(before, message=f"Before {branch}: files of submodules")
        kept = await here.own.commit(after, first, message=f"Changes of {branch} in submodules")
        here.own.keep(ref, kept)
    if await here.users.commit_at(ref) != kept:
        await here.users.take(here.own.git_dir, ref)


async def _changed(git: Git, was: str, now: str) -> tuple[list[_Entry], list[_Entry]]:
    """The files in which two commits differ, as they were and as they are."""
    said = await git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", was, now)
    pairs = list(_pairs(said.names))
    olds, news = [old for old, _ in pairs], [new for _, new in pairs]
    return [one for one in olds if one.is_file], [one for one in news if one.is_file]


def _pairs(names: Sequence[bytes]) -> Iterator[tuple[_Entry, _Entry]]:
    entries = iter(names)
    for head, path in zip(entries, entries, strict=True):
        mode, new_mode, sha, new_sha, _ = head.removeprefix(b":").split(b" ")
        yield _Entry(mode, sha, path), _Entry(new_mode, new_sha, path)


async def _copy(source: Git, target: Git, entries: Sequence[_Entry]) -> None:
    with tempfile.TemporaryFile() as wanted, tempfile.TemporaryFile(dir=target.where) as pack:
        wanted.writelines(one.sha + b"\n" for one in entries)
        wanted.seek(0)
        await source.run("pack-objects", "--quiet", "--stdout", stdin=wanted, stdout=pack)
        pack.seek(0)
        await target.run("index-pack", "--stdin", stdin=pack)


async def _tree(own: OwnRepository, entries: Sequence[_Entry]) -> str:
    with tempfile.TemporaryDirectory(dir=own.git_dir, prefix="changes-") as folder:
        git = own.git.at(own.git_dir, GIT_INDEX_FILE=str(Path(folder, "index")))
        lines = (b"%s %s\t%s" % (one.mode, one.sha, one.path) for one in entries)
        await git.feed(lines, "update-index", "-z", "--add", "--index-info")
        return await git.line("write-tree")
