"""After the agent: its tree ended, a snapshot, the checks at it, the diff, the verdict."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import anyio

from wfd.commands.lanes import as_seen_from, set_head
from wfd.commands.locks import globs_of
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken, Conflict, DamagedStore, LeaseLost
from wfd.domain.evidence import EvidenceKind, NewEvidence
from wfd.domain.ids import RunId
from wfd.domain.job import Job
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run
from wfd.domain.run_folder import Phase, RunFolder
from wfd.domain.template import Template, Writes
from wfd.engine.moved import where_it_is
from wfd.engine.over import Closing
from wfd.engine.parts import Ended, Lease, Parts, Settings, birth_of
from wfd.engine.room import may_heal, pauses
from wfd.engine.shell_commands import need_programs, run_commands
from wfd.engine.steps import Step, reached
from wfd.ports import LeftOut, Snapshot, Tx
from wfd.rules import asking, verdict
from wfd.rules.clip import named
from wfd.rules.commit_message import commit_message
from wfd.rules.globs import outside
from wfd.rules.policy import Then

MAX_ASTRAY = 20  # paths
BEYOND = "outside the paths that it declared: "
ROOM_AGAIN_S = (1.0, 30.0)  # the first and the longest pause between two tries
ROOM_DEADLINE_S = 12 * 3600.0  # then a person is asked
CANCELLED_DEADLINE_S = 30.0  # the same for what nothing can end any more, a stop least of all


async def finish(parts: Parts, lease: Lease, ended: Ended) -> Closing:
    """Still the tree, take the snapshot, gather evidence. The same after a restart as before."""
    run = lease.run
    await parts.spawner.end_tree(parts.tag_of(run.id), ended.birth or birth_of(run))
    was_in_hand = run.by_hand is not None and run.spawned_at is not None
    if ended.birth is None and not was_in_hand:
        return Closing(ended.conclusion, ended.ended_by, ended.exit_code, blames_ai=ended.blames_ai)
    lease = await where_it_is(parts, lease)
    settings = parts.settings.last_good(lease.namespace)
    ended = replace(ended, conclusion=await _with_version(parts, lease, ended.conclusion))
    template = settings.templates.get(lease.job.type)
    if not isinstance(template, Template):
        template = _unknown(lease.job)
    gather = partial(_gather, parts, lease, ended, settings, template)
    try:
        within_s = CANCELLED_DEADLINE_S if ended.ended_by is EndedBy.CANCEL else ROOM_DEADLINE_S
        return await _once_there_is_room(parts, run, gather, within_s)
    except (LeaseLost, DamagedStore):
        raise
    except (Broken, Conflict, OSError) as error:
        # the work lies in the workspace still: a person clears the way, and the job goes on
        outcome = Outcome(Kind.USAGE, str(error))
        told = replace(ended.conclusion, outcome=outcome)
        return Closing(told, ended.ended_by, ended.exit_code)


async def finish_cancelled(parts: Parts, lease: Lease, over: Ended) -> Closing:
    """As `finish`, for a run that is cancelled after its agent: what was done stays, unjudged.

    Shield it.
    """
    outcome = Outcome(Kind.CANCELLED, "cancelled when its agent was over")
    told = replace(over.conclusion, outcome=outcome)
    return await finish(parts, lease, replace(over, conclusion=told, ended_by=EndedBy.CANCEL))


async def _once_there_is_room(
    parts: Parts, run: Run, gather: Callable[[], Awaitable[Closing]], within_s: float
) -> Closing:
    """Gather; again while the disk is full, for each step finds what an earlier try has done."""
    deadline = anyio.current_time() + within_s
    for tried, pause in enumerate(pauses(*ROOM_AGAIN_S)):
        try:
            return await gather()
        except (Broken, Conflict, OSError) as error:
            if not may_heal(error) or anyio.current_time() > deadline:
                raise
            if tried == 0:
                parts.log.error("run.waits_for_room", run_id=run.id, error=str(error))
        await anyio.sleep(pause)
    raise AssertionError("the pauses never end")


async def _with_version(parts: Parts, lease: Lease, told: Conclusion) -> Conclusion:
    """The conclusion with the version of its CLI, where its stream does not tell."""
    harness = parts.harnesses.get(lease.run.harness)
    binary = lease.ai.binary or (harness.binary if harness else "")
    if told.cli_version or not binary:
        return told
    return replace(told, cli_version=await parts.versions.of(binary))


async def _gather(
    parts: Parts, lease: Lease, ended: Ended, settings: Settings, template: Template
) -> Closing:
    assignment = await _assignment(parts, lease)
    taken = await parts.workspaces.snapshot(
        lease.namespace,
        assignment,
        lease.job.id,
        lease.run.id,
        commit_message(lease.job, assignment),
        by_user=settings.repository.commit_author == "user",
    )
    reached(Step.TAKEN)
    await need_lease(parts, lease)
    kept = await _keep(parts, lease, assignment, template, taken)
    did_nothing = await _did_nothing(parts, lease, ended.conclusion, taken)
    told = _judge_work(ended.conclusion, template, did_nothing)
    evidence = [_left_out(kept, one) for one in taken.left_out]
    if settings.policy.outcomes[told.outcome.kind].then is Then.JUDGE:
        told, gathered = await gather_evidence(
            parts, lease, assignment, settings, template, told, kept
        )
        evidence += gathered
    return Closing(told, ended.ended_by, ended.exit_code, kept, evidence, blames_ai=ended.blames_ai)


def _left_out(kept: Snapshot, one: LeftOut) -> NewEvidence:
    return NewEvidence(
        kind=EvidenceKind.LEFT_OUT,
        name=one.kind,
        ok=True,
        tree=kept.tree,
        commit_id=kept.commit,
        tail=one.text,
    )


async def _assignment(parts: Parts, lease: Lease) -> Assignment:
    found = await parts.store.one(Assignment, "assignment_by_id", id=lease.assignment.id)
    assert found is not None
    if not lease.job.has_own_lane:
        return found
    return await parts.store.write(lambda tx: as_seen_from(tx, found, lease.job))


async def _keep(
    parts: Parts, lease: Lease, assignment: Assignment, template: Template, taken: Snapshot
) -> Snapshot:
    """What the branch holds now: the snapshot, or what it was if this job may not write."""
    deliver = partial(
        parts.workspaces.deliver, lease.namespace, assignment, lease.run.id, taken.commit
    )
    if template.writes is Writes.NEVER:
        await deliver(moves_branch=False)
        if taken.commit != taken.parent_commit:
            await parts.workspaces.restore(lease.namespace, assignment, taken.parent_commit)
        return replace(taken, commit=taken.parent_commit, tree=taken.parent_tree)
    # together, though somebody ends the run now: gates speak of the tree that the branch holds
    with anyio.CancelScope(shield=True):
        await deliver(moves_branch=True)
        reached(Step.DELIVERED)
        await parts.store.write(lambda tx: stand_at(tx, assignment, lease.run.id, taken))
    return taken


async def need_lease(parts: Parts, lease: Lease) -> None:
    """Raise LeaseLost unless it is still ours: whoever has the job now may be in the workspace."""
    ttl_ms = parts.settings.config.lease_ttl_ms
    is_ours = await parts.store.write(
        lambda tx: tx.run("extend_lease", id=lease.run.id, ttl_ms=ttl_ms, now=tx.now)
    )
    if not is_ours:
        raise LeaseLost(lease.run.id)


def stand_at(tx: Tx, seen: Assignment, run_id: RunId, taken: Snapshot) -> None:
    """Say where a run has moved the branch of its lane. Raises LeaseLost."""
    if not set_head(tx, seen, run_id, taken):
        raise LeaseLost(run_id)


async def _did_nothing(parts: Parts, lease: Lease, told: Conclusion, taken: Snapshot) -> bool:
    """Neither called a tool nor changed anything. Of tools by hand nothing is known."""
    if told.tools or not taken.is_empty:
        return False
    if lease.run.by_hand is None and not lease.run.resumed:
        return True
    # whoever had it before may have done all of it: a hand that fell silent, or this very session
    # when it was interrupted before its last words
    runs = await parts.store.all(Run, "runs_of_job", job_id=lease.job.id)
    before = next((run.parent_tree for run in runs if run.parent_tree), taken.parent_tree)
    return before == taken.tree


def _judge_work(told: Conclusion, template: Template, did_nothing: bool) -> Conclusion:
    """Success without a tool call and without a change, where work was due, is no work.

    Unless it had to ask first.
    """
    was_due = template.writes is Writes.MUST and asking.read(told.text) is None
    if told.outcome.kind is Kind.SUCCEEDED and was_due and did_nothing:
        message = "it says that it is done, called no tool and changed nothing"
        return replace(told, outcome=Outcome(Kind.NO_WORK, message))
    return told


async def gather_evidence(
    parts: Parts,
    lease: Lease,
    assignment: Assignment,
    settings: Settings,
    template: Template,
    told: Conclusion,
    kept: Snapshot,
) -> tuple[Conclusion, list[NewEvidence]]:
    """The diff, the checks at what is kept, the verdict; and the conclusion that follows."""
    folder = parts.folder_of(lease.run.id)
    evidence: list[NewEvidence] = []
    if template.writes is not Writes.NEVER:
        evidence += await _diff(parts, lease, folder, kept)
    reached(Step.JUDGING)
    evidence += await _checks(parts, lease, assignment, settings, template, kept)
    if template.verdict and told.outcome.kind is Kind.SUCCEEDED:
        said = verdict.read(told.structured, told.text)
        if said is None:
            message = "it gave no valid verdict, and that is not a pass"
            told = replace(told, outcome=Outcome(Kind.FAILED, message))
        else:
            evidence.append(
                verdict.evidence(said, name=lease.job.type, tree=kept.tree, commit_id=kept.commit)
            )
    return told, evidence


async def _diff(parts: Parts, lease: Lease, folder: RunFolder, kept: Snapshot) -> list[NewEvidence]:
    """The job's diff: from the branch before its first run to this snapshot."""
    runs = await parts.store.all(Run, "runs_of_job", job_id=lease.job.id)
    before = next((r.parent_commit for r in runs if r.parent_commit), kept.parent_commit)
    if before == kept.commit:
        return []
    diff = await parts.workspaces.diff(lease.namespace, before, kept.commit, folder.patch)
    return [
        NewEvidence(
            kind=EvidenceKind.DIFF,
            name="diff",
            ok=True,
            tree=kept.tree,
            commit_id=kept.commit,
            path=str(diff.patch),
            bytes=diff.patch.stat().st_size,
            tail=diff.stat + await _beyond(parts, lease, before, kept),
        )
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
    await parts.workspaces.restore(lease.namespace, assignment, kept.commit)
    await need_programs(parts, lease, assignment, kept, done)
    return [replace(piece, tree=kept.tree, commit_id=kept.commit) for piece in done]


def _unknown(job: Job) -> Template:
    """A type whose template is gone may still have written: keep what it did."""
    return Template(type=job.type, path="", body="", body_line=1)
