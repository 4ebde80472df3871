"""A submodule of a workspace: a workspace within it.

The daemon has a bare repository for each, under `modules` beside the one of the repository that
it belongs to, and there the index and all else that must be out of the agent's reach. So its
files are snapshotted and put back as those of any workspace, whatever became of its `.git`.
"""

import hashlib
import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wfd.adapters import gitmodules, look, plain_files
from wfd.adapters.clone import Clone, make_clone, make_empty
from wfd.adapters.filters import filters
from wfd.adapters.git import in_checkout
from wfd.adapters.own_repository import Known, OwnRepository, open_own
from wfd.adapters.users_repository import UsersRepository
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken

_MAX_LINE = 4096


@dataclass(frozen=True, kw_only=True)
class Submodule(GitWorkspace):
    at: bytes  # where it lies in the repository around it
    outermost: Path  # the workspace whose .git may hold its git folder, too
    apart: str = ""  # what its refs begin with where the user has no repository of it

    def ref(self, name: str) -> str:
        return f"refs/{self.assignment.branch}/{self.apart}{name}"

    @property
    def clone(self) -> Clone:
        return Clone(self.path, self.users.objects, _elsewhere(self.path, self.outermost))

    @property
    def is_kept(self) -> bool:
        """The daemon knows what it was like before the agent."""
        return self.beside("index").is_file()

    async def make_clone(self, path: Path, config: Mapping[str, str]) -> None:
        if self.apart:
            await make_empty(self.users, path, self.own.identity, config)
            return
        await make_clone(self.users, path, self.own.identity, config)
        url = (await self.users.config()).get("remote.origin.url", "")
        if url and not url.startswith("-"):
            await in_checkout(path).run("config", "remote.origin.url", url)

    async def agents_head(self) -> str:
        """The commit that HEAD is at, wherever it was before: a submodule may be set back, too."""
        known, head = self.known_head, self.clone.head()
        if head is None or head == known or await self.own.has(head):
            return head or known
        since = known if await self.own.has(known) else None
        return head if await self.takes(head, since) else known

    async def takes(self, commit: str, since: str | None = None) -> bool:
        """Bring a commit over that only the workspace has, and say whether it is here now."""
        if await self.own.has(commit):
            return True
        if not self.clone.lends_only_its_own():
            return False
        return await self.own.take_any(commit, since, self.clone.objects)

    async def keep_base(self) -> None:
        base = self.assignment.base_commit
        if base is not None and await self.own.has(base):
            self.own.keep(self.ref("base"), base)

    async def adopt(self) -> "Submodule | None":
        """Keep one that set-up or an agent has initialised; None if it cannot be had."""
        head = self.clone.head()
        if head is None or not await self.takes(head):
            return None
        await self.takes(self.known_head)
        await self.keep_base()
        if not self.beside("look").exists():
            look.write(self.beside("look"), await self.users.config())
        if not self.exclude.exists():
            self.exclude.write_bytes(await self.users.excludes(everywhere=True))
        await self.tree.stage(head)
        return self


async def find(here: GitWorkspace, path: bytes, commit: str) -> Submodule | None:
    """The submodule at a path; None where neither the user nor the daemon has a repository."""
    base = here.assignment.base_commit or commit
    theirs = None
    if path in await here.own.links(base):  # an agent could name any folder of the user's
        named = (await gitmodules.named_in(here.own, base)).get(path)
        theirs = await gitmodules.users_own(here.users, path, named)
    if theirs is None and not _folder(here.own, path).is_dir():
        return None
    return await _opened(here, path, commit, theirs)


async def populated(here: GitWorkspace, commit: str) -> AsyncIterator[tuple[Submodule, str]]:
    """The submodules that are there in the workspace and that the daemon keeps, as in a commit.

    Each with the commit that it is at.
    """
    for path, link in (await here.own.links(commit)).items():
        if is_populated(here, path):
            one = await kept(here, path, commit)
            if one is not None and await one.own.has(link):
                yield one, link


def is_populated(here: GitWorkspace, path: bytes) -> bool:
    """Whether a submodule has files. Raises Broken if that cannot be told."""
    name = os.fsdecode(path)
    try:
        is_folder = plain_files.is_folder_within(here.path, name)
        return is_folder and bool(os.listdir(here.path / name))  # noqa: PTH208
    except PermissionError as error:
        raise Broken(f"the submodule {here.path / name} cannot be read; mend or remove it there"
                     ) from error  # fmt: skip


def head_of(here: GitWorkspace, path: bytes) -> str | None:
    """Where a submodule's HEAD is, if that can be told."""
    place = here.path / os.fsdecode(path)
    return Clone(place, here.users.objects, _elsewhere(place, _outermost(here))).head()


def own_at(own: OwnRepository, path: bytes) -> OwnRepository | None:
    """The daemon's repository of a submodule, if it has one."""
    folder = _folder(own, path)
    if not (folder / "repo.git" / "HEAD").is_file():
        return None
    return OwnRepository(folder / "repo.git", own.identity, _known(own, folder))


async def moved(own: OwnRepository, old: str, new: str) -> AsyncIterator[tuple[bytes, str, str]]:
    """The submodules that two commits have at different commits: where, and from which to which."""
    before, after = await own.links(old), await own.links(new)
    for path, link in sorted(after.items()):
        if path in before and before[path] != link:
            yield path, before[path], link


async def moved_within(
    own: OwnRepository, old: str, new: str, under: str = ""
) -> AsyncIterator[tuple[OwnRepository, str, str, str]]:
    """The same, however deep, where the daemon has both commits: in which repository, and where.

    The place ends with a slash.
    """
    async for path, was, now in moved(own, old, new):
        within = own_at(own, path)
        if within is not None and await within.has(was) and await within.has(now):
            name = f"{under}{os.fsdecode(path)}/"
            yield within, name, was, now
            async for deeper in moved_within(within, was, now, name):
                yield deeper


async def kept(here: GitWorkspace, path: bytes, commit: str) -> Submodule | None:
    """A submodule that has files, kept from now on; None if its repository cannot be had."""
    found = await find(here, path, commit)
    if found is not None and found.is_kept:
        return found
    if not plain_files.is_there(here.path / os.fsdecode(path) / ".git"):
        return None
    return await (found or await _opened(here, path, commit, None)).adopt()


async def _opened(
    here: GitWorkspace, path: bytes, commit: str, theirs: UsersRepository | None
) -> Submodule:
    users, folder = theirs or here.users, _folder(here.own, path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = await open_own(folder, users, here.own.identity, _known(here.own, folder))
    usable = here.filters
    if theirs is not None and usable.accepted:
        usable = filters(await users.config(), sorted(usable.accepted), usable.prefix,
                         users.git_dir)  # fmt: skip
    return Submodule(
        await _as_seen_in(here, path, commit),
        users,
        own,
        here.path / os.fsdecode(path),
        here.rules,
        usable,
        at=path,
        outermost=_outermost(here),
        apart="" if theirs is not None else f"{_apart(here)}submodules/{folder.name}/",
    )


async def _as_seen_in(here: GitWorkspace, path: bytes, commit: str) -> Assignment:
    """The assignment, whose branch is in a submodule where the one around it says."""
    seen = here.assignment
    there = (await here.own.links(commit)).get(path)
    links = [
        there if at is None else (await here.own.links(at)).get(path, there)
        for at in (seen.base_commit, seen.head_commit or seen.base_commit)
    ]
    return replace(seen, base_commit=links[0], base_tree=None, head_commit=links[1], head_tree=None)


def _outermost(here: GitWorkspace) -> Path:
    return here.outermost if isinstance(here, Submodule) else here.path


def _apart(here: GitWorkspace) -> str:
    return here.apart if isinstance(here, Submodule) else ""


def _known(own: OwnRepository, folder: Path) -> Known:
    return own.known.modules.setdefault(folder.name, Known())


def _folder(own: OwnRepository, path: bytes) -> Path:
    """Named by the path, as far as a person can read it, and by its hash."""
    words = re.sub(r"[^A-Za-z0-9]+", "-", os.fsdecode(path)).strip("-")[-40:].strip("-")
    digest = hashlib.sha256(path).hexdigest()[:8]
    return own.git_dir.parent / "modules" / (f"{words}-{digest}" if words else digest)


def _elsewhere(place: Path, outermost: Path) -> Path | None:
    """The git folder that a submodule's `.git` file names, if it lies in the workspace's own."""
    try:
        line = plain_files.read(place, ".git", _MAX_LINE)
    except OSError:
        return None
    if not line.startswith(b"gitdir: "):
        return None
    named = os.fsdecode(line.removeprefix(b"gitdir: ").rstrip(b"\n"))
    git_dir = Path(os.path.normpath(place / named))
    within = outermost / ".git"
    if not git_dir.is_relative_to(within) or git_dir == within:
        return None
    try:
        is_real = plain_files.is_folder_within(outermost, str(git_dir.relative_to(outermost)))
    except PermissionError:
        return None
    return git_dir if is_real else None
