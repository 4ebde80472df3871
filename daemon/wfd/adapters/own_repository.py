"""The daemon's own bare repository of a namespace: the only one that it runs git on beside
a workspace. It borrows the user's objects and believes nothing of an agent's."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.git import Git, GitFailed, object_folder, own
from wfd.adapters.plain_files import remove_tree
from wfd.adapters.users_repository import UsersRepository
from wfd.domain.errors import Broken


@dataclass(frozen=True)
class OwnRepository:
    git_dir: Path
    identity: tuple[str, str]

    @property
    def git(self) -> Git:
        return own(self.git_dir)

    async def tree_of(self, commit: str) -> str:
        return await self.git.line("rev-parse", "--verify", f"{commit}^{{tree}}")

    async def commit_at(self, ref: str) -> str | None:
        return await self.git.commit_at(ref)

    async def keep(self, ref: str, commit: str) -> None:
        await self.git.run("update-ref", ref, commit)

    async def refs(self, beneath: str, form: str = "%(refname)") -> list[str]:
        said = await self.git.run("for-each-ref", f"--format={form}", beneath)
        return said.out.decode("utf-8", "replace").split()

    async def forget(self, beneath: str) -> None:
        """Drop refs; their objects stay, as nothing here is ever collected."""
        for ref in await self.refs(beneath):
            await self.git.run("update-ref", "-d", ref)

    async def commit(self, tree: str, parent: str, message: str) -> str:
        name, email = self.identity
        env = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }
        git = self.git.at(self.git_dir, **env)
        said = await git.feed([message.encode("utf-8", "replace")], "commit-tree", "-p", parent,
                              "-F", "-", tree, end=b"\n")  # fmt: skip
        return said.out.decode().strip()

    async def text_at(self, commit: str, names: Sequence[str], max_bytes: int) -> str | None:
        """The first of these files at the top of `commit`, if it is plain; links are none."""
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
        if not await self.git.has(commit):
            try:
                await self._carry_over(commit, since, objects)
            except GitFailed:
                return False
        return await self.git.has(commit) and await self.git.is_ancestor(since, commit)

    async def _carry_over(self, commit: str, since: str, objects: Path) -> None:
        foreign = self.git.at(self.git_dir, GIT_ALTERNATE_OBJECT_DIRECTORIES=object_folder(objects))
        with tempfile.TemporaryFile(dir=self.git_dir) as pack:
            with tempfile.TemporaryFile() as wanted:
                wanted.write(f"{commit}\n^{since}\n".encode())
                wanted.seek(0)
                await foreign.run(
                    "pack-objects", "--quiet", "--revs", "--stdout", "--no-use-bitmap-index",
                    stdin=wanted, stdout=pack,
                )  # fmt: skip
            pack.seek(0)
            await self.git.run("index-pack", "--stdin", "--strict", stdin=pack)


async def open_own(
    folder: Path, users: UsersRepository, identity: tuple[str, str]
) -> OwnRepository:
    """The repository in `folder`, made if it is not there, lent the user's objects anew."""
    git_dir = folder / "repo.git"
    if not (git_dir / "HEAD").is_file():
        await _make(git_dir, users)
    if not users.objects.is_dir():
        raise Broken(f"{users.git_dir} is no git folder any more; run wfd init in its checkout")
    _replace(git_dir / "objects" / "info" / "alternates", object_folder(users.objects) + "\n")
    if (users.git_dir / "shallow").is_file():
        shutil.copyfile(users.git_dir / "shallow", git_dir / "shallow")
    else:
        (git_dir / "shallow").unlink(missing_ok=True)
    return OwnRepository(git_dir, identity)


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


def _replace(file: Path, text: str) -> None:
    with suppress(FileNotFoundError):
        if file.read_text(encoding="utf-8", errors="surrogateescape") == text:
            return
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8", errors="surrogateescape")
    fresh.rename(file)
