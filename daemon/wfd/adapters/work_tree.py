"""The files of a workspace, as the daemon's own repository and an index of its own see them.

No command here asks a nested repository for its status: git would run inside it, under a
configuration that an agent wrote. So `git add` and `git status` are never used.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import anyio.to_thread

from wfd.adapters import attributes
from wfd.adapters.conversion import Change, Conversion
from wfd.adapters.filters import Filters
from wfd.adapters.git import Git, GitFailed, Said, together
from wfd.adapters.look import Look
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.plain_files import open_folders, remove_tree
from wfd.domain.errors import Broken


@dataclass(frozen=True)
class WorkTree:
    own: OwnRepository
    path: Path
    index: Path
    exclude: Path  # ignore rules beside those in the tree
    look: Look = field(default_factory=Look)
    filters: Filters = field(default_factory=Filters)

    async def check_out(self, commit: str) -> None:
        """Fill the empty workspace with the files of `commit`."""
        self._forget_index()
        await self.git.run("read-tree", "--reset", "-u", commit)
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
        said = await self.git.run(
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

    def unstage(self) -> None:
        """What the index holds is about to be no commit any more."""
        self._staged.pop(self.index, None)

    @property
    def _staged(self) -> dict[Path, str]:
        return self.own.known.staged

    @property
    def git(self) -> Git:
        own = self.own.git.reaching_servers() if self.filters.usable else self.own.git
        here = own.at(self.path, GIT_WORK_TREE=str(self.path), GIT_INDEX_FILE=str(self.index))
        excludes = f"core.excludesFile={self.exclude}"
        return here.having(excludes, *self.look.options, *self.filters.options)

    @property
    def conversion(self) -> Conversion:
        return Conversion(self.git, self.path, self.index.with_suffix(".looks"))

    async def _load(self, commit: str) -> None:
        self._staged.pop(self.index, None)
        try:
            self.index.with_name(f"{self.index.name}.lock").unlink(missing_ok=True)
            await self.git.run("read-tree", "--reset", commit)
        except GitFailed:
            self._forget_index()  # a power cut may have left half of it
            await self.git.run("read-tree", "--reset", commit)

    def _forget_index(self) -> None:
        self._staged.pop(self.index, None)
        self.index.unlink(missing_ok=True)
        self.index.with_name(f"{self.index.name}.lock").unlink(missing_ok=True)

    async def differences(self) -> tuple[list[Change], list[bytes]]:
        """What is changed beside the index, and what is new: a nested repository ends with /."""
        changed, new = await together(self._ask_changed(), self.ask_new(self.git))
        return _changes(changed), new.names

    async def _changes(self) -> list[Change]:
        return _changes(await self._ask_changed())

    async def _ask_changed(self) -> Said:
        said = await self.git.run(
            "diff-files", "--raw", "--no-abbrev", "-z", "--ignore-submodules=dirty"
        )
        refuse_left_out(said, "Permission denied", self.path)
        return said

    async def ask_new(self, git: Git) -> Said:
        said = await git.run("ls-files", "-z", "--others", "--exclude-standard")
        refuse_left_out(said, "could not open directory", self.path)
        return said

    async def _restore(self, commit: str) -> None:
        await self.stage(commit)
        changes, new = await self.differences()
        if not changes and not new:
            return
        # Attributes and ignore rules are those of `commit`, whatever an agent made of them.
        rules = [path for path in new if path.rpartition(b"/")[2] == attributes.FILE]
        links = self._links_on_the_way([change for change in changes if change.was_gitlink])
        await anyio.to_thread.run_sync(self._remove, [*rules, *links])
        await self.git.run("read-tree", "--reset", "-u", commit)
        new = (await self.ask_new(self.git)).names
        await anyio.to_thread.run_sync(self._remove, new)
        left = [change for change in await self._changes() if not change.was_gitlink]
        if not left:
            return
        fine = await self.conversion.unchanged([change for change in left if change.is_file])
        if wrong := [change.path for change in left if change.path not in fine]:
            raise Broken(f"{shown(wrong[0])} in {self.path} could not be put back; remove it")

    def _links_on_the_way(self, submodules: Iterable[Change]) -> set[bytes]:
        """Links where a folder was with a submodule in it; git removes all others itself."""
        found = set()
        for change in submodules:
            *folders, _ = change.path.split(b"/")
            for folder in accumulate(folders, lambda above, name: above + b"/" + name):
                if (self.path / os.fsdecode(folder)).is_symlink():
                    found.add(folder)
                    break  # what is beneath is elsewhere
        return found

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


def _changes(said: Said) -> list[Change]:
    entries = iter(said.names)
    return [_change(head, path) for head, path in zip(entries, entries, strict=True)]


def _change(head: bytes, path: bytes) -> Change:
    """From a line of `--raw`, such as `:100644 100755 <object> <object> M`."""
    mode, new_mode, sha, _, status = head.removeprefix(b":").split(b" ")
    return Change(path, mode, new_mode, sha.decode(), status == b"D")


def refuse_left_out(said: Said, warning: str, workspace: Path) -> None:
    """git only warns of what it passes over; a snapshot without it would lose work."""
    for line in said.err.splitlines():
        if warning in line:
            raise Broken(f"not everything in {workspace} can be kept: {line.strip()}; mend or "
                         "remove it there")  # fmt: skip


def shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
