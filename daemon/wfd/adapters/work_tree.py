"""The files of a workspace, as the daemon's own repository and an index of its own see them.

No command here asks a nested repository for its status: git would run inside it, under a
configuration that an agent wrote. So `git add` and `git status` are never used.
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from wfd.adapters.git import Git, GitFailed, Said, together
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.plain_files import is_folder, open_folders, remove_tree
from wfd.domain.errors import Broken

FEW = 8  # files
_GITLINK = b"160000"


@dataclass(frozen=True)
class Change:
    """A tracked path whose file is not what the index says."""

    path: bytes
    was_gitlink: bool
    is_gone: bool


@dataclass(frozen=True)
class WorkTree:
    own: OwnRepository
    path: Path
    index: Path
    exclude: Path  # ignore rules beside those in the tree

    async def write_tree(self, top: str) -> str:
        """The tree of all that is here, files that the commit `top` or nobody ignores.

        A nested repository's files become plain files; its own `.git` is left out. A submodule
        of `top` stays a link. Raises Broken, naming it, for what cannot be read.
        """
        await self.stage(top)
        changes, new = await self._differences()
        if not changes and not new:
            return await self.own.tree_of(top)
        self._staged.pop(self.index, None)
        gone, present = self._sort(changes)
        if gone:
            await self._git.feed(gone, "update-index", "-z", "--force-remove", "--stdin")
        files = await self._files(present + new)
        # one sync for all objects costs as much as about ten for one object each
        git = self._git.having("core.fsyncMethod=batch") if len(files) > FEW else self._git
        if files:
            said = await git.feed(files, "update-index", "-z", "--add", "--replace", "--stdin")
            _refuse_left_out(said, "Ignoring path", self.path)
        return await git.line("write-tree")

    async def check_out(self, commit: str) -> None:
        """Fill the empty workspace with the files of `commit`."""
        self._forget_index()
        await self._git.run("read-tree", "--reset", "-u", commit)
        self.is_staged(commit)

    async def restore(self, commit: str) -> None:
        """Make tracked files those of `commit` and remove what is new and not ignored."""
        try:
            await self._restore(commit)
        except (GitFailed, OSError):
            await anyio.to_thread.run_sync(open_folders, self.path)
            await self._restore(commit)

    async def new_places(self, commit: str) -> list[str]:
        """What `commit` does not hold and nobody ignores; a whole new folder ends with a slash."""
        await self.stage(commit)
        said = await self._git.run(
            "ls-files",
            "-z",
            "--others",
            "--directory",
            "--no-empty-directory",
            "--exclude-standard",
        )
        return [os.fsdecode(name) for name in said.names]

    async def stage(self, commit: str) -> None:
        """Make the index that of `commit`, and leave the files alone."""
        if self._staged.get(self.index) != commit or not self.index.is_file():
            await self._load(commit)
            self.is_staged(commit)

    def is_staged(self, commit: str) -> None:
        """Remember that the index holds the tree of `commit`."""
        self._staged[self.index] = commit

    @property
    def _staged(self) -> dict[Path, str]:
        return self.own.known.staged

    @property
    def _git(self) -> Git:
        git = self.own.git
        here = git.at(self.path, GIT_WORK_TREE=str(self.path), GIT_INDEX_FILE=str(self.index))
        return here.having(f"core.excludesFile={self.exclude}")

    async def _load(self, commit: str) -> None:
        self._staged.pop(self.index, None)
        try:
            self.index.with_name(f"{self.index.name}.lock").unlink(missing_ok=True)
            await self._git.run("read-tree", "--reset", commit)
        except GitFailed:
            self._forget_index()  # a power cut may have left half of it
            await self._git.run("read-tree", "--reset", commit)

    def _forget_index(self) -> None:
        self._staged.pop(self.index, None)
        self.index.unlink(missing_ok=True)
        self.index.with_name(f"{self.index.name}.lock").unlink(missing_ok=True)

    async def _differences(self) -> tuple[list[Change], list[bytes]]:
        """What is changed beside the index, and what is new."""
        changed, new = await together(self._ask_changed(), self._ask_new(self._git))
        return _changes(changed), new.names

    async def _changes(self) -> list[Change]:
        return _changes(await self._ask_changed())

    async def _ask_changed(self) -> Said:
        said = await self._git.run("diff-files", "--raw", "-z", "--ignore-submodules=dirty")
        _refuse_left_out(said, "Permission denied", self.path)
        return said

    def _sort(self, changes: Iterable[Change]) -> tuple[list[bytes], list[bytes]]:
        """Paths to take out of the index, and paths to put in."""
        gone: list[bytes] = []
        present: list[bytes] = []
        for change in changes:
            is_nested = not change.was_gitlink and self._is_folder(change.path)
            if change.is_gone or is_nested or not self._is_storable(change.path):
                gone.append(change.path)
            else:
                present.append(change.path)
            if is_nested and not change.is_gone:
                present.append(change.path + b"/")
        return gone, present

    async def _untracked(self) -> list[bytes]:
        """New files that nobody ignores; a nested repository ends with a slash."""
        return (await self._ask_new(self._git)).names

    async def _ask_new(self, git: Git) -> Said:
        said = await git.run("ls-files", "-z", "--others", "--exclude-standard")
        _refuse_left_out(said, "could not open directory", self.path)
        return said

    async def _files(self, paths: Iterable[bytes]) -> list[bytes]:
        """The same paths, with nested repositories replaced by the files in them."""
        files: list[bytes] = []
        nested: list[bytes] = []
        nothing_staged = f"{self.index}.never"  # no such file: everything in there is new
        for path in paths:
            (nested if path.endswith(b"/") else files).append(path)
        while nested:
            folder = nested.pop()
            inside = self.path / os.fsdecode(folder)
            git = self._git.at(inside, GIT_WORK_TREE=str(inside), GIT_INDEX_FILE=nothing_staged)
            for name in (await self._ask_new(git)).names:
                (nested if name.endswith(b"/") else files).append(folder + name)
        return files

    async def _restore(self, commit: str) -> None:
        await self.stage(commit)
        changes, new = await self._differences()
        if not changes and not new:
            return
        changed = [change.path for change in changes]
        await self._git.feed(
            changed, "checkout-index", "--force", "--index", "--quiet", "-z", "--stdin"
        )
        # Only now are the ignore rules those of `commit`.
        new = await self._untracked()
        await anyio.to_thread.run_sync(self._remove, new)
        left = [c.path for c in await self._changes() if not c.was_gitlink]
        if left:
            raise Broken(f"{_shown(left[0])} in {self.path} could not be put back; remove it")

    def _remove(self, paths: Iterable[bytes]) -> None:
        for path in paths:
            there = self.path / os.fsdecode(path)
            remove_tree(there)
            self._remove_empty(there.parent)

    def _remove_empty(self, folder: Path) -> None:
        with suppress(OSError):
            while folder != self.path:
                folder.rmdir()
                folder = folder.parent

    def _is_folder(self, path: bytes) -> bool:
        return is_folder(self.path / os.fsdecode(path))

    def _is_storable(self, path: bytes) -> bool:
        mode = (self.path / os.fsdecode(path)).lstat().st_mode
        return stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)


def _changes(said: Said) -> list[Change]:
    entries = iter(said.names)
    return [
        Change(path, head.startswith(b":" + _GITLINK), head.endswith(b"D"))
        for head, path in zip(entries, entries, strict=True)
    ]


def _refuse_left_out(said: Said, warning: str, workspace: Path) -> None:
    """git only warns of what it passes over; a snapshot without it would lose work."""
    for line in said.err.splitlines():
        if warning in line:
            raise Broken(f"not everything in {workspace} can be kept: {line.strip()}; mend or "
                         "remove it there")  # fmt: skip


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
