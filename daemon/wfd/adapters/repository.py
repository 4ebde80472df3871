"""What `wfd init` needs to know of a user's repository."""

import os
from dataclasses import dataclass
from pathlib import Path

import anyio

from wfd.adapters.git import Git, in_checkout
from wfd.domain.errors import BadInput, NotAllowed
from wfd.rules.typed import typed


@dataclass(frozen=True)
class Repository:
    checkout: Path
    git_dir: Path  # the common one, where linked worktrees share it
    name: str
    head_commit: str


async def find(start: Path) -> Repository:
    """The repository that a folder is in.

    Raises BadInput where there is none, and NotAllowed for one that no agent can work on.
    """
    if not await anyio.Path(start).is_dir():
        raise BadInput(f"there is no folder {start}")
    git = in_checkout(start)
    said = await git.ask("rev-parse", "--path-format=absolute", "--git-common-dir")
    if said.code != 0:
        raise BadInput(_not_a_repository(start, said.err))
    git_dir = Path(os.fsdecode(said.out).removesuffix("\n"))
    checkout = await _checkout(git, git_dir)
    head = await git.commit_at("HEAD")
    if head is None:
        raise NotAllowed(
            f"{checkout} has no commit to begin from; make one:"
            f" {typed('cd', checkout)} && {await _first_commit(git)}"
        )
    return Repository(checkout, git_dir, checkout.name, head)


async def _checkout(git: Git, git_dir: Path) -> Path:
    said = await git.ask("rev-parse", "--show-toplevel")
    if said.code != 0:
        raise NotAllowed(
            f"{git_dir} has no files checked out; run wfd init in a checkout of it:"
            f" {typed('git', '-C', git_dir, 'worktree', 'add')} <folder>"
        )
    return Path(os.fsdecode(said.out).removesuffix("\n"))


async def _first_commit(git: Git) -> str:
    """What makes it, with the files that are there, or without any."""
    said = await git.ask("status", "--porcelain")
    if said.code == 0 and not said.out.strip():
        return "git commit --allow-empty -m 'First commit'"
    return "git add -A && git commit -m 'First commit'"


def _not_a_repository(start: Path, stderr: str) -> str:
    if "not a git repository" in stderr:
        return f"{start} is not in a git repository; go to one, or make one: git init"
    return f"git cannot read the repository at {start}: {stderr.strip()}"
