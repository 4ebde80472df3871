"""git as the adapters run it: its answer, its deadline, and who gives it up."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio
import pytest

from wfd.adapters.git import Git, GitFailed, in_checkout, together
from wfd.domain.errors import Broken
from wfd.rules.passing import passes

if TYPE_CHECKING:
    from tests.adapters.git.conftest import Ground


@pytest.fixture
def never_ends() -> Iterator[IO[bytes]]:
    """A stdin that says nothing and stays open."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin:
        yield stdin
    os.close(writing)


async def test_a_git_that_is_given_up_has_ended_before_its_caller_goes_on(
    ground: "Ground", never_ends: IO[bytes]
) -> None:
    git = in_checkout(ground.checkout)

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: git.ask("cat-file", "--batch", stdin=never_ends))
        while not _gits_in(ground.checkout):
            await anyio.sleep(0.01)
        group.cancel_scope.cancel()

    assert _gits_in(ground.checkout) == []


async def test_calls_that_are_given_up_together_end_nobody_but_their_caller(
    ground: "Ground",
) -> None:
    git = in_checkout(ground.checkout)
    ended: list[int] = []

    async def call(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            await together(git.ask("rev-parse", "HEAD"), git.ask("rev-parse", "HEAD"))
        ended.append(number)

    async with anyio.create_task_group() as group:
        for number in range(100):  # each is given up at another moment of its life
            scope = anyio.CancelScope()
            group.start_soon(call, number, scope)
            await anyio.sleep(number % 25 / 4000)
            scope.cancel()
            await anyio.sleep(0.002)

    assert sorted(ended) == list(range(100))


async def test_a_git_that_takes_too_long_is_ended_and_named(
    ground: "Ground", never_ends: IO[bytes]
) -> None:
    git = replace(in_checkout(ground.checkout), deadline_s=0.2)

    with pytest.raises(Broken, match=r"git cat-file in .* took more than 0.2 s and was ended"):
        await git.ask("cat-file", "--batch", stdin=never_ends)

    assert _gits_in(ground.checkout) == []


async def test_no_git_on_the_path_says_which_one_to_install(ground: "Ground") -> None:
    with pytest.raises(Broken, match=r"no git on PATH; install git \d"):
        await Git(ground.checkout, {"PATH": str(ground.root)}).ask("status")


async def test_when_one_of_several_calls_fails_the_others_have_ended_too(
    ground: "Ground",
) -> None:
    git = in_checkout(ground.checkout)
    ended: list[str] = []

    async def slow() -> str:
        await anyio.sleep(0.1)
        ended.append("slow")
        return "slow"

    with pytest.raises(Broken, match="rev-parse failed"):
        await together(git.line("rev-parse", "--verify", "refs/no-such-ref"), slow())

    assert ended == ["slow"]


def _gits_in(folder: Path) -> list[int]:
    """The gits that run there."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            is_git = (process / "comm").read_text() == "git\n"
            if is_git and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
    return found


@pytest.mark.parametrize(
    "end",
    [
        "echo 'fatal: unable to create thread: Resource temporarily unavailable' >&2; exit 128",
        "echo 'fatal: Out of memory, malloc failed' >&2; exit 128",
        "echo 'error: cannot open pack: Too many open files' >&2; exit 1",
        "kill -9 $$",
    ],
)
async def test_a_git_without_memory_or_files_has_not_said_no(
    ground: "Ground", tmp_path: Path, end: str
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(f"#!/bin/sh\n{end}\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    usual = in_checkout(ground.checkout)
    git = usual.at(usual.where, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    for asked in (git.is_ancestor("HEAD", "HEAD"), git.has("HEAD"), git.commit_at("HEAD")):
        with pytest.raises(GitFailed) as failed:
            await asked
        assert passes(failed.value)
