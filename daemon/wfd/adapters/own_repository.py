"""The daemon's own bare repository of a namespace: the only one that it runs git on beside
a workspace. It borrows the user's objects and believes nothing of an agent's."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio

from wfd.adapters import refs
from wfd.adapters.authorship import Person
from wfd.adapters.git import Git, GitFailed, object_folder, own
from wfd.adapters.plain_files import remove_tree
from wfd.adapters.users_repository import UsersRepository
from wfd.domain.errors import Broken

if TYPE_CHECKING:
    from wfd.adapters.gitmodules import Named

MAX_FACTS = 4096
_LINK = b"160000 "  # the mode of a submodule
MAX_TEXTS = 32  # of up to 64 KiB each


@dataclass
class Known:
    """What git has said in this life of the daemon and cannot change, or only we change.

    Where the user has the submodules of a base is looked at again when it is not there any more.
    """

    trees: dict[str, str] = field(default_factory=dict)  # of commits that were there
    texts: dict[tuple[object, ...], str | None] = field(default_factory=dict)
    staged: dict[Path, str] = field(default_factory=dict)  # the commit that an index holds
    links: dict[str, Mapping[bytes, str]] = field(default_factory=dict)  # submodules of commits
    named: dict[str, Mapping[bytes, "Named"]] = field(default_factory=dict)  # in .gitmodules
    homes: dict[tuple[str, bytes], UsersRepository] = field(default_factory=dict)
    modules: dict[str, "Known"] = field(default_factory=dict)  # of submodules, by folder
    opening: anyio.Lock = field(default_factory=anyio.Lock)

    def forget(self) -> None:
        self.trees.clear()
        self.texts.clear()
        self.staged.clear()
        self.links.clear()
        self.named.clear()
        self.homes.clear()
        self.modules.clear()

    def bound(self) -> None:
        """Forget it all when it has become much: it can be asked again."""
        if len(self.texts) > MAX_TEXTS:
            self.texts.clear()
        if len(self.trees) + len(self.staged) + len(self.links) > MAX_FACTS:
            self.trees.clear()
            self.staged.clear()
            self.links.clear()
        if len(self.named) + len(self.homes) > MAX_FACTS:
            self.named.clear()
            self.homes.clear()


@dataclass(frozen=True)
class OwnRepository:
    git_dir: Path
    identity: tuple[str, str]
    known: Known

    @property
    def git(self) -> Git:
        return own(self.git_dir)

    async def tree_of(self, commit: str) -> str:
        tree = self.known.trees.get(commit)
        if tree is None:
            tree = await self.git.line("rev-parse", "--verify", f"{commit}^{{tree}}")
            self.known.trees[commit] = tree
        return tree

    async def links(self, commit: str) -> Mapping[bytes, str]:
        """The submodules of a commit: where each of them lies, and which commit it is at."""
        links = self.known.links.get(commit)
        if links is None:
            said = await self.git.run("ls-tree", "-r", "-z", "--full-tree", commit)
            entries = [name.partition(b"\t") for name in said.names if name.startswith(_LINK)]
            links = {path: head.split()[2].decode() for head, _, path in entries}
            self.known.links[commit] = links
        return links

    async def has(self, commit: str) -> bool:
        return commit in self.known.trees or await self.git.has(commit)

    async def commit_at(self, ref: str) -> str | None:
        commit = refs.loose(self.git_dir, ref)
        if commit is None and (self.git_dir / "packed-refs").exists():  # nothing here packs any
            return await self.git.commit_at(ref)
        return commit

    def keep(self, ref: str, commit: str) -> None:
        if refs.loose(self.git_dir, ref) != commit:
            refs.write(self.git_dir, ref, commit)

    async def refs(self, beneath: str, form: str = "%(refname)") -> list[str]:
        said = await self.git.run("for-each-ref", f"--format={form}", beneath)
        return said.out.decode("utf-8", "replace").split()

    async def forget(self, beneath: str) -> None:
        """Drop refs; their objects stay, as nothing here is ever collected."""
        for ref in await self.refs(beneath):
            await self.git.run("update-ref", "-d", ref)

    async def commit(
        self, tree: str, *parents: str, message: str, author: Person | None = None
    ) -> str:
        name, email = self.identity
        by = author or Person(name, email)
        env = {
            "GIT_AUTHOR_NAME": by.name,
            "GIT_AUTHOR_EMAIL": by.email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }
        git = self.git.at(self.git_dir, **env)
        under = [word for parent in parents for word in ("-p", parent)]
        said = await git.feed([message.encode("utf-8", "replace")], "commit-tree", *under,
                              "-F", "-", tree, end=b"\n")  # fmt: skip
        commit = said.out.decode().strip()
        self.known.trees[commit] = tree
        return commit

    async def text_at(self, commit: str, names: Sequence[str], max_bytes: int) -> str | None:
        """The first of these files at the top of `commit`, if it is plain; links are none."""
        key = (commit, *names, max_bytes)
        if key not in self.known.texts:
            self.known.texts[key] = await self._text_at(commit, names, max_bytes)
        return self.known.texts[key]

    async def _text_at(self, commit: str, names: Sequence[str], max_bytes: int) -> str | None:
        said = await self.git.run("ls-tree", "-z", commit, "--", *names)
        found: dict[str, str] = {}
        for entry in said.names:
            head, _, name = entry.decode("utf-8", "surrogateescape").partition("\t")
            mode, kind, sha = head.split()
            if kind == "blob" and mode.startswith("100"):
                found[name] = sha
        blob = next((found[name] for name in names if name in found), None)
        if blob is None:
            return None
        text = (await self.git.run("cat-file", "blob", blob)).out
        return text[:max_bytes].decode("utf-8", "replace")

    async def take_commit(self, commit: str, since: str, objects: Path) -> bool:
        """Bring a commit over from a foreign object folder, and say whether it stands.

        What comes is packed there and hashed again here, so an object that lies about its name
        does not arrive. It stands if all that it needs is here and it descends from `since`.
        """
        stands = await self.take_any(commit, since, objects)
        return stands and await self.git.is_ancestor(since, commit)

    async def take_any(self, commit: str, since: str | None, objects: Path) -> bool:
        """The same for a commit that need not descend from `since`, which is here if it is said."""
        if not await self.has(commit):
            try:
                await self._carry_over([commit], since, objects)
            except GitFailed:
                return False
        return await self.has(commit)

    async def take_commits(self, commits: Sequence[str], since: str, objects: Path) -> bool:
        """Bring over whatever else a foreign object folder has of these; whether all are here.

        They need not descend from `since`, which is only known to be on both sides.
        """
        try:
            await self._carry_over(commits, since, objects)
        except GitFailed:
            return False
        return all([await self.has(commit) for commit in commits])

    async def missing(self, commits: Sequence[str]) -> list[str]:
        """Those of the objects that are not here."""
        said = await self.git.feed(
            (commit.encode() for commit in commits), "cat-file", "--batch-check", end=b"\n"
        )
        lines = said.out.decode().splitlines()
        return [c for c, line in zip(commits, lines, strict=True) if line.endswith(" missing")]

    async def unreachable(self, commits: Sequence[str], held: Sequence[str]) -> list[str]:
        """Those of the commits that nothing in `held` leads to."""
        if not commits:
            return []
        lines = [*commits, *(f"^{one}" for one in held)]
        said = await self.git.feed(
            (line.encode() for line in lines), "rev-list", "--ignore-missing", "--stdin", end=b"\n"
        )
        loose = set(said.out.decode().split())
        return [commit for commit in commits if commit in loose]

    async def heads_of(self, commits: Sequence[str]) -> list[str]:
        """Those from which all the others can be reached."""
        said = await self.git.run("merge-base", "--independent", *commits)
        return said.out.decode().split()

    async def pack(self, commit: str, since: str, into: IO[bytes]) -> None:
        """Write what `commit` has and `since` has not."""
        await _pack(self.git, [commit], since, into)

    async def _carry_over(self, commits: Sequence[str], since: str | None, objects: Path) -> None:
        foreign = self.git.at(self.git_dir, GIT_ALTERNATE_OBJECT_DIRECTORIES=object_folder(objects))
        with tempfile.TemporaryFile(dir=self.git_dir) as pack:
            await _pack(foreign, commits, since, pack)
            pack.seek(0)
            await self.git.run("index-pack", "--stdin", "--strict", stdin=pack)


async def open_own(
    folder: Path,
    users: UsersRepository,
    identity: tuple[str, str],
    known: Known,
    shallow: bytes = b"",
) -> OwnRepository:
    """The repository in `folder`, made if it is not there, lent the user's objects anew.

    `shallow` are more commits whose parents nobody has, a line each.
    """
    git_dir = folder / "repo.git"
    if not (git_dir / "HEAD").is_file():
        await _make(git_dir, users)
    if not users.objects.is_dir():
        raise Broken(
            f"{users.git_dir} is not a git folder any more; if the repository has moved, go to"
            " where it is now and run: wfd init"
        )
    lent = object_folder(users.objects) + "\n"
    if _replace(git_dir / "objects" / "info" / "alternates", lent):
        known.forget()  # the user's repository is another one, or elsewhere
    with suppress(FileNotFoundError):
        shallow += (users.git_dir / "shallow").read_bytes()
    if shallow:
        _replace(git_dir / "shallow", shallow.decode("ascii"))
    else:
        (git_dir / "shallow").unlink(missing_ok=True)
    known.bound()
    return OwnRepository(git_dir, identity, known)


async def _pack(git: Git, commits: Sequence[str], since: str | None, into: IO[bytes]) -> None:
    with tempfile.TemporaryFile() as wanted:
        beyond = [] if since is None else [f"^{since}"]
        wanted.write("\n".join([*commits, *beyond, ""]).encode())
        wanted.seek(0)
        await git.run(
            "pack-objects", "--quiet", "--revs", "--stdout", "--no-use-bitmap-index",
            stdin=wanted, stdout=into,
        )  # fmt: skip


async def _make(git_dir: Path, users: UsersRepository) -> None:
    fresh = git_dir.with_suffix(".new")
    remove_tree(fresh)
    form = await users.git.line("rev-parse", "--show-object-format")
    await own(fresh).at(git_dir.parent).run(
        "init", "--quiet", "--bare", "--template=", f"--object-format={form}",
        "--initial-branch=none", str(fresh),
    )  # fmt: skip
    (fresh / "objects" / "info").mkdir(exist_ok=True)
    with suppress(FileNotFoundError):
        remove_tree(git_dir)
    fresh.rename(git_dir)


def _replace(file: Path, text: str) -> bool:
    """Whether it was not so already."""
    with suppress(FileNotFoundError):
        if file.read_text(encoding="utf-8", errors="surrogateescape") == text:
            return False
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8", errors="surrogateescape")
    fresh.rename(file)
    return True
