"""A submodule of a workspace: a workspace within it.

The daemon has a bare repository for each, under `modules` beside the one of the repository that
it belongs to, and there the index and all else that must be out of the agent's reach. So its
files are snapshotted and put back as those of any workspace, whatever became of its `.git`.
"""

import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wfd.adapters import gitmodules, look, plain_files
from wfd.adapters.clone import Clone, make_clone, make_empty
from wfd.adapters.filters import filters
from wfd.adapters.git import in_checkout
from wfd.adapters.hiding import show
from wfd.adapters.own_modules import folder_of, known_of
from wfd.adapters.own_repository import open_own
from wfd.adapters.users_repository import UsersRepository
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken

_MAX_LINE = 4096
_MAX_NAMES = 1 << 20


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
        if self.apart or "\n" in str(self.users.git_dir):  # git clone --shared would not find it
            await make_empty(self.users, path, self.own.identity, config)
            return
        await make_clone(self.users, path, self.own.identity, config)
        url = (await self.users.config()).get("remote.origin.url", "")
        if url and not url.startswith("-"):
            await in_checkout(path).run("config", "remote.origin.url", url)

    async def follow(self) -> None:
        """As that of a workspace, but its origin is where the submodule really comes from."""
        if not self.clone.borrows_from_users():
            self.clone.follow(self.clone.config())

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

    @property
    def is_shallow(self) -> bool:
        """Its history ends early, and the repository around it must not be made to end so."""
        return bool(self.apart) and (self.own.git_dir.parent / "shallow").is_file()

    async def keep_base(self) -> None:
        base = self.assignment.base_commit
        if base is not None and await self.own.has(base):
            self.own.keep(self.ref("base"), base)

    async def adopt(self) -> "Submodule | None":
        """Keep one that set-up or an agent has initialised; None if it cannot be had."""
        head, shallow = self.clone.head(), self.clone.shallow()
        if self.apart and shallow:
            lines = b"".join(f"{commit}\n".encode() for commit in shallow)
            for folder in (self.own.git_dir.parent, self.own.git_dir):
                (folder / "shallow").write_bytes(lines)
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


async def find(here: GitWorkspace, path: bytes, link: str) -> Submodule | None:
    """The submodule at a path; None where neither the user nor the daemon has a repository.

    `link` is the commit that it is at where the branch has none yet.
    """
    theirs = await _home(here, path)
    if theirs is None and not folder_of(here.own, path).is_dir():
        return None
    return await _opened(here, path, link, theirs)


async def kept(here: GitWorkspace, path: bytes, link: str) -> Submodule | None:
    """A submodule that has files, kept from now on; None if its repository cannot be had."""
    found = await find(here, path, link)
    if found is not None and found.is_kept:
        return found
    if not plain_files.is_there(here.path / os.fsdecode(path) / ".git"):
        return None
    return await (found or await _opened(here, path, link, None)).adopt()


async def populated(here: GitWorkspace, commit: str) -> AsyncIterator[tuple[Submodule, str]]:
    """The submodules that are there in the workspace and that the daemon keeps, as in a commit.

    Each with the commit that it is at.
    """
    for path, link in (await here.own.links(commit)).items():
        if is_populated(here, path):
            one = await kept(here, path, link)
            if one is not None and await one.own.has(link):
                yield one, link


async def added(here: GitWorkspace, top: str) -> dict[bytes, str]:
    """The repositories that the workspace's own .gitmodules names and no commit does yet.

    Of each the commit that it is at. What is tracked is never taken for one.
    """
    try:
        text = plain_files.read(here.path, ".gitmodules", _MAX_NAMES)
    except OSError:
        return {}
    links, found = await here.own.links(top), {}
    named = await gitmodules.named_by(here.own, text)
    show(here, named)
    for path in named:
        above = {path[:at] for at, byte in enumerate(path) if byte == ord("/")}
        if path in links or above & set(links) or not is_populated(here, path):
            continue
        head = clone_at(here, path).head()
        await here.tree.stage(top)
        tracked = await here.tree.git.run("ls-files", "-z", "--", os.fsdecode(path))
        if head is not None and not tracked.names:
            found[path] = head
    return found


def is_populated(here: GitWorkspace, path: bytes) -> bool:
    """Whether a submodule has files. Raises Broken if that cannot be told."""
    name = os.fsdecode(path)
    try:
        is_folder = plain_files.is_folder_within(here.path, name)
        return is_folder and bool(os.listdir(here.path / name))  # noqa: PTH208
    except PermissionError as error:
        raise Broken(f"the submodule {here.path / name} cannot be read; mend or remove it there"
                     ) from error  # fmt: skip


def clone_at(here: GitWorkspace, path: bytes, users: UsersRepository | None = None) -> Clone:
    """The repository at a path of a workspace, which may borrow from one of the user's."""
    place = here.path / os.fsdecode(path)
    return Clone(place, (users or here.users).objects, _elsewhere(place, _outermost(here)))


async def _home(here: GitWorkspace, path: bytes) -> UsersRepository | None:
    """The user's repository of a submodule of the base, also of one that an agent has moved."""
    base = here.assignment.base_commit
    if base is None:
        return None
    links = await here.own.links(base)
    if path in links:
        return await _users_own(here, base, path)
    record = folder_of(here.own, path) / "home"
    if record.is_file():
        return UsersRepository(*map(Path, json.loads(record.read_bytes())))
    for other in links if is_populated(here, path) else ():
        theirs = await _users_own(here, base, other)
        if theirs is not None and clone_at(here, path, theirs).borrows():
            record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            record.write_text(json.dumps([str(theirs.git_dir), str(theirs.checkout)]), "ascii")
            return theirs
    return None


async def _users_own(here: GitWorkspace, base: str, path: bytes) -> UsersRepository | None:
    homes = here.own.known.homes
    known = homes.get((base, path))
    if known is not None and known.objects.is_dir():
        return known
    named = (await gitmodules.named_in(here.own, base)).get(path)
    found = await gitmodules.users_own(here.users, path, named)
    if found is not None:
        homes[base, path] = found
    return found


async def _opened(
    here: GitWorkspace, path: bytes, link: str, theirs: UsersRepository | None
) -> Submodule:
    users, folder = theirs or here.users, folder_of(here.own, path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known, shallow = known_of(here.own, path), b""
    if theirs is None and (folder / "shallow").is_file():
        shallow = (folder / "shallow").read_bytes()
    async with known.opening:  # lanes have the same submodules
        own = await open_own(folder, users, here.own.identity, known, shallow)
    usable = here.filters
    if theirs is not None and usable.accepted:
        usable = filters(await users.config(), sorted(usable.accepted), usable.prefix,
                         users.git_dir)  # fmt: skip
    return Submodule(
        await _as_seen_in(here, path, link),
        users,
        own,
        here.path / os.fsdecode(path),
        here.rules,
        usable,
        at=path,
        outermost=_outermost(here),
        apart="" if theirs is not None else f"{_apart(here)}submodules/{folder.name}/",
    )


async def _as_seen_in(here: GitWorkspace, path: bytes, link: str) -> Assignment:
    """The assignment, whose branch is in a submodule where the one around it says."""
    seen = here.assignment
    base, head = [
        link if at is None else (await here.own.links(at)).get(path, link)
        for at in (seen.base_commit, seen.head_commit or seen.base_commit)
    ]
    return replace(seen, base_commit=base, base_tree=None, head_commit=head, head_tree=None)


def _outermost(here: GitWorkspace) -> Path:
    return here.outermost if isinstance(here, Submodule) else here.path


def _apart(here: GitWorkspace) -> str:
    return here.apart if isinstance(here, Submodule) else ""


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
