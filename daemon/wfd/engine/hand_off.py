"""What an AI leaves to the one that goes on with its job."""

from pathlib import Path

import anyio.to_thread

from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.engine.parts import Lease, Parts
from wfd.ports import Workspace
from wfd.rules.hand_off import MAX_PATCH, HandOff


async def left_by_another(
    parts: Parts, lease: Lease, workspace: Workspace, folder: RunFolder
) -> HandOff | None:
    """What the AI before this one leaves behind in this job; None if it goes on with itself."""
    if lease.job.outcome is None:
        return None
    runs = await parts.store.all(Run, "runs_of_job", job_id=lease.job.id)
    before = [run for run in runs if run.id < lease.run.id]
    if not before or before[-1].ai == lease.run.ai:
        return None
    began = next((run.parent_commit for run in before if run.parent_commit), None)
    stat, patch = "", ""
    if began is not None and began != workspace.head_commit:
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder.path / "before.patch"
        diff = await parts.workspaces.diff(lease.namespace, began, workspace.head_commit, file)
        stat, patch = diff.stat, await anyio.to_thread.run_sync(_beginning_of, diff.patch)
    return HandOff(before[-1], stat, patch)


def _beginning_of(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(4 * MAX_PATCH).decode("utf-8", "replace")
