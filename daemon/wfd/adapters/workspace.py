"""The workspace of an assignment or of one lane: the clone, and what the daemon keeps beside it,
out of its reach."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import anyio.to_thread

from wfd.adapters import copies, ignored, look, plain_files, refs, told_of
from wfd.adapters.authorship import CommitWords
from wfd.adapters.changed_files import changed_files
from wfd.adapters.clone import Clone, make_clone
from wfd.adapters.filters import Filters, for_agents
from wfd.adapters.ignored import Place
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.taking import write_tree
from wfd.adapters.users_repository import UsersRepository
from wfd.adapters.work_tree import WorkTree
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken
from wfd.domain.ids import RunId
from wfd.ports import LeftOut
from wfd.rules.snapshot import SnapshotRules, told

_BROKEN = "broken-git"


@dataclass(frozen=True)
class GitWorkspace:
    assignment: Assignment
    users: UsersRepository
    own: OwnRepository
    path: Path
    rules: SnapshotRules = field(default_factory=SnapshotRules)
    filters: Filters = field(default_factory=Filters)

    @property
    def name(self) -> str:
        return self.assignment.place

    @property
    def exclude(self) -> Path:
        """The ignore rules of the user alone, and the files that were copied here."""
        return self.beside("exclude")

    @property
    def tree(self) -> WorkTree:
        seen = look.read(self.beside("look"))
        return WorkTree(self.own, self.path, self.beside("index"), self.exclude, seen, self.filters)

    @property
    def clone(self) -> Clone:
        return Clone(self.path, self.users.objects)

    @property
    def known_head(self) -> str:
        """The branch as the store knows it."""
        commit = self.assignment.head_commit or self.assignment.base_commit
        if commit is None:
            raise Broken(f"{self.name} has no workspace yet; it is made when its first job starts")
        return commit

    @property
    def is_there(self) -> bool:
        if plain_files.is_there(self.path) and not plain_files.is_folder(self.path):
            raise Broken(f"{self.path} should be a workspace and is not; move it away")
        return plain_files.is_folder(self.path)

    def need(self) -> None:
        if not self.is_there:
            raise Broken(f"the workspace {self.path} is gone; it is made again by the next job")

    def ref(self, name: str) -> str:
        return f"refs/{self.assignment.branch}/{name}"

    def beside(self, kind: str) -> Path:
        folder = self.own.git_dir.parent
        return folder / f"{self.name}.{kind}"

    async def make_beside(self, head: str) -> Self:
        """Make it at `head`, beside its place: it is moved there when it is whole."""
        fresh = await self._fresh_clone(head)
        await fresh.tree.check_out(head)
        fresh.clone.settle(self.assignment.branch, head, self.beside("index").read_bytes())
        return fresh

    async def settle(self, commit: str) -> None:
        """Let the next agent find its clone on the branch at `commit`, whatever the last did."""
        await self.tree.stage(commit)
        index = self.beside("index").read_bytes()
        try:
            self.clone.settle(self.assignment.branch, commit, index)
        except OSError:
            for _ in ("its git folder", "a file that names it"):
                self.clone.set_aside(self.beside(_BROKEN))
            fresh = await self._fresh_clone(commit)
            fresh.clone.git_dir.rename(self.clone.git_dir)
            fresh.path.rmdir()
            self.clone.settle(self.assignment.branch, commit, index)

    async def follow(self) -> None:
        """Have the clone borrow from the user's repository where it is now, if that has moved."""
        if self.clone.borrows_from_users():
            return
        try:
            config = await self._config_for(str(self.users.git_dir))
            self.clone.follow(config)
        except OSError:
            await self.settle(self.known_head)

    async def commit(
        self, words: CommitWords, run_id: RunId, top: str, links: Mapping[bytes, str]
    ) -> str:
        """A commit over `top` of what belongs in one, with its submodules at these commits.

        What is left out is ignored from now on, and `left_out` tells it. The files that have
        changed are named between the message and its trailers.
        """
        taken = await write_tree(self.tree, top, self.rules, links)
        told_of.remember(self.beside("told"), run_id, taken.things)
        self.ignore(taken.left)
        commit = top
        if taken.tree != await self.own.tree_of(top):
            files = await changed_files(self.own.git, top, taken.tree)
            text = f"{words.message}\n\n{files}\n\n{words.trailers}"
            commit = await self.own.commit(taken.tree, top, message=text, author=words.author)
        self.tree.is_staged(commit)
        return commit

    def left_out(self, run_id: RunId) -> tuple[LeftOut, ...]:
        """What the snapshot of this run left out or found odd, also after a crash."""
        things = told_of.recall(self.beside("told"), run_id)
        return tuple(LeftOut(kind, text) for kind, text in told(things))

    def ignore(self, names: Sequence[str]) -> None:
        """For the daemon's own git, and for the agent's as far as its clone lets us."""
        if names:
            copies.ignore(self.exclude, names)
            with suppress(OSError):
                self.clone.exclude(self.exclude.read_bytes())

    def set_aside(self) -> list[Path]:
        """The `.git` folders that agents have spoiled here."""
        spoiled = self.beside(_BROKEN)
        return sorted(spoiled.parent.glob(f"{spoiled.name}-*"))

    def mark_set_up(self) -> None:
        """What git ignores from now on is not of set-up."""
        ignored.mark(self.beside("set-up"))

    async def ignored_since(self) -> list[Place]:
        """What git ignores here, and came after set-up."""
        return (await self._ignored_since())[0]

    async def ignored_in_words(self) -> list[Place]:
        """The same, with many files of one ignored folder told as that folder."""
        return ignored.gathered(*await self._ignored_since())

    async def _ignored_since(self) -> tuple[list[Place], list[str]]:
        names = await self.tree.ignored()
        stamp = self.beside("set-up")
        since = await anyio.to_thread.run_sync(ignored.since, self.path, names, stamp)
        return since, names

    async def remove(self) -> None:
        """Remove it and all beside it. A half of it is never taken for a workspace."""
        self.own.known.staged.pop(self.beside("index"), None)
        gone = self.beside("gone")
        await anyio.to_thread.run_sync(plain_files.remove_tree, gone)
        if self.is_there:
            plain_files.open_folder(self.path)  # its owner may not rename what he may not write
            self.path.rename(gone)
        for left in gone.parent.glob(f"{self.name}.*"):
            await anyio.to_thread.run_sync(plain_files.remove_tree, left)

    async def _fresh_clone(self, head: str) -> Self:
        fresh = replace(self, path=self.beside("new"))
        await anyio.to_thread.run_sync(plain_files.remove_tree, fresh.path)
        self.own.keep(self.ref("head"), head)
        if refs.loose(self.users.git_dir, self.ref("head")) != head:
            await self.users.take(self.own.git_dir, self.ref("head"))
        config = await self.users.config()
        if not self.beside("look").exists():
            look.write(self.beside("look"), config)
        look.share_attributes(self.users.git_dir, self.own.git_dir)
        shown = self.tree.look.config | for_agents(config, self.filters.usable, self.users.git_dir)
        await self.make_clone(fresh.path, shown)
        look.share_attributes(self.users.git_dir, fresh.clone.git_dir)
        if not self.exclude.exists():
            self.exclude.write_bytes(await self.users.excludes())
        fresh.clone.exclude(self.exclude.read_bytes())
        return fresh

    async def make_clone(self, path: Path, config: Mapping[str, str]) -> None:
        """The clone that an agent works in, without any file yet."""
        await make_clone(self.users, path, self.own.identity, config)

    async def _config_for(self, url: str) -> bytes:
        """The clone's configuration with another origin, written by git in a copy of it."""
        copy = self.beside("config")
        copy.write_bytes(self.clone.config())
        try:
            await self.own.git.run("config", "--file", str(copy), "remote.origin.url", url)
            return copy.read_bytes()
        finally:
            copy.unlink()

    async def agents_head(self) -> str:
        """What the agent has its HEAD on, if that goes on from the branch; else the branch."""
        known, head = self.known_head, self.clone.head()
        if head is None or head == known or not self.clone.lends_only_its_own():
            return known
        stands = await self.own.take_commit(head, known, self.clone.objects)
        return head if stands else known
