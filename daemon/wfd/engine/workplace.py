"""Where a run works: its own folder, and the workspace, set up once."""

import shutil
from contextlib import suppress
from dataclasses import replace

import anyio.to_thread

from wfd.commands.lanes import as_seen_from, set_up
from wfd.commands.queue import get_assignment
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken, Conflict, NotAllowed, WfdError
from wfd.domain.evidence import EvidenceKind, NewEvidence
from wfd.domain.outcome import Kind, Outcome
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.engine.parts import Lease, Parts, Settings
from wfd.ports import Tx, Workspace


class NotReady(Exception):
    """The run ends here, with this outcome, before an agent was started."""

    def __init__(
        self,
        outcome: Outcome,
        evidence: list[NewEvidence] | None = None,
        *,
        lacks_trust: bool = False,
    ) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome
        self.evidence = evidence or []
        self.lacks_trust = lacks_trust  # nobody has accepted the configuration as it is


def settings_for(parts: Parts, lease: Lease) -> Settings:
    try:
        return parts.settings.of(lease.namespace)
    except WfdError as error:
        lacks_trust = isinstance(error, NotAllowed)
        raise NotReady(Outcome(Kind.USAGE, str(error)), lacks_trust=lacks_trust) from error


async def empty_folder(parts: Parts, run: Run) -> RunFolder:
    """The run's folder. Whatever lies there already, an agent has put there.

    Its number was easily foreseen, and some CLIs have their home in it: they would take settings
    and instructions from there.
    """
    folder = parts.folder_of(run.id)
    with suppress(OSError):
        folder.path.rmdir()
        return parts.folder_of(run.id)
    await anyio.to_thread.run_sync(_clear, folder)
    return parts.folder_of(run.id)


def _clear(folder: RunFolder) -> None:
    if folder.path.is_dir() and not folder.path.is_symlink():
        shutil.rmtree(folder.path)
    else:
        folder.path.unlink(missing_ok=True)


async def ready_workspace(
    parts: Parts, lease: Lease, settings: Settings
) -> tuple[Workspace, Assignment]:
    """The workspace, set up, and the assignment with its base. Raises NotReady."""
    lease = await _begin_lane(parts, lease)
    workspace = await _workspace(parts, lease)
    assignment = lease.assignment
    if assignment.base_commit is None:
        assignment = await _record_base(parts, lease, workspace)
    if workspace.is_new or not assignment.is_set_up:
        await _set_up(parts, lease, assignment, settings, workspace)
    return workspace, assignment


async def _begin_lane(parts: Parts, lease: Lease) -> Lease:
    """A lane begins where the assignment's branch stands when its first run does."""
    if not lease.job.has_own_lane or lease.assignment.base_commit is not None:
        return lease
    whole = await parts.store.write(lambda tx: get_assignment(tx, lease.assignment.id))
    try:
        commit, tree = await parts.workspaces.base(lease.namespace, whole)
    except (Broken, Conflict) as error:
        raise NotReady(Outcome(Kind.USAGE, str(error))) from error

    def begin(tx: Tx) -> Assignment:
        tx.run("set_base", id=whole.id, commit=commit, tree=tree)
        tx.run("begin_lane", assignment_id=whole.id, name=lease.job.lane)
        return as_seen_from(tx, get_assignment(tx, whole.id), lease.job)

    return replace(lease, assignment=await parts.store.write(begin))


async def _workspace(parts: Parts, lease: Lease) -> Workspace:
    if lease.assignment.id in parts.removing:
        await parts.removing[lease.assignment.id].wait()
    try:
        return await parts.workspaces.prepare(lease.namespace, lease.assignment)
    except (Broken, Conflict) as error:
        raise NotReady(Outcome(Kind.USAGE, str(error))) from error


async def _record_base(parts: Parts, lease: Lease, workspace: Workspace) -> Assignment:
    def record(tx: Tx) -> Assignment:
        of = lease.assignment.id
        tx.run("set_base", id=of, commit=workspace.base_commit, tree=workspace.base_tree)
        found = tx.one(Assignment, "assignment_by_id", id=of)
        assert found is not None
        return found

    return await parts.store.write(record)


async def _set_up(
    parts: Parts, lease: Lease, assignment: Assignment, settings: Settings, workspace: Workspace
) -> None:
    """Run workspace.setup and the baseline of the checks, once for each workspace."""
    repository, tag = settings.repository, parts.tag_of(lease.run.id)
    outputs = parts.folder_of(lease.run.id).outputs
    try:
        await parts.workspaces.copy(lease.namespace, assignment, repository.workspace.copy_files)
    except (Broken, Conflict) as error:
        raise NotReady(Outcome(Kind.USAGE, str(error))) from error
    steps = {f"setup-{n}": line for n, line in enumerate(repository.workspace.setup, start=1)}
    done = await parts.checks.run(
        steps,
        cwd=workspace.path,
        out_dir=outputs("setup"),
        tag=tag,
        timeout_ms=repository.workspace.timeout_ms,
        stop_at_failure=True,
    )
    evidence = [_as(EvidenceKind.SETUP, piece) for piece in done]
    if done and not done[-1].ok:
        raise NotReady(Outcome(Kind.USAGE, _setup_failed(done[-1])), evidence)
    if done or not workspace.is_new:
        await parts.workspaces.ignore_new(lease.namespace, assignment, workspace.head_commit)
        await parts.workspaces.restore(lease.namespace, assignment, workspace.head_commit)
    baseline = await parts.checks.run(
        repository.checks,
        cwd=workspace.path,
        out_dir=outputs("baseline"),
        tag=tag,
        timeout_ms=repository.check_timeout_ms,
    )
    if baseline:
        await parts.workspaces.restore(lease.namespace, assignment, workspace.head_commit)
    await parts.workspaces.mark_set_up(lease.namespace, assignment)
    whole = await parts.store.write(lambda tx: get_assignment(tx, assignment.id))
    at_head = {"tree": workspace.head_tree, "commit_id": workspace.head_commit}
    kind = (
        EvidenceKind.BASELINE
        if workspace.head_tree == whole.base_tree
        else EvidenceKind.CHECK  # the workspace was made in mid-course
    )
    evidence += [_as(kind, piece, **at_head) for piece in baseline]

    def record(tx: Tx) -> None:
        for piece in evidence:
            tx.insert(
                "add_evidence",
                run_id=lease.run.id,
                assignment_id=assignment.id,
                now=tx.now,
                **vars(piece),
            )
        set_up(tx, assignment, is_set_up=True)

    await parts.store.write(record)


def _as(kind: EvidenceKind, piece: NewEvidence, **more: str) -> NewEvidence:
    return NewEvidence(**{**vars(piece), "kind": kind, **more})


def _setup_failed(step: NewEvidence) -> str:
    how = "timed out" if step.exit_code is None else f"exit {step.exit_code}"
    return f"workspace.setup '{step.command}' failed ({how}); its last words:\n{step.tail[-1500:]}"
