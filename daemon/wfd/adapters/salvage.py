"""Before a workspace goes, all that exists nowhere else is kept, and nothing is removed before.

Commits that only its clone names (stashes, other branches, what HEAD has left behind) and changes
that no snapshot holds are kept by refs, `refs/wfd/A7/kept/…`; files that git ignores and that came
after set-up go to the trash. What cannot be told apart, since an agent has spoiled it, goes to the
trash whole. Each step finds what an earlier try has done.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import anyio.to_thread

from wfd.adapters import plain_files, trash
from wfd.adapters.git import GitFailed
from wfd.adapters.hiding import hidden, show
from wfd.adapters.taking import write_tree
from wfd.adapters.tips import tips
from wfd.adapters.trash import Removal, Trash
from wfd.adapters.unheld import unheld
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.errors import Broken
from wfd.domain.kept import Kept
from wfd.rules.snapshot import Beyond

MOST_REFS = 200
_ASIDE = "git"  # its name in the trash, where no git takes it for a repository


async def salvage(here: GitWorkspace, removal: Removal, under: str = "") -> bool:
    """Keep what is nowhere else; False when it had to go to the trash whole, or is not there.

    It lies `under` that folder of the whole workspace. Raises OSError when the disk does not let
    us.
    """
    if not here.is_there:
        return False
    await anyio.to_thread.run_sync(plain_files.open_folders, here.path)
    try:
        await _keep_changes(here)
        names = [place.path for place in await here.ignored_since()]
        is_kept = await _keep_commits(here)
        await _deliver(here)
    except Broken as error:  # also a repository that is gone: then its workspace is all there is
        if isinstance(error, GitFailed) and here.users.objects.is_dir():
            raise  # a full disk, a lock: it can be kept another time
        git_dir = here.clone.git_dir
        await anyio.to_thread.run_sync(move_whole, here.path, git_dir, removal.folder(under))
        return False
    spoiled = [*here.set_aside(), *([] if is_kept else [here.clone.git_dir])]
    if names or spoiled:
        folder = removal.folder(under)
        await anyio.to_thread.run_sync(trash.move, here.path, names, folder)
        for number, git_dir in enumerate(filter(plain_files.is_there, spoiled)):
            git_dir.rename(folder / (_ASIDE if not number else f"{_ASIDE}-{number}"))
    return True


async def kept(here: GitWorkspace, bin: Trash) -> Kept:
    """What is kept of this workspace, and where."""
    refs = await here.own.refs(here.ref("kept"))
    folders = await anyio.to_thread.run_sync(bin.of, here.name)
    filled = [one for one in folders if one.files]
    return Kept(
        place=here.name,
        refs=tuple(refs),
        trash=str(filled[-1].folder) if filled else None,
        files=sum(one.files for one in filled),
        bytes=sum(one.bytes for one in filled),
    )


async def _keep_changes(here: GitWorkspace) -> None:
    """What differs from each snapshot: set-up may have left it, or a run that was cut off."""
    rules = replace(here.rules, beyond=Beyond.LEAVE_OUT)
    links = await here.own.links(here.known_head)  # each keeps what is in it itself
    show(here, links)
    with hidden(here, links):
        taken = await write_tree(here.tree, here.known_head, rules, links)
    here.ignore(taken.left)  # so that it goes to the trash
    held = await here.own.refs(f"refs/{here.assignment.branch}", "%(tree)")
    if taken.tree in {*held, await here.own.tree_of(here.known_head)}:
        return
    message = f"left in the workspace {here.name}"
    commit = await here.own.commit(taken.tree, here.known_head, message=message)
    await _keep(here, [("worktree", commit)])


async def _keep_commits(here: GitWorkspace) -> bool:
    """Keep what its clone alone has; whether that is all that it has."""
    seen = await anyio.to_thread.run_sync(tips, here.clone.git_dir, here.assignment.branch)
    new = await unheld(here, seen.found)
    if not new:
        return seen.is_whole
    if not here.clone.lends_only_its_own():
        return False
    commits = [tip.commit for tip in new]
    if not await here.own.take_commits(commits, here.known_head, here.clone.objects):
        return False
    heads = set(await here.own.heads_of(commits))
    found = [tip for tip in new if tip.commit in heads or not tip.is_past]
    await _keep(here, [(tip.name, tip.commit) for tip in found[:MOST_REFS]])
    return seen.is_whole and len(found) <= MOST_REFS


async def _keep(here: GitWorkspace, commits: Iterable[tuple[str, str]]) -> None:
    """A ref for each; where its name has another commit, of an earlier workspace, with a number."""
    known = await here.own.refs(here.ref("kept"), "%(refname) %(objectname)")
    refs = dict(zip(known[::2], known[1::2], strict=True))
    for name, commit in commits:
        ref, number = here.ref(f"kept/{name}"), 2
        while refs.get(ref, commit) != commit:
            ref, number = here.ref(f"kept/{name}-{number}"), number + 1
        refs[ref] = commit
        here.own.keep(ref, commit)


async def _deliver(here: GitWorkspace) -> None:
    """Have the user's repository hold all that is kept, also by an earlier try."""
    kept = await here.own.refs(here.ref("kept"))
    if kept:
        await here.users.take(here.own.git_dir, *kept)


def move_whole(workspace: Path, git_dir: Path | None, folder: Path) -> None:
    """Its files below a folder, its `.git` beside them."""
    if git_dir is not None and plain_files.is_there(git_dir):
        git_dir.rename(folder / _ASIDE)
    workspace.rename(folder / "workspace")
