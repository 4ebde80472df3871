"""What a run has come to, brought into the user's repository: its commit, and the branch."""

import tempfile

from wfd.adapters import refs
from wfd.adapters.git import GitFailed, together
from wfd.adapters.submodule_changes import keep_changes
from wfd.adapters.whole import deliver_within
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.errors import Conflict


async def deliver(here: GitWorkspace, name: str, commit: str, *, moves_branch: bool) -> None:
    """Have the user's repository hold `commit` as the run's, by name, and the branch if it moves.

    Raises Conflict when the user moved the branch or stands on it; all other refs are set then.
    """
    run_ref = here.ref(name)
    await deliver_within(here, name, commit, moves_branch=moves_branch)
    here.own.keep(run_ref, commit)  # a merge is no snapshot, which has it already
    if not moves_branch:
        await _bring(here, commit, run_ref)
        await here.users.set_refs({run_ref: commit})
        return
    await keep_changes(here, commit)
    kept = here.ref("head")
    here.own.keep(kept, commit)
    found = await together(_conflict(here, commit, kept), _bring(here, commit, run_ref, kept))
    ours = {run_ref: commit, kept: commit}
    conflict = found[0] or await _move(here, commit, kept, ours)
    if conflict is not None:
        await here.users.set_refs(ours)
        raise conflict


async def _move(
    here: GitWorkspace, commit: str, kept: str, ours: dict[str, str]
) -> Conflict | None:
    """Set our refs and the branch in one transaction; why not, if somebody moved it just now."""
    branch = here.assignment.branch
    present = await here.users.branch_at(branch)
    try:
        await here.users.set_refs(ours, {f"refs/heads/{branch}": (commit, present)})
    except GitFailed:
        if await here.users.branch_at(branch) == present:
            in_the_way = await _in_the_way(here, branch)
            if in_the_way is None:
                raise
            return Conflict(
                f"the branch {in_the_way} in {here.users.git_dir} leaves no room for {branch};"
                f" the result is kept as {kept}: rename it with"
                f" git branch -m {in_the_way} {in_the_way.replace('/', '-')}-mine"
            )
        return here.users.moved(branch, kept)
    return None


async def _in_the_way(here: GitWorkspace, branch: str) -> str | None:
    """A branch whose name is a folder of ours, or has ours as a folder."""
    above, below = branch.partition("/")[0], f"{branch}/"
    said = await here.users.git.run(
        "for-each-ref", "--format=%(refname)", f"refs/heads/{above}", f"refs/heads/{branch}"
    )
    names = (ref.removeprefix("refs/heads/") for ref in said.out.decode("utf-8", "replace").split())
    return next((name for name in names if name == above or name.startswith(below)), None)


async def _conflict(here: GitWorkspace, commit: str, kept: str) -> Conflict | None:
    """Why the branch has to stay where it is: the user's work goes first."""
    branch, users = here.assignment.branch, here.users
    present = await users.branch_at(branch)
    if present == commit:
        return None
    folder = await users.stood_on_in(branch)
    if folder is not None:
        return users.stood_on(branch, folder, kept)
    if present in (None, here.assignment.head_commit):
        return None
    if await users.git.is_ancestor(present or "", commit) or await _is_ours(here, present):
        return None
    return users.moved(branch, kept)


async def _is_ours(here: GitWorkspace, commit: str | None) -> bool:
    """A snapshot of a run that moved the branch, and failed before its row could say so."""
    return commit in await here.own.refs(f"refs/{here.assignment.branch}", "%(objectname)")


async def _bring(here: GitWorkspace, commit: str, *own_refs: str) -> None:
    """Have the objects of `commit` there.

    By a pack of what is new since the branch as we know it, where the user's repository has
    that; else by a fetch, which finds out what it has, and takes several times as long.
    """
    since = here.known_head
    if since not in {refs.loose(here.users.git_dir, here.ref(name)) for name in ("head", "base")}:
        await here.users.take(here.own.git_dir, *own_refs)
    elif commit != since:
        with tempfile.TemporaryFile(dir=here.own.git_dir) as pack:
            await here.own.pack(commit, since, pack)
            await here.users.take_pack(pack)
