"""Whether a repository is one that a namespace has worked in before, though it lies elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.git import Git, object_folder, of_user

_MAX_ASKED = 1000  # the newest branches of a namespace: enough to know it by


@dataclass(frozen=True)
class Branch:
    """The commits of a branch of ours, by the store; `place` is A7, or A7-J42 for a lane."""

    place: str
    is_open: bool
    base_commit: str
    head_commit: str | None


def is_gone(git_dir: Path) -> bool:
    """Whether no repository is there any more."""
    return not (git_dir / "HEAD").is_file()


def knows(git_dir: Path, branches: Sequence[Branch]) -> bool:
    """Whether the repository has a ref that says where one of these branches began."""
    asked = {f"refs/wfd/{one.place}/base": one.base_commit for one in branches[:_MAX_ASKED]}
    if not asked:
        return False
    said = of_user(git_dir).at_once("for-each-ref", "--format=%(refname) %(objectname)", *asked)
    words = said.out.decode("utf-8", "replace").split()
    return any(
        asked.get(ref) == commit for ref, commit in zip(words[::2], words[1::2], strict=True)
    )


def lacks(git_dir: Path, own: Path, branches: Sequence[Branch]) -> list[str]:
    """What open branches need and neither it nor the daemon's own repository has: "A7 at 1a2b3c4".

    A repository that was cloned anew has what was pushed; the daemon's own has what agents made.
    """
    git = of_user(git_dir)
    if own.is_dir():
        git = git.at(git_dir, GIT_ALTERNATE_OBJECT_DIRECTORIES=object_folder(own / "objects"))
    wanted = [
        (one.place, commit)
        for one in branches
        if one.is_open
        for commit in (one.base_commit, one.head_commit)
        if commit is not None
    ]
    there = _are_there(git, (commit for _, commit in wanted))
    return [
        f"{place} at {commit[:12]}"
        for (place, commit), is_there in zip(wanted, there, strict=True)
        if not is_there
    ]


def _are_there(git: Git, commits: Iterable[str]) -> list[bool]:
    """Whether each is there, with its tree."""
    asked = "".join(f"{commit}^{{tree}}\n" for commit in commits)
    said = git.at_once("cat-file", "--batch-check", stdin=asked.encode())
    return [not line.endswith(b" missing") for line in said.out.splitlines()]
