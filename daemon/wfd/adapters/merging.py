"""The work of a lane, brought into the assignment's branch in the daemon's own repository.

No work tree takes part: what stands in the way is told before anything has changed.
"""

from wfd.adapters import whole
from wfd.adapters.authorship import CommitWords
from wfd.adapters.git import GitFailed
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.assignment import Assignment
from wfd.domain.ids import JobId, RunId
from wfd.ports import Conflicting, Snapshot

_CONFLICT = 1  # what git exits with


async def merge(
    here: GitWorkspace, lane: Assignment, job_id: JobId, run_id: RunId
) -> Snapshot | Conflicting:
    """Make the merge commit, or find the one that this job has made before."""
    assert lane.head_commit is not None, "a lane that is merged has a head"
    kept = here.ref(f"J{job_id}")
    made = await _made_before(here, kept, lane.head_commit, run_id)
    if made is not None:
        return made
    trailers = f"Wfd-Job: J{job_id}\nWfd-Run: R{run_id}"
    here.need()
    # what a run that went wrong has left here is kept as the next job's snapshot would keep it
    words = CommitWords("Keep what was left in the workspace", trailers)
    top = await whole.commit(here, words, run_id)
    said = await here.own.git.ask(
        "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", top, lane.head_commit
    )
    if said.code not in (0, _CONFLICT):
        raise GitFailed("merge-tree", here.own.git_dir, said.code, said.err)
    tree, *paths = (name.decode("utf-8", "backslashreplace") for name in said.names)
    if said.code == _CONFLICT:
        return Conflicting(tuple(paths))
    message = f"Merge {lane.branch} into {here.assignment.branch}\n\n{trailers}"
    commit = await here.own.commit(tree.strip(), top, lane.head_commit, message=message)
    here.own.keep(kept, commit)
    return await _snapshot(here, commit, here.known_head, run_id)


async def _made_before(
    here: GitWorkspace, kept: str, lane_head: str, run_id: RunId
) -> Snapshot | None:
    """The commit of an earlier try, if it still brings the same two together."""
    commit = await here.own.commit_at(kept)
    if commit is None:
        return None
    parents = (await here.own.git.line("rev-parse", f"{commit}^@")).split()
    is_it = parents[1:] == [lane_head]
    if not is_it or not await here.own.git.is_ancestor(here.known_head, commit):
        return None
    before = parents[0] if here.known_head == commit else here.known_head
    return await _snapshot(here, commit, before, run_id)


async def _snapshot(here: GitWorkspace, commit: str, before: str, run_id: RunId) -> Snapshot:
    return Snapshot(
        commit=commit,
        tree=await here.own.tree_of(commit),
        parent_commit=before,
        parent_tree=await here.own.tree_of(before),
        left_out=here.left_out(run_id),
    )
