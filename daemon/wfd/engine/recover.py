"""After a crash: end what an earlier life left running, and bring its runs to their end."""

import contextlib
from dataclasses import replace
from functools import partial

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from wfd.commands.house import House
from wfd.commands.lanes import as_seen_from
from wfd.commands.queue import get_assignment, get_job
from wfd.commands.roster import ai_of
from wfd.commands.scope import namespace_of
from wfd.domain.errors import DamagedStore, LeaseLost
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run
from wfd.engine import by_hand
from wfd.engine.finish import finish, finish_cancelled, not_finished
from wfd.engine.merge import finish_cancelled_merge, merge
from wfd.engine.over import Closing
from wfd.engine.parts import Ended, Lease, LiveRun, Parts, birth_of
from wfd.engine.redo import redo
from wfd.engine.room import SHORT_DEADLINE_S, once_it_passes
from wfd.engine.run_agent import bring_to_close
from wfd.engine.step_failed import during
from wfd.engine.steps import Step, reached
from wfd.engine.transcript_end import lost, read_end
from wfd.ports import Tx

_LOST_AT_ONCE = 4  # so that the first soon makes room for new work, and not all of them late


async def end_orphans(parts: Parts) -> list[Lease]:
    """Kill the tree of every run that an earlier life left open, before anything is leased.

    Its lease is ours from now on; `conclude` brings it to its end. What somebody has in hand is
    left to them.
    """
    ttl_ms = parts.settings.config.lease_ttl_ms
    await parts.store.write(
        lambda tx: tx.run("keep_all_by_hand", ttl_ms=parts.settings.config.hand_ttl_ms, now=tx.now)
    )
    every = await parts.store.all(Run, "live_runs")
    runs = [run for run in every if not by_hand.is_in_hand(run)]
    if not runs:
        return []
    killed = await parts.spawner.end_trees({parts.tag_of(run.id): birth_of(run) for run in runs})
    reached(Step.ORPHANED)
    house = parts.settings.house_of(None)
    left = await parts.store.write(lambda tx: [_take_over(tx, house, run, ttl_ms) for run in runs])
    parts.log.warning("daemon.recovering", runs=[run.id for run in runs], killed=killed)
    return left


def conclude_all(parts: Parts, group: TaskGroup, left: list[Lease]) -> None:
    """Finish each of them beside the other work of the daemon."""
    places = anyio.CapacityLimiter(_LOST_AT_ONCE)
    for lease in left:
        live = LiveRun(lease)
        parts.live[lease.run.id] = live
        group.start_soon(_conclude, parts, live, places, name=f"R{lease.run.id} after a restart")


async def _conclude(parts: Parts, live: LiveRun, places: anyio.CapacityLimiter) -> None:
    lease = live.lease
    # its lease as it was left: until then its own daemon lived, and afterwards nothing ran
    since = lease.run.lease_until if lease.run.by_hand is None else lease.run.started_at
    idle_ms = max(0, parts.clock.now() - since)
    try:
        closing: Closing | None = None
        with live.scope, contextlib.suppress(LeaseLost, DamagedStore):
            closing = await _concluded(parts, live, places)
        if closing is None and live.ended_by is EndedBy.CANCEL:
            with anyio.CancelScope(shield=True):
                closing = await _cancelled(parts, live)
        if closing is not None:
            await bring_to_close(parts, lease.run, replace(closing, idle_ms=idle_ms))
        # else it is no longer ours, or the daemon stops again and the next start finds it
    except Exception:
        parts.log.exception("run.abandoned", run_id=lease.run.id)
    finally:
        parts.live.pop(lease.run.id, None)
        parts.wake()


async def _cancelled(parts: Parts, live: LiveRun) -> Closing:
    lease = live.lease
    if lease.job.merges is not None:
        return await finish_cancelled_merge(parts, lease)
    told = Conclusion(Outcome(Kind.LOST), session_id=lease.run.session_id)
    return await finish_cancelled(parts, lease, live.over or lost(lease, told))


async def _concluded(parts: Parts, live: LiveRun, places: anyio.CapacityLimiter) -> Closing:
    lease = live.lease
    try:
        if lease.finishes is not None:
            return await redo(parts, live)
        if lease.job.merges is not None:
            async with places:
                return await merge(parts, lease)
        read = partial(_read_end, parts, lease)
        ended = live.over = await once_it_passes(parts, lease.run, read, SHORT_DEADLINE_S)
        if ended.conclusion.outcome.kind is not Kind.LOST:  # its checks may take long
            return await finish(parts, lease, ended)
        async with places:
            return await finish(parts, lease, ended)
    except (LeaseLost, DamagedStore):
        raise
    except Exception as error:
        parts.log.exception("run.recovery_failed", run_id=lease.run.id)
        told = Conclusion(Outcome(Kind.LOST), session_id=lease.run.session_id)
        return not_finished(parts, lease, lost(lease, told, has_begun=True), error)


def _take_over(tx: Tx, house: House, run: Run, ttl_ms: int) -> Lease:
    tx.run("extend_lease", id=run.id, ttl_ms=ttl_ms, now=tx.now)
    tx.run("record_activity", id=run.id, activity=None, retries=run.retries)
    job, ai = get_job(tx, run.job_id), ai_of(tx, house, run)
    assignment = as_seen_from(tx, get_assignment(tx, run.assignment_id), job)
    namespace = namespace_of(tx, run.namespace_id)
    finishes = None
    if job.finishes is not None:
        finishes = tx.one(Run, "run_by_id", id=job.finishes)
    return Lease(namespace, assignment, job, run, ai, finishes=finishes)


async def _read_end(parts: Parts, lease: Lease) -> Ended:
    with during("reading its transcript"):
        # in a thread: a long transcript must not keep the leases of others from being renewed
        ended = await anyio.to_thread.run_sync(read_end, parts, lease)
    if ended.has_begun and lease.run.by_hand is None and lease.run.spawned_at is None:
        # it died before it could write down that its agent had begun
        await parts.store.write(lambda tx: tx.run("note_spawn", id=lease.run.id))
    reached(Step.READ)
    return ended
