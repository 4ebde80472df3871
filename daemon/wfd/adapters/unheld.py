"""What only a workspace has: commits that its clone alone names, and files that git ignores."""

from collections.abc import Sequence

import anyio.to_thread

from wfd.adapters import told_of
from wfd.adapters.tips import Tip, tips
from wfd.adapters.workspace import GitWorkspace
from wfd.domain.ids import RunId
from wfd.rules.snapshot import COMMITS, IGNORED, Thing


async def tell(here: GitWorkspace, run_id: RunId, commit: str) -> None:
    """Have the snapshot of a run, which is `commit`, tell of it beside what it left out itself."""
    known = {one.path for one in told_of.recall(here.beside("told"), run_id)}
    places = [one for one in await here.ignored_in_words() if one.path not in known]
    seen = await anyio.to_thread.run_sync(tips, here.clone.git_dir, here.assignment.branch)
    told_of.remember(
        here.beside("told"),
        run_id,
        [
            *(Thing(IGNORED, one.path, one.size, one.files) for one in places),
            *(Thing(COMMITS, tip.words, files=0) for tip in await unheld(here, seen.found, commit)),
        ],
    )


async def unheld(here: GitWorkspace, seen: Sequence[Tip], *also: str) -> list[Tip]:
    """Those that no ref of the daemon's repository or of the user's leads to, nor `also`."""
    new = [tip for tip in seen if tip.commit not in (here.known_head, here.assignment.base_commit)]
    if not new:
        return []
    missing = set(await here.own.missing([tip.commit for tip in new]))
    present = [tip.commit for tip in new if tip.commit not in missing]
    held = [*also, *await here.own.refs("refs", "%(objectname)"), *await here.users.tips()]
    loose = missing | set(await here.own.unreachable(present, held))
    return [tip for tip in new if tip.commit in loose]
