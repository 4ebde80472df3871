"""A workspace with all its submodules: what is done to one is done to those within it, too.

Within before around: a commit is made, kept and delivered before another one names it.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import anyio.to_thread

from wfd.adapters import gitmodules, plain_files, refs, told_of
from wfd.adapters.authorship import CommitWords
from wfd.adapters.belonging import folder_as
from wfd.adapters.hiding import hidden, show
from wfd.adapters.own_modules import remove_beside
from wfd.adapters.partial import complete
from wfd.adapters.submodules import (
    Submodule,
    added,
    clone_at,
    find,
    is_populated,
    kept,
    populated,
)
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.errors import Broken
from wfd.domain.ids import RunId
from wfd.rules import snapshot
from wfd.rules.snapshot import Thing


async def make(here: GitWorkspace, head: str) -> None:
    """Make it at `head`, with those submodules that the user has initialised."""
    fresh = await here.make_beside(head)
    await _fill(fresh, head)
    fresh.path.rename(here.path)


async def follow(here: GitWorkspace, at: str) -> None:
    """Have the clones borrow from where the user's repositories are now, here and within."""
    await here.follow()
    async for one, link in populated(here, at):
        await follow(one, link)


async def commit(here: GitWorkspace, words: CommitWords, run_id: RunId) -> str:
    """A commit of what belongs in one, here and within.

    Raises Broken, naming the submodule, for one whose commit is nowhere.
    """
    top = await here.agents_head()
    links = {**await here.own.links(top), **await added(here, top)}
    show(here, links)
    unseen = []
    for path in [path for path in links if is_populated(here, path)]:
        one = await kept(here, path, links[path])
        if one is None:
            unseen.append(path)
        else:
            links[path] = await _commit_within(here, one, words, run_id)
    await _refuse_lost(here, links, unseen)
    _tell(here, run_id, (folder_as(snapshot.UNSEEN, here.path, path + b"/") for path in unseen))
    if links and not await _history_stands(here, top):
        top = here.known_head
    there = {path: link for path, link in links.items() if _is_folder(here, path)}
    with hidden(here, links):
        return await here.commit(words, run_id, top, there)


async def settle(here: GitWorkspace, at: str) -> None:
    """Let the next agent find its clones on the branch, here and within."""
    await here.settle(at)
    async for one, link in populated(here, at):
        await settle(one, link)


async def restore(here: GitWorkspace, at: str) -> None:
    """Have the files of a commit, here and within, and nothing new that is not ignored."""
    links = await here.own.links(at)
    await anyio.to_thread.run_sync(_make_way, here.path, links)
    with hidden(here, {**links, **await here.own.links(here.known_head)}):
        await here.tree.restore(at)
    await here.settle(at)
    async for one, link in populated(here, at):
        await restore(one, link)
    await _fill(here, at, [path for path in links if not is_populated(here, path)])


def _make_way(workspace: Path, links: Iterable[bytes]) -> None:
    """Remove what is no folder on the way to a submodule; git would not go past it."""
    for path in links:
        place = workspace
        for part in Path(os.fsdecode(path)).parts:
            place /= part
            if not plain_files.is_folder(place):
                place.unlink(missing_ok=True)
                break


async def ignore_new(here: GitWorkspace, at: str) -> list[str]:
    """Ignore from now on what is new beside a commit, here and within, and name it."""
    names = await here.tree.new_places(at)
    here.ignore(names)
    async for one, link in populated(here, at):
        within = os.fsdecode(one.at)
        names += [f"{within}/{name}" for name in await ignore_new(one, link)]
    return names


async def deliver_within(here: GitWorkspace, name: str, at: str, *, moves_branch: bool) -> None:
    """Have the user's repositories of the submodules hold what `at` needs of them.

    Each gets refs/wfd/A7/R101, and head where the branch moves. Raises Broken for a submodule
    whose commit is nowhere.
    """
    base = {} if (of := here.assignment.base_commit) is None else await here.own.links(of)
    for path, link in (await here.own.links(at)).items():
        if base.get(path) == link:
            continue
        one = await find(here, path, link)
        if one is None or not await one.own.has(link):
            raise _lost(here, path, link)
        if one.is_shallow:
            if not moves_branch:
                continue  # the daemon has it, and no branch will name it
            raise Broken(_shallow(one))
        await deliver_within(one, name, link, moves_branch=moves_branch)
        ours = [one.ref(name), *([one.ref("head")] if moves_branch else [])]
        others = [ref for kind in ("base", "linked") for ref in await one.own.refs(one.ref(kind))]
        if any(refs.loose(one.users.git_dir, ref) != link for ref in ours):
            for ref in ours:
                one.own.keep(ref, link)
            await one.users.take(one.own.git_dir, *ours, *others)


async def remove(here: GitWorkspace) -> None:
    """Remove it and all that is kept beside it and beside its submodules."""
    await here.remove()
    await anyio.to_thread.run_sync(remove_beside, here.own.git_dir.parent, here.name)


async def _fill(here: GitWorkspace, at: str, paths: Iterable[bytes] | None = None) -> None:
    """Make the submodules of a commit whose repository is at hand; all, unless paths are named."""
    links = await here.own.links(at)
    filled = []
    for path in links if paths is None else paths:
        one = await find(here, path, links[path])
        if one is not None and _is_folder(here, path) and await one.own.has(links[path]):
            await one.keep_base()
            await complete(one.users, links[path])
            await make(one, links[path])
            filled.append(path)
    if links and paths is None:
        await _name_origins(here, filled)


async def _name_origins(here: GitWorkspace, filled: Iterable[bytes]) -> None:
    """Tell a fresh clone where its submodules come from, which it could not find out itself."""
    base = here.assignment.base_commit
    named = {} if base is None else await gitmodules.named_in(here.own, base)
    config = await here.users.config()
    lines = []
    for path, one in named.items():
        url = gitmodules.url_of(one, config, here.users.checkout)
        if url and (path in filled or gitmodules.is_relative(one.url)):
            lines.append(gitmodules.as_configuration(one.name, url, is_active=path in filled))
    with (here.clone.git_dir / "config").open("a", encoding="utf-8", errors="surrogateescape") as f:
        f.writelines(lines)


async def _commit_within(
    here: GitWorkspace, one: Submodule, words: CommitWords, run_id: RunId
) -> str:
    made = await commit(one, words, run_id)
    one.own.keep(one.ref(f"R{run_id}"), made)
    name = os.fsdecode(one.at)
    things = told_of.recall(one.beside("told"), run_id)
    told = [replace(thing, path=f"{name}/{thing.path}") for thing in things]
    if made != one.known_head:
        told.append(Thing(snapshot.APART if one.apart else snapshot.WITHIN, name, files=0))
    _tell(here, run_id, told)
    return made


def _tell(here: GitWorkspace, run_id: RunId, things: Iterable[Thing]) -> None:
    if things := list(things):
        told_of.remember(here.beside("told"), run_id, things)


async def _refuse_lost(
    here: GitWorkspace, links: dict[bytes, str], unseen: Iterable[bytes]
) -> None:
    """Raise Broken for a submodule that was moved to a commit which nobody else could get."""
    known = await here.own.links(here.known_head)
    for path in unseen:
        head = clone_at(here, path).head()
        if head is not None and head != links[path]:
            raise _lost(here, path, head)
    for path, link in links.items():
        if known.get(path) != link:
            one = await find(here, path, link)
            if one is None or not await one.own.has(link):
                raise _lost(here, path, link)


async def _history_stands(here: GitWorkspace, top: str) -> bool:
    """Whether each submodule commit that the agent's own commits name is kept, and keep it."""
    if top == here.known_head:
        return True
    said = await here.own.git.run(
        "log", "-m", "-r", "--raw", "--no-renames", "--no-abbrev", "--format=", "-z",
        f"{here.known_head}..{top}",
    )  # fmt: skip
    entries = iter(said.names)
    for head, path in zip(entries, entries, strict=True):
        _, mode, _, link, *_ = head.split()
        if mode != b"160000":
            continue
        named = link.decode()
        one = await find(here, path, named)
        if one is None or not await one.takes(named):
            return False
        one.own.keep(one.ref(f"linked/{named}"), named)
    return True


def _is_folder(here: GitWorkspace, path: bytes) -> bool:
    return plain_files.is_folder_within(here.path, os.fsdecode(path))


def _shallow(one: Submodule) -> str:
    name = one.at.decode("utf-8", "backslashreplace")
    return (
        f"the submodule {name} was changed, and no repository of yours can take its commit: set-up"
        f" has cloned it with a part of its history. Initialise it in your checkout:"
        f" git -C {one.users.checkout} submodule update --init {name}"
    )


def _lost(here: GitWorkspace, path: bytes, link: str) -> Broken:
    name = path.decode("utf-8", "backslashreplace")
    return Broken(
        f"the submodule {name} of {here.path} is at commit {link[:12]}, which no repository of"
        f" yours has, so that nobody could check out a branch that names it. Fetch it into"
        f" {here.users.checkout / os.fsdecode(path)} (git submodule update --init, git fetch), or"
        " put the submodule in the workspace back"
    )
