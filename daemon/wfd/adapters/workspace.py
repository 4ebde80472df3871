"""The workspace of an assignment or of one lane: the clone, and what the daemon keeps beside it,
out of its reach."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import anyio.to_thread

from wfd.adapters import copies, look, plain_files, refs, told_of
from wfd.adapters.clone import Clone, make_clone
from wfd.adapters.filters import Filters, for_agents
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.taking import EVERYTHING, write_tree
from wfd.adapters.users_repository import UsersRepository
from wfd.adapters.work_tree import WorkTree
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken
from wfd.domain.ids import RunId
from wfd.ports import LeftOut
from wfd.rules.snapshot import SnapshotRules, told


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
            raise Broken(f"{self.path} should be a workspace and is none; move it away")
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
                self.clone.set_aside(self.beside("broken-git"))
            fresh = await self._fresh_clone(commit)
            fresh.clone.git_dir.rename(self.clone.git_dir)
            fresh.path.rmdir()
            self.clone.settle(self.assignment.branch, commit, index)

    async def commit(
        self, message: str, run_id: RunId, top: str, links: Mapping[bytes, str]
    ) -> str:
        """A commit over `top` of what belongs in one, with its submodules at these commits.

        What is left out is ignored from now on, and `left_out` tells it.
        """
        taken = await write_tree(self.tree, top, self.rules, links)
        told_of.remember(self.beside("told"), run_id, taken.things)
        self.ignore(taken.left)
        is_new = taken.tree != await self.own.tree_of(top)
        commit = await self.own.commit(taken.tree, top, message=message) if is_new else top
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

    async def refuse_to_lose(self) -> None:
        """Raise Broken while something here is held by no ref."""
        way_out = f"look in {self.path}, and delete it there if nothing in it is needed"
        if self.assignment.base_commit is None:
            raise Broken(f"nothing is known of what {self.name}'s workspace holds; {way_out}")
        head = self.clone.head()
        if head is not None and not await self.own.has(head):
            raise Broken(f"{self.name}'s workspace holds commits that are nowhere else; {way_out}")
        tree = (await write_tree(self.tree, self.known_head, EVERYTHING)).tree
        kept = await self.own.refs(f"refs/{self.assignment.branch}", "%(tree)")
        if tree not in {*kept, await self.own.tree_of(self.known_head)}:
            raise Broken(f"{self.name}'s workspace holds changes that are nowhere else; {way_out}")

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

    async def agents_head(self) -> str:
        """What the agent has its HEAD on, if that goes on from the branch; else the branch."""
        known, head = self.known_head, self.clone.head()
        if head is None or head == known or not self.clone.lends_only_its_own():
            return known
        stands = await self.own.take_commit(head, known, self.clone.objects)
        return head if stands else known
