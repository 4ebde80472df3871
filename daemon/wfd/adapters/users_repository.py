"""The user's repository: where a branch begins, and where results arrive, by fetch alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from wfd.adapters import refs
from wfd.adapters.git import NOT_THERE, Git, in_checkout, of_user
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken, Conflict
from wfd.domain.namespace import Namespace

_MAX_TEXT = 1 << 20
MAX_UNPACKED = 1 << 20  # bytes; a larger pack is kept as one


@dataclass(frozen=True)
class UsersRepository:
    git_dir: Path  # the common one, where linked worktrees share it
    checkout: Path

    @classmethod
    def of(cls, namespace: Namespace) -> "UsersRepository":
        return cls(Path(namespace.git_dir), Path(namespace.checkout))

    @property
    def git(self) -> Git:
        if self.is_put_away:
            return of_user(self.git_dir).at(self.git_dir, GIT_WORK_TREE=str(self.git_dir))
        return of_user(self.git_dir)

    @property
    def is_put_away(self) -> bool:
        """A submodule's, which is not checked out where it says that it is."""
        return self.checkout == self.git_dir

    @property
    def objects(self) -> Path:
        return self.git_dir / "objects"

    async def head(self) -> str:
        """The commit that the checkout stands on."""
        commit = await in_checkout(self.checkout).commit_at("HEAD")
        if commit is None:
            raise Broken(
                f"{self.checkout} has no commit to begin from; make one:"
                " git add -A && git commit -m 'First commit'"
            )
        return commit

    async def config(self) -> dict[str, str]:
        """The user's git configuration as it counts in the checkout; the last word of each key."""
        is_there = self.checkout.is_dir() and not self.is_put_away
        git = in_checkout(self.checkout) if is_there else self.git
        said = await git.run("config", "--null", "--list", "--includes")
        entries = (os.fsdecode(entry).partition("\n") for entry in said.names)
        return {key: value if is_said else "true" for key, is_said, value in entries}

    async def excludes(self, *, everywhere: bool = False) -> bytes:
        """The ignore rules that are the user's alone: info/exclude and core.excludesFile.

        Those that hold in all repositories are in the latter.
        """
        said = await self.git.ask("config", "--type=path", "--get", "core.excludesFile")
        named = os.fsdecode(said.out).strip()
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        files = (
            Path(named) if named else config / "git" / "ignore",
            self.git_dir / "info" / "exclude",
        )
        return b"\n".join(beginning(file) for file in (files[:1] if everywhere else files))

    async def refuse_foreign(self, assignment: Assignment) -> None:
        """Raise Conflict if something here already has the names of a new assignment."""
        branch = assignment.branch
        taken = await self.git.run(
            "for-each-ref", "--format=%(refname)",
            f"refs/heads/{branch}", f"refs/{branch}", "refs/heads/wfd",
        )  # fmt: skip
        names = taken.out.decode("utf-8", "replace").split()
        in_the_way = [n for n in names if n == "refs/heads/wfd" or _is_of(n, branch)]
        if f"refs/heads/{branch}" in in_the_way:
            raise Conflict(
                f"{self.git_dir} already has a branch {branch} that is not of this assignment;"
                f" rename it: git branch -m {branch} {branch}-old"
            )
        if "refs/heads/wfd" in in_the_way:
            raise Conflict(
                f"the branch 'wfd' in {self.git_dir} leaves no room for {branch};"
                " rename it: git branch -m wfd wfd-old"
            )
        if in_the_way:
            raise Conflict(
                f"{self.git_dir} still holds {in_the_way[0]} of an earlier store; keep what you"
                f" need of it (git for-each-ref refs/{branch}), then delete it:"
                f" git for-each-ref --format='delete %(refname)' refs/{branch}"
                " | git update-ref --stdin"
            )

    async def pin(self, ref: str, commit: str) -> None:
        """Keep a commit by a ref of its own. Raises Conflict if the ref has another value."""
        present = await self.commit_at(ref)
        if present == commit:
            return
        if present is not None:
            raise Conflict(
                f"{ref} in {self.git_dir} was moved to {present[:12]}; put it back:"
                f" git update-ref {ref} {commit}"
            )
        await self.git.run("update-ref", ref, commit, NOT_THERE)

    async def commit_at(self, ref: str) -> str | None:
        return refs.loose(self.git_dir, ref) or await self.git.commit_at(ref)

    async def branch_at(self, branch: str) -> str | None:
        return await self.commit_at(f"refs/heads/{branch}")

    async def take(self, own: Path, *names: str) -> None:
        """Fetch refs of the daemon's own repository under the same names."""
        await self.git.run(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
            "--no-recurse-submodules", "--update-shallow", str(own),
            *(f"+{ref}:{ref}" for ref in names),
        )  # fmt: skip

    async def take_pack(self, pack: IO[bytes]) -> None:
        """Bring in the objects of a pack whose every other object is here already."""
        size = pack.seek(0, os.SEEK_END)
        pack.seek(0)
        if size > MAX_UNPACKED:
            await self.git.run("index-pack", "--stdin", stdin=pack)
        else:
            await self.git.run("unpack-objects", "-q", stdin=pack)

    async def set_refs(
        self, ours: Mapping[str, str], moved: Mapping[str, tuple[str, str | None]] | None = None
    ) -> None:
        """Set refs that are ours, and move others from what they are now; all, or GitFailed."""
        lines = [f"update {ref} {commit}" for ref, commit in ours.items()]
        for ref, (commit, present) in (moved or {}).items():
            lines.append(f"update {ref} {commit} {present or '0' * len(commit)}")
        await self.git.feed(
            (line.encode() for line in lines), "update-ref", "-m", "wfd", "--stdin", end=b"\n"
        )

    async def drop_branch(self, branch: str, commit: str) -> None:
        """Delete a branch that is held elsewhere, unless somebody moved it or stands on it."""
        if await self.stood_on_in(branch) is None:
            await self.git.ask("update-ref", "-d", f"refs/heads/{branch}", commit)

    async def stood_on_in(self, branch: str) -> Path | None:
        """The folder in which the branch is checked out."""
        if not self._may_be_stood_on(branch):
            return None
        said = await self.git.run("worktree", "list", "--porcelain")
        folder = ""
        for line in os.fsdecode(said.out).splitlines():
            if line.startswith("worktree "):
                folder = line.removeprefix("worktree ")
            elif line == f"branch refs/heads/{branch}":
                return Path(folder)
        return None

    def _may_be_stood_on(self, branch: str) -> bool:
        """Whether the file of any HEAD names the branch; git need not be asked if none does."""
        if (self.git_dir / "reftable").exists():
            return True  # its HEADs are elsewhere
        heads = (self.git_dir / "HEAD", *self.git_dir.glob("worktrees/*/HEAD"))
        return any(
            f"refs/heads/{branch}" in beginning(head).decode(errors="replace") for head in heads
        )

    def stood_on(self, branch: str, folder: Path, kept: str) -> Conflict:
        return Conflict(
            f"the branch {branch} is checked out in {folder} and stays where it is; the"
            f" result is kept as {kept}: take it there with git merge {kept}"
        )

    def moved(self, branch: str, kept: str) -> Conflict:
        return Conflict(
            f"the branch {branch} in {self.git_dir} was moved by somebody else and stays there;"
            f" the result is kept as {kept}: rename the branch with"
            f" git branch -m {branch} {branch}-mine, or merge {kept} into it"
        )


def _is_of(ref: str, branch: str) -> bool:
    return ref == f"refs/heads/{branch}" or ref.startswith(f"refs/{branch}/")


def beginning(file: Path) -> bytes:
    """A file of the user's as far as it may matter; nothing where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(_MAX_TEXT)
    except OSError:
        return b""
