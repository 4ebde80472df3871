"""The workspace of an assignment or of one lane: the clone, and what the daemon keeps beside it,
out of its reach."""

from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from wfd.adapters import plain_files, refs
from wfd.adapters.clone import Clone, make_clone
from wfd.adapters.own_repository import OwnRepository
from wfd.adapters.users_repository import UsersRepository
from wfd.adapters.work_tree import WorkTree
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken


@dataclass(frozen=True)
class GitWorkspace:
    assignment: Assignment
    users: UsersRepository
    own: OwnRepository
    path: Path

    @property
    def name(self) -> str:
        return self.assignment.place

    @property
    def exclude(self) -> Path:
        """The ignore rules of the user alone, and the files that were copied here."""
        return self.beside("exclude")

    @property
    def tree(self) -> WorkTree:
        return WorkTree(self.own, self.path, self.beside("index"), self.exclude)

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

    async def make(self, head: str) -> None:
        """Make it at `head`, beside its place, and move it there whole."""
        fresh = await self._fresh_clone(head)
        await fresh.tree.check_out(head)
        fresh.clone.settle(self.assignment.branch, head, self.beside("index").read_bytes())
        fresh.path.rename(self.path)

    async def settle(self, commit: str) -> None:
        """Let the next agent find its clone on the branch at `commit`, whatever the last did."""
        await self.tree.stage(commit)
        index = self.beside("index").read_bytes()
        try:
            self.clone.settle(self.assignment.branch, commit, index)
        except OSError:
            self.clone.set_aside(self.beside("broken-git"))
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

    async def commit(self, message: str) -> str:
        """A commit of all that is here, over the agent's own commits if they stand."""
        top = await self._agents_head()
        tree = await self.tree.write_tree(top)
        is_new = tree != await self.own.tree_of(top)
        commit = await self.own.commit(tree, top, message=message) if is_new else top
        self.tree.is_staged(commit)
        return commit

    async def refuse_to_lose(self) -> None:
        """Raise Broken while something here is held by no ref."""
        way_out = f"look in {self.path}, and delete it there if nothing in it is needed"
        if self.assignment.base_commit is None:
            raise Broken(f"nothing is known of what {self.name}'s workspace holds; {way_out}")
        head = self.clone.head()
        if head is not None and not await self.own.has(head):
            raise Broken(f"{self.name}'s workspace holds commits that are nowhere else; {way_out}")
        tree = await self.tree.write_tree(self.known_head)
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

    async def _fresh_clone(self, head: str) -> "GitWorkspace":
        fresh = replace(self, path=self.beside("new"))
        await anyio.to_thread.run_sync(plain_files.remove_tree, fresh.path)
        self.own.keep(self.ref("head"), head)
        if refs.loose(self.users.git_dir, self.ref("head")) != head:
            await self.users.take(self.own.git_dir, self.ref("head"))
        await make_clone(self.users, fresh.path, self.own.identity)
        if not self.exclude.exists():
            self.exclude.write_bytes(await self.users.excludes())
        fresh.clone.exclude(self.exclude.read_bytes())
        return fresh

    async def _config_for(self, url: str) -> bytes:
        """The clone's configuration with another origin, written by git in a copy of it."""
        copy = self.beside("config")
        copy.write_bytes(self.clone.config())
        try:
            await self.own.git.run("config", "--file", str(copy), "remote.origin.url", url)
            return copy.read_bytes()
        finally:
            copy.unlink()

    async def _agents_head(self) -> str:
        known, head = self.known_head, self.clone.head()
        if head is None or head == known or not self.clone.lends_only_its_own():
            return known
        stands = await self.own.take_commit(head, known, self.clone.objects)
        return head if stands else known
