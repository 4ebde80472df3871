"""After a crash: end what an earlier life left running, and bring its runs to their end."""

import contextlib
from dataclasses import replace

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
from wfd.domain.run_folder import RunFolder
from wfd.engine import by_hand
from wfd.engine.exit import Exit
from wfd.engine.finish import finish, finish_cancelled
from wfd.engine.merge import finish_cancelled_merge, merge
from wfd.engine.over import Closing
from wfd.engine.parts import Ended, Lease, LiveRun, Parts, birth_of
from wfd.engine.run_agent import bring_to_close, stderr_of
from wfd.engine.steps import Step, reached
from wfd.ports import Codec, End, Tx

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
    return await finish_cancelled(parts, lease, live.over or _lost(lease, told))


async def _concluded(parts: Parts, live: LiveRun, places: anyio.CapacityLimiter) -> Closing:
    lease = live.lease
    try:
        if lease.job.merges is not None:
            async with places:
                return await merge(parts, lease)
        # in a thread: a long transcript must not keep the leases of others from being renewed
        ended = live.over = await anyio.to_thread.run_sync(_ended, parts, lease)
        if ended.conclusion.outcome.kind is not Kind.LOST:  # its checks may take long
            return await finish(parts, lease, ended)
        async with places:
            return await finish(parts, lease, ended)
    except (LeaseLost, DamagedStore):
        raise
    except Exception as error:
        parts.log.exception("run.recovery_failed", run_id=lease.run.id)
        outcome = Outcome(Kind.LOST, f"the daemon died, and its run could not be read: {error}")
        return Closing(Conclusion(outcome), EndedBy.NONE, None)


def _take_over(tx: Tx, house: House, run: Run, ttl_ms: int) -> Lease:
    tx.run("extend_lease", id=run.id, ttl_ms=ttl_ms, now=tx.now)
    tx.run("record_activity", id=run.id, activity=None, retries=run.retries)
    job, ai = get_job(tx, run.job_id), ai_of(tx, house, run)
    assignment = as_seen_from(tx, get_assignment(tx, run.assignment_id), job)
    return Lease(namespace_of(tx, run.namespace_id), assignment, job, run, ai)


def _ended(parts: Parts, lease: Lease) -> Ended:
    """What the transcript tells: its own end if it holds one, and else a run that is lost."""
    run, folder = lease.run, parts.folder_of(lease.run.id)
    if run.by_hand is not None:
        return by_hand.ended(run)
    harness = parts.harnesses.get(run.harness)
    if run.spawned_at is None or harness is None:
        return _lost(lease, Conclusion(Outcome(Kind.LOST), session_id=run.session_id))
    codec = harness.codec()
    _read(codec, folder)
    kept = Exit.kept(folder.exit)
    exited = kept or Exit(None, EndedBy.NONE)
    # "try again at 1:06 PM" is meant as of then, which may be hours ago
    now = min(parts.clock.now(), _last_word(folder) or parts.clock.now())
    end = End(exited.code, exited.ended_by, stderr_of(folder.stderr), now)
    told = exited.told_of(codec.conclude(end))
    if kept is None and not codec.is_finished:
        return _lost(lease, replace(told, session_id=told.session_id or run.session_id))
    return Ended(told, exited.by(told), exited.code, birth_of(run), blames_ai=True)


def _lost(lease: Lease, told: Conclusion) -> Ended:
    """What the transcript has told so far stays known: tools, session, version."""
    outcome = Outcome(Kind.LOST, "the daemon died while it ran")
    return Ended(replace(told, outcome=outcome), EndedBy.NONE, None, birth_of(lease.run))


def _read(codec: Codec, folder: RunFolder) -> None:
    with contextlib.suppress(FileNotFoundError), folder.transcript.open("rb") as stream:
        for line in stream:
            codec.read(line.rstrip(b"\n"))


def _last_word(folder: RunFolder) -> int | None:
    """When the agent last said something, in UTC milliseconds."""
    with contextlib.suppress(FileNotFoundError):
        return folder.transcript.stat().st_mtime_ns // 1_000_000
    return None
