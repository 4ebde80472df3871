"""After the agent: its tree ended, a snapshot, its delivery; then evidence is gathered."""

from dataclasses import replace
from functools import partial

import anyio

from wfd.commands.lanes import as_seen_from, set_head
from wfd.domain.assignment import Assignment
from wfd.domain.errors import DamagedStore, LeaseLost
from wfd.domain.ids import RunId
from wfd.domain.job import Job
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run
from wfd.domain.template import Template, Writes
from wfd.engine.gathering import gather_evidence, left_out
from wfd.engine.moved import where_it_is
from wfd.engine.over import Closing
from wfd.engine.parts import Ended, Lease, Parts, Settings, birth_of
from wfd.engine.room import ROOM_DEADLINE_S, once_it_passes
from wfd.engine.step_failed import FORESEEN, during, outcome_of
from wfd.engine.steps import Step, reached
from wfd.ports import Snapshot, Tx
from wfd.rules import asking
from wfd.rules.commit_message import commit_message
from wfd.rules.policy import Then

CANCELLED_DEADLINE_S = 30.0  # the same for what nothing can end any more, a stop least of all


async def finish(parts: Parts, lease: Lease, ended: Ended) -> Closing:
    """Still the tree, take the snapshot, gather evidence. The same after a restart as before."""
    within_s = CANCELLED_DEADLINE_S if ended.ended_by is EndedBy.CANCEL else ROOM_DEADLINE_S
    try:
        steps = partial(_finished, parts, lease, ended)
        return await once_it_passes(parts, lease.run, steps, within_s)
    except (LeaseLost, DamagedStore):
        raise
    except Exception as error:
        return not_finished(parts, lease, ended, error)


def not_finished(parts: Parts, lease: Lease, ended: Ended, error: Exception) -> Closing:
    """How a run is closed when a step after its agent fails: the next run does that step again."""
    run = lease.worked
    tell_unforeseen(parts, lease, error)
    told = replace(ended.conclusion, outcome=outcome_of(error))
    return Closing(
        told,
        ended.ended_by,
        ended.exit_code,
        blames_ai=ended.blames_ai,
        unfinished=run.id if ended.has_begun else None,
    )


def tell_unforeseen(parts: Parts, lease: Lease, error: Exception) -> None:
    """A fault of the code's own is logged with where it was."""
    if not isinstance(error, FORESEEN):
        parts.log.error("run.crashed", run_id=lease.run.id, job_id=lease.job.id, exc_info=error)


async def _finished(parts: Parts, lease: Lease, ended: Ended) -> Closing:
    run = lease.worked
    with during("ending its processes"):
        await parts.spawner.end_tree(parts.tag_of(run.id), ended.birth or birth_of(run))
    if not ended.has_begun:
        return Closing(ended.conclusion, ended.ended_by, ended.exit_code, blames_ai=ended.blames_ai)
    lease = await where_it_is(parts, lease)
    settings = parts.settings.last_good(lease.namespace)
    ended = replace(ended, conclusion=await _with_version(parts, lease, ended.conclusion))
    template = settings.templates.get(lease.job.type)
    if not isinstance(template, Template):
        template = _unknown(lease.job)
    return await _gather(parts, lease, ended, settings, template)


async def finish_cancelled(parts: Parts, lease: Lease, over: Ended) -> Closing:
    """As `finish`, for a run that is cancelled after its agent: what was done stays, unjudged.

    Shield it.
    """
    outcome = Outcome(Kind.CANCELLED, "cancelled when its agent was over")
    told = replace(over.conclusion, outcome=outcome)
    return await finish(parts, lease, replace(over, conclusion=told, ended_by=EndedBy.CANCEL))


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
    with during("the snapshot"):
        taken = await parts.workspaces.snapshot(
            lease.namespace,
            assignment,
            lease.job.id,
            lease.worked.id,
            commit_message(lease.job, assignment),
            by_user=settings.repository.commit_author == "user",
        )
    reached(Step.TAKEN)
    await need_lease(parts, lease)
    with during("the delivery of its work"):
        kept = await _keep(parts, lease, assignment, template, taken)
    did_nothing = await _did_nothing(parts, lease, ended.conclusion, taken)
    told = _judge_work(ended.conclusion, template, did_nothing)
    evidence = [] if lease.job.is_pm else left_out(kept, taken)  # a PM writes nothing
    if settings.policy.outcomes[told.outcome.kind].then is Then.JUDGE:
        told, gathered = await gather_evidence(
            parts, lease, assignment, settings, template, told, kept
        )
        evidence += gathered
    return Closing(
        told,
        ended.ended_by,
        ended.exit_code,
        kept,
        evidence,
        blames_ai=ended.blames_ai,
        is_finished=True,
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
        parts.workspaces.deliver, lease.namespace, assignment, lease.worked.id, taken.commit
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
    # its branch may have been moved already, by a try of this that did not come to its end
    runs = await parts.store.all(Run, "runs_of_job", job_id=lease.job.id)
    if lease.worked.by_hand is None and not lease.worked.resumed:
        runs = [run for run in runs if run.id == lease.worked.id]
    # else whoever had it before may have done all of it: a hand that fell silent, or this very
    # session when it was interrupted before its last words
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


def _unknown(job: Job) -> Template:
    """A type whose template is gone may still have written: keep what it did."""
    return Template(type=job.type, path="", body="", body_line=1)
