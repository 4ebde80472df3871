"""What an AI leaves to the one that goes on with its job."""

from pathlib import Path

import anyio.to_thread

from wfd.domain.outcome import Kind
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.engine.parts import Lease, Parts
from wfd.ports import Workspace
from wfd.rules.hand_off import MAX_PATCH, HandOff


async def left_by_another(
    parts: Parts, lease: Lease, workspace: Workspace, folder: RunFolder
) -> HandOff | None:
    """What whoever had this job before leaves behind; None if nobody else had it since."""
    if lease.job.outcome is None:
        return None
    runs = await parts.store.all(Run, "runs_of_job", job_id=lease.job.id)
    before = [run for run in runs if run.id < lease.run.id]
    last = next((run for run in reversed(before) if _has_begun(run)), None)
    if last is None:
        return None
    # one that never began leaves nothing behind, but it has cost the last one its session
    since = before[before.index(last) :]
    if all(_who(run) == _who(lease.run) for run in since):
        return None
    began = next((run.parent_commit for run in before if run.parent_commit), None)
    stat, patch = "", ""
    if began is not None and began != workspace.head_commit:
        folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder.path / "before.patch"
        diff = await parts.workspaces.diff(lease.namespace, began, workspace.head_commit, file)
        stat, patch = diff.stat, await anyio.to_thread.run_sync(_beginning_of, diff.patch)
    return HandOff(last, stat, patch)


def _has_begun(run: Run) -> bool:
    """Of one that is lost nobody knows, so it may have."""
    return run.spawned_at is not None or run.outcome is Kind.LOST


def _who(run: Run) -> tuple[str, str | None]:
    return run.ai, run.by_hand


def _beginning_of(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(4 * MAX_PATCH).decode("utf-8", "replace")
