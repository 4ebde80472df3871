"""A partial clone: what a commit's tree lacks is fetched by the user's own git, all at once."""

from collections.abc import Sequence
from dataclasses import replace

from wfd.adapters.git import Git, in_checkout
from wfd.adapters.users_repository import UsersRepository
from wfd.domain.errors import Broken

FETCH_S = 900.0
_MOST_ROUNDS = 64  # a tree that was missing may name others that are


async def complete(users: UsersRepository, commit: str) -> None:
    """Have all files of `commit` in the user's repository. Raises Broken if its remote fails."""
    if not _is_partial(users):
        return
    git = in_checkout(users.checkout)
    for _ in range(_MOST_ROUNDS):
        missing = await _missing(git, commit)
        if not missing:
            return
        await _fetch(git, missing, users, commit)
    raise Broken(f"{users.git_dir} lacks files of {commit[:12]} after {_MOST_ROUNDS} fetches")


def _is_partial(users: UsersRepository) -> bool:
    """As git marks the packs that came from a remote that has more."""
    return any((users.objects / "pack").glob("*.promisor"))


async def _missing(git: Git, commit: str) -> list[bytes]:
    said = await git.run("rev-list", "--objects", "--missing=print", "--no-walk", commit)
    return [line[1:] for line in said.out.splitlines() if line.startswith(b"?")]


async def _fetch(git: Git, missing: Sequence[bytes], users: UsersRepository, commit: str) -> None:
    remote = await _remote(git)
    fetching = replace(git.reaching_servers(), deadline_s=FETCH_S).having(
        "fetch.negotiationAlgorithm=noop"
    )
    try:
        await fetching.feed(
            missing, "fetch", remote, "--quiet", "--no-tags", "--no-write-fetch-head",
            "--recurse-submodules=no", "--filter=blob:none", "--no-auto-maintenance", "--stdin",
            end=b"\n",
        )  # fmt: skip
    except Broken as error:
        raise Broken(
            f"{users.checkout} is a partial clone, a workspace needs all files of {commit[:12]},"
            f" and {len(missing)} of them could not be fetched: {error}; fetch them where"
            f" '{remote}' can be reached: git -C {users.checkout} fetch --refetch --no-filter"
            f" {remote}"
        ) from error


async def _remote(git: Git) -> str:
    said = await git.ask("config", "--get", "extensions.partialClone")
    name = said.out.decode("utf-8", "surrogateescape").strip()
    if name:
        return name
    said = await git.ask("config", "--name-only", "--get-regexp", r"^remote\..*\.promisor$")
    keys = said.out.decode("utf-8", "surrogateescape").splitlines()
    return keys[0].removeprefix("remote.").removesuffix(".promisor") if keys else "origin"
