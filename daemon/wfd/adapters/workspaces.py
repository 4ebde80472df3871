"""A workspace for each assignment: made, snapshotted, put back, and removed without loss.

Under the state folder, `ns/<namespace>` holds `repo.git`, the daemon's own repository, and for
assignment 7 the workspace `A7` with `A7.index` and `A7.exclude` beside it, out of its reach. Its
lane J12 has `A7-J12` and the like.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from wfd.adapters import copies, leaving, plain_files, whole
from wfd.adapters.authorship import CommitWords, user_of
from wfd.adapters.delivery import deliver
from wfd.adapters.diff import changed_with_submodules, diff_with_submodules
from wfd.adapters.filters import Filters, filters
from wfd.adapters.git import GitFailed
from wfd.adapters.merging import merge
from wfd.adapters.on_disk import workspaces_on_disk
from wfd.adapters.own_repository import Known, OwnRepository, open_own
from wfd.adapters.partial import complete
from wfd.adapters.trash import Trash
from wfd.adapters.users_repository import UsersRepository
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken
from wfd.domain.ids import JobId, NamespaceId, RunId
from wfd.domain.kept import Kept
from wfd.domain.namespace import Namespace
from wfd.ports import Conflicting, Diff, OnDisk, Snapshot, Workspace
from wfd.rules.snapshot import WorkspaceRules


class GitWorkspaces:
    """Workspaces as shared clones of the user's repository. Implements ports.Workspaces."""

    def __init__(
        self,
        state_dir: Path,
        identity: tuple[str, str] = ("wfd", "wfd@localhost"),
        rules_of: Callable[[Namespace], WorkspaceRules] = lambda _: WorkspaceRules(),
        prefix: Sequence[str] = (),
    ):
        """`prefix` are the first words of each command line that a repository may name."""
        self._state_dir = state_dir
        self._rules_of = rules_of
        self._prefix = prefix
        self._trash = Trash(state_dir / "trash")
        self._identity = identity
        self._known: dict[NamespaceId, Known] = {}
        self._pinning = anyio.Lock()  # lanes of one assignment begin side by side

    def path(self, namespace: Namespace, assignment: Assignment) -> Path:
        return self._state_dir / "ns" / str(namespace.id) / assignment.place

    async def base(self, namespace: Namespace, assignment: Assignment) -> tuple[str, str]:
        async with self._opened(namespace, assignment) as here:
            base = await self._pinned_base(here)
            return base, await here.own.tree_of(base)

    async def prepare(self, namespace: Namespace, assignment: Assignment) -> Workspace:
        async with self._opened(namespace, assignment) as here:
            base = await self._pinned_base(here)
            head = assignment.head_commit or base
            await _need(here, head)
            await here.users.refuse_without_room(assignment.branch)
            is_new = not here.is_there
            if is_new:
                begun = replace(here.assignment, base_commit=base)
                await whole.make(replace(here, assignment=begun), head)
            elif not plain_files.is_folder(here.clone.git_dir):
                await here.settle(head)
            else:
                await whole.follow(here, head)
            return Workspace(
                path=here.path,
                base_commit=base,
                base_tree=await here.own.tree_of(base),
                head_commit=head,
                head_tree=await here.own.tree_of(head),
                is_new=is_new,
            )

    async def snapshot(
        self,
        namespace: Namespace,
        assignment: Assignment,
        job_id: JobId,
        run_id: RunId,
        message: str,
        *,
        by_user: bool = False,
    ) -> Snapshot:
        async with self._opened(namespace, assignment) as here:
            known = here.known_head
            ref = here.ref(f"R{run_id}")
            commit = await here.own.commit_at(ref)
            if commit is None:
                here.need()
                trailers = f"Wfd-Job: J{job_id}\nWfd-Run: R{run_id}"
                author = await user_of(here.users.git) if by_user else None
                words = CommitWords(_printable(message), trailers, author)
                commit = await whole.commit(here, words, run_id)
                await leaving.tell(here, run_id, commit)
                here.own.keep(ref, commit)
            if here.is_there:
                await whole.settle(here, commit)
            return Snapshot(
                commit=commit,
                tree=await here.own.tree_of(commit),
                parent_commit=known,
                parent_tree=await here.own.tree_of(known),
                left_out=here.left_out(run_id),
            )

    async def restore(self, namespace: Namespace, assignment: Assignment, commit: str) -> None:
        async with self._opened(namespace, assignment) as here:
            here.need()
            await whole.restore(here, commit)

    async def deliver(
        self,
        namespace: Namespace,
        assignment: Assignment,
        run_id: RunId,
        commit: str,
        *,
        moves_branch: bool,
    ) -> None:
        """Raises Conflict when the user moved the branch or stands on it.

        refs/wfd/A7/R101 and refs/wfd/A7/head have the commit then.
        """
        async with self._opened(namespace, assignment) as here:
            await deliver(here, f"R{run_id}", commit, moves_branch=moves_branch)

    async def merge(
        self,
        namespace: Namespace,
        assignment: Assignment,
        lane: Assignment,
        job_id: JobId,
        run_id: RunId,
    ) -> Snapshot | Conflicting:
        async with self._opened(namespace, assignment) as here:
            return await merge(here, lane, job_id, run_id)

    async def diff(self, namespace: Namespace, old: str, new: str, patch: Path) -> Diff:
        own = await self._own(namespace)
        return await diff_with_submodules(own, old, new, patch)

    async def changed(self, namespace: Namespace, old: str, new: str) -> list[str]:
        own = await self._own(namespace)
        return await changed_with_submodules(own, old, new)

    async def text_at(
        self, namespace: Namespace, commit: str, names: Sequence[str], max_bytes: int
    ) -> str | None:
        own = await self._own(namespace)
        return await own.text_at(commit, names, max_bytes)

    async def copy(
        self, namespace: Namespace, assignment: Assignment, globs: Sequence[str]
    ) -> list[str]:
        """Copy untracked files of the user's checkout into the workspace, and name them.

        They are ignored there from now on, so that no snapshot holds a secret. Raises Broken
        for a glob or a link that leaves the checkout.
        """
        if not globs:
            return []
        here = await self._workspace(namespace, assignment)
        here.need()
        names = await copies.untracked(here.users.checkout, globs)
        await anyio.to_thread.run_sync(copies.copy, here.users.checkout, here.path, names)
        here.ignore(names)
        return names

    async def ignore_new(
        self, namespace: Namespace, assignment: Assignment, commit: str
    ) -> list[str]:
        """Ignore from now on what is new beside `commit`, such as what set-up has installed."""
        here = await self._workspace(namespace, assignment)
        here.need()
        return await whole.ignore_new(here, commit)

    async def mark_set_up(self, namespace: Namespace, assignment: Assignment) -> None:
        here = await self._workspace(namespace, assignment)
        await leaving.mark_set_up(here)

    async def remove(self, namespace: Namespace, assignment: Assignment) -> Kept:
        async with self._opened(namespace, assignment) as here:
            await leaving.salvage(here, self._trash)
            await whole.remove(here)
            return await leaving.kept(here, self._trash)

    async def sweep_trash(self, max_age_ms: int, max_bytes: int) -> list[Kept]:
        sweep = partial(self._trash.sweep, max_age_ms / 1000, max_bytes)
        gone = await anyio.to_thread.run_sync(sweep)
        return [Kept(one.folder.name, (), str(one.folder), one.files, one.bytes) for one in gone]

    async def on_disk(self) -> list[OnDisk]:
        return await anyio.to_thread.run_sync(workspaces_on_disk, self._state_dir)

    async def delivered(self, namespace: Namespace, assignment: Assignment) -> str | None:
        async with self._opened(namespace, assignment) as here:
            return await here.own.commit_at(here.ref("head"))

    async def retire(self, namespace: Namespace, assignment: Assignment) -> None:
        async with self._opened(namespace, assignment) as here:
            await here.users.drop_branch(assignment.branch, here.known_head)

    async def _pinned_base(self, here: GitWorkspace) -> str:
        async with self._pinning:
            base = await _base(here)
            await _pin_base(here, base)
            return base

    @asynccontextmanager
    async def _opened(
        self, namespace: Namespace, assignment: Assignment
    ) -> AsyncIterator[GitWorkspace]:
        """The workspace. After a git that failed, nothing is taken for known any more."""
        try:
            yield await self._workspace(namespace, assignment)
        except GitFailed:
            self._known.pop(namespace.id, None)
            raise

    async def _workspace(self, namespace: Namespace, assignment: Assignment) -> GitWorkspace:
        own = await self._own(namespace)
        path = self.path(namespace, assignment)
        users = UsersRepository.of(namespace)
        rules = self._rules_of(namespace)
        usable = await self._filters(users, rules)
        return GitWorkspace(assignment, users, own, path, rules.snapshot, usable)

    async def _filters(self, users: UsersRepository, rules: WorkspaceRules) -> Filters:
        """Those that a person has accepted, as the user's configuration defines them now."""
        if not rules.filters:
            return Filters()
        return filters(await users.config(), rules.filters, self._prefix, users.git_dir)

    async def _own(self, namespace: Namespace) -> OwnRepository:
        folder = self._state_dir / "ns" / str(namespace.id)
        for level in (self._state_dir, self._state_dir / "ns", folder):
            level.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self._known.setdefault(namespace.id, Known())
        async with known.opening:
            return await open_own(folder, UsersRepository.of(namespace), self._identity, known)


def _printable(message: str) -> str:
    """Without what git refuses in a message, or what a terminal would obey."""
    return "".join(c if c == "\n" or c.isprintable() else " " for c in message)


async def _base(here: GitWorkspace) -> str:
    """Where the branch begins: as recorded, as pinned before a crash, or where the person stood.

    An assignment that does not say that begins at the HEAD of the user's checkout.
    """
    if here.assignment.base_commit is not None:
        return here.assignment.base_commit
    pinned = await here.own.commit_at(here.ref("base"))
    others = await here.own.refs(f"refs/{here.assignment.branch}")
    # Runs without a recorded base are those of an earlier store.
    wanted = here.assignment.from_commit
    known = {here.ref("base"), here.ref("head")}
    if pinned is not None and wanted in (None, pinned) and set(others) <= known:
        return pinned
    await here.users.refuse_foreign(here.assignment)
    if here.is_there:
        raise Broken(f"{here.path} is the workspace of an earlier store; move it away")
    await here.own.forget(f"refs/{here.assignment.branch}")
    return wanted or await here.users.head()


async def _pin_base(here: GitWorkspace, base: str) -> None:
    await _need(here, base)
    await complete(here.users, base)
    here.own.keep(here.ref("base"), base)
    await here.users.pin(here.ref("base"), base)


async def _need(here: GitWorkspace, commit: str) -> None:
    if not await here.own.has(commit):
        raise Broken(
            f"commit {commit} of {here.name} is no longer in {here.users.git_dir};"
            " fetch it there from a repository that still has it"
        )
