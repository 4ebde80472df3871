"""Evidence: what the daemon itself sees of a run, at the snapshot that is kept of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from wfd.commands.locks import globs_of
from wfd.domain.assignment import Assignment
from wfd.domain.errors import CannotRun, LeaseLost, StoreFailed
from wfd.domain.evidence import EvidenceKind, NewEvidence
from wfd.domain.outcome import Conclusion, Kind, Outcome
from wfd.domain.run import Run
from wfd.domain.run_folder import Phase, RunFolder
from wfd.domain.template import Template, Writes
from wfd.engine.parts import Lease, Parts, Settings
from wfd.engine.room import may_heal
from wfd.engine.shell_commands import need_programs, run_commands
from wfd.engine.step_failed import words_of
from wfd.engine.steps import Step, reached
from wfd.ports import Snapshot
from wfd.rules import verdict
from wfd.rules.clip import named
from wfd.rules.globs import outside

T = TypeVar("T")

MAX_ASTRAY = 20  # paths
MAX_FAULT = 2000  # characters
BEYOND = "outside the paths that it declared: "


async def gather_evidence(
    parts: Parts,
    lease: Lease,
    assignment: Assignment,
    settings: Settings,
    template: Template,
    told: Conclusion,
    kept: Snapshot,
) -> tuple[Conclusion, list[NewEvidence]]:
    """The diff, the checks at what is kept, the verdict; and the conclusion that follows.

    One that fails is told of as a fault, and the others go on.
    """
    folder = parts.folder_of(lease.run.id)
    evidence: list[NewEvidence] = []
    if template.writes is not Writes.NEVER:
        diff = partial(_diff, parts, lease, folder, kept)
        found, fault = await _isolated("diff", kept, diff)
        evidence += [*(found or []), *fault]
    reached(Step.JUDGING)
    checks = partial(_checks, parts, lease, assignment, settings, template, kept)
    found, fault = await _isolated("checks", kept, checks)
    evidence += [*(found or []), *fault]
    if template.verdict and told.outcome.kind is Kind.SUCCEEDED:
        said, fault = await _isolated(
            "verdict", kept, partial(_said, parts, lease, assignment, told)
        )
        evidence += fault
        if said is None:
            message = "it gave no valid verdict, and that is not a pass"
            told = replace(told, outcome=Outcome(Kind.FAILED, message))
        else:
            evidence.append(
                verdict.evidence(said, name=lease.job.type, tree=kept.tree, commit_id=kept.commit)
            )
    return told, evidence


async def _said(
    parts: Parts, lease: Lease, assignment: Assignment, told: Conclusion
) -> verdict.Verdict | None:
    root = parts.workspaces.path(lease.namespace, assignment)
    return verdict.read(told.structured, told.text, root)


async def _isolated(
    name: str, kept: Snapshot, gather: Callable[[], Awaitable[T]]
) -> tuple[T | None, list[NewEvidence]]:
    """What one gatherer has found, or the fault that kept it from that, for the PM to know.

    What comes back by itself is raised, so that all is tried again.
    """
    try:
        return await gather(), []
    except (LeaseLost, StoreFailed, CannotRun):
        raise
    except Exception as error:
        if may_heal(error):
            error.add_note("gathering evidence")
            raise
        tail = f"could not be gathered: {words_of(error)}"[:MAX_FAULT]
    fault = NewEvidence(
        kind=EvidenceKind.FAULT,
        name=name,
        ok=False,
        tree=kept.tree,
        commit_id=kept.commit,
        tail=tail,
    )
    return None, [fault]


async def _diff(parts: Parts, lease: Lease, folder: RunFolder, kept: Snapshot) -> list[NewEvidence]:
    """The job's diff: from the branch before its first run to this snapshot."""
    runs = await parts.store.all(Run, "runs_of_job", job_id=lease.job.id)
    before = next((r.parent_commit for r in runs if r.parent_commit), kept.parent_commit)
    if before == kept.commit:
        return []
    diff = await parts.workspaces.diff(lease.namespace, before, kept.commit, folder.patch)
    beyond, fault = await _isolated("paths", kept, partial(_beyond, parts, lease, before, kept))
    return [
        NewEvidence(
            kind=EvidenceKind.DIFF,
            name="diff",
            ok=True,
            tree=kept.tree,
            commit_id=kept.commit,
            path=str(diff.patch),
            bytes=diff.patch.stat().st_size,
            tail=diff.stat + (beyond or ""),
        ),
        *fault,
    ]


async def _beyond(parts: Parts, lease: Lease, before: str, kept: Snapshot) -> str:
    """What a job has changed outside the paths that it declared; it goes on in git's last line."""
    globs = globs_of(lease.job)
    if not globs or lease.job.merges is not None:
        return ""
    changed = await parts.workspaces.changed(lease.namespace, before, kept.commit)
    astray = outside(changed, globs)
    return f"; {BEYOND}{named(astray, MAX_ASTRAY)}" if astray else ""


async def _checks(
    parts: Parts,
    lease: Lease,
    assignment: Assignment,
    settings: Settings,
    template: Template,
    kept: Snapshot,
) -> list[NewEvidence]:
    wanted = {
        name: command
        for name, command in settings.repository.checks.items()
        if template.checks is None or name in template.checks
    }
    if not wanted:
        return []
    # an agent may have left HEAD, its index or ignored links in any state: stand at the snapshot
    await parts.workspaces.restore(lease.namespace, assignment, kept.commit)
    done = await run_commands(parts, lease, assignment, settings.repository, Phase.CHECKS, wanted)
    restore = partial(parts.workspaces.restore, lease.namespace, assignment, kept.commit)
    _, fault = await _isolated("workspace", kept, restore)
    await need_programs(parts, lease, assignment, kept, done)
    return [*(replace(piece, tree=kept.tree, commit_id=kept.commit) for piece in done), *fault]


def left_out(kept: Snapshot, taken: Snapshot) -> list[NewEvidence]:
    """What lies in the workspace and in no commit, as the snapshot that was taken tells."""
    return [
        NewEvidence(
            kind=EvidenceKind.LEFT_OUT,
            name=one.kind,
            ok=True,
            tree=kept.tree,
            commit_id=kept.commit,
            tail=one.text,
        )
        for one in taken.left_out
    ]
