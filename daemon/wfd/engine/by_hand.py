"""Work by hand: a job that is leased to a person, or to an agent that somebody else runs.

While it is in their hands no process is watched and nothing is held in memory: its row says whose
it is and until when, so it outlives the daemon. It is a live run of the daemon's before that,
when it is made ready (engine/claim.py), and afterwards, when what was done is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio
from anyio.abc import TaskGroup

from wfd.commands.house import MAX_TEXT
from wfd.commands.lanes import as_seen_from
from wfd.commands.queue import get_assignment, get_job
from wfd.commands.scope import namespace_of, text_of
from wfd.domain.ai import BY_HAND
from wfd.domain.errors import Conflict, DamagedStore, NotAllowed, NotFound, WfdError
from wfd.domain.ids import RunId
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run, RunState
from wfd.engine.finish import finish
from wfd.engine.over import Closing
from wfd.engine.parts import Lease, LiveRun, Parts
from wfd.engine.run_agent import bring_to_close, cut_short
from wfd.engine.transcript_end import ended_by_hand
from wfd.ports import Tx


@dataclass(frozen=True)
class Keep:
    run: int


@dataclass(frozen=True)
class Finish:
    run: int
    result: str
    failed: bool = False


# --- what is asked of the daemon ---------------------------------------------------


async def keep(parts: Parts, want: Keep) -> dict[str, object]:
    """{"run", "lease_until"}. Raises Conflict when the claim is lost or its result was given."""
    run_id, ttl_ms = RunId(want.run), parts.settings.config.hand_ttl_ms
    is_free = run_id not in parts.concluding

    def extend(tx: Tx) -> dict[str, object]:
        if is_free and tx.run("keep_by_hand", id=run_id, ttl_ms=ttl_ms, now=tx.now):
            return {"run": run_id, "lease_until": tx.now + ttl_ms}
        raise _why_lost(tx, run_id)

    return await parts.store.write(extend)


async def end(parts: Parts, group: TaskGroup, want: Finish) -> dict[str, object]:
    """Take the result; snapshot, checks and judgement follow. {"run", "job", "assignment"}

    Raises Conflict when the claim is lost or its result was given before.
    """
    run_id, text = RunId(want.run), text_of(want.result, "result", MAX_TEXT)

    def give(tx: Tx) -> Lease:
        if not tx.run("give_result", id=run_id, answer=text, exit_code=int(want.failed)):
            raise _why_lost(tx, run_id)
        return _lease_of(tx, run_id)

    if run_id in parts.concluding:
        raise await parts.store.write(lambda tx: _why_lost(tx, run_id))
    parts.concluding.add(run_id)
    try:
        lease = await parts.store.write(give)
    except BaseException:
        parts.concluding.discard(run_id)
        raise
    _conclude_soon(parts, group, lease)
    return {"run": run_id, "job": lease.job.id, "assignment": lease.assignment.id}


# --- what the daemon does by itself ------------------------------------------------


async def take_back(parts: Parts, group: TaskGroup, run: Run) -> None:
    """A claim that fell silent goes back to the queue; what lies in the workspace is kept."""

    def lapsed(tx: Tx) -> Lease | None:
        lease = _lease_of(tx, run.id)
        is_lapsed = lease.run.state is RunState.RUNNING and lease.run.lease_until < tx.now
        return lease if is_lapsed else None

    await _take(parts, group, run.id, lapsed)


async def cancel(parts: Parts, group: TaskGroup, run_id: RunId) -> None:
    """End a claim at once, because somebody wants its job cancelled."""

    def wanted(tx: Tx) -> Lease | None:
        lease = _lease_of(tx, run_id)
        is_ours = lease.run.state is RunState.RUNNING and lease.run.by_hand is not None
        return lease if is_ours else None

    await _take(parts, group, run_id, wanted, EndedBy.CANCEL)


def is_in_hand(run: Run) -> bool:
    """Nothing is to be done for it but to wait."""
    return run.by_hand is not None and run.spawned_at is not None and run.answer is None


def _lease_of(tx: Tx, run_id: RunId) -> Lease:
    run = tx.one(Run, "run_by_id", id=run_id)
    assert run is not None, "it was there just now"
    job = get_job(tx, run.job_id)
    assignment = as_seen_from(tx, get_assignment(tx, run.assignment_id), job)
    return Lease(namespace_of(tx, run.namespace_id), assignment, job, run, BY_HAND)


def _why_lost(tx: Tx, run_id: RunId) -> WfdError:
    run = tx.one(Run, "run_by_id", id=run_id)
    if run is None:
        return NotFound(f"no run R{run_id}; 'wfctl claim' gives one")
    if run.by_hand is None:
        return NotAllowed(f"R{run_id} is the daemon's own agent's; 'wfctl claim' gives you a job")
    if run.answer:  # a claim that was taken back is closed with an empty one
        return Conflict(f"R{run_id} was finished already; 'wfctl job J{run.job_id}' follows it")
    if run.state is RunState.CLOSED:
        place = _lease_of(tx, run_id).assignment.place
        return Conflict(
            f"the lease of R{run_id} is lost: it ended {run.outcome} ({run.message});"
            f" what lay in the workspace is kept as refs/wfd/{place}/R{run_id}"
        )
    if run.spawned_at is None:
        return NotAllowed(f"R{run_id} is not ready yet; its claim says when it is")
    return Conflict(f"the lease of R{run_id} is lost: it is being taken back")


# --- taking what was done -----------------------------------------------------------


async def _take(
    parts: Parts,
    group: TaskGroup,
    run_id: RunId,
    whether: Callable[[Tx], Lease | None],
    by: EndedBy = EndedBy.NONE,
) -> None:
    """Bring a claim to its end, unless it is being brought there already."""
    if run_id in parts.concluding:
        return
    parts.concluding.add(run_id)
    lease: Lease | None = None
    try:
        lease = await parts.store.write(whether)
    finally:
        if lease is None:
            parts.concluding.discard(run_id)
    if lease is not None:
        _conclude_soon(parts, group, lease, by)


def _conclude_soon(
    parts: Parts, group: TaskGroup, lease: Lease, by: EndedBy = EndedBy.NONE
) -> None:
    live = LiveRun(lease, ended_by=by)  # who ended it already does not cut short what is kept
    parts.live[lease.run.id] = live
    group.start_soon(_conclude, parts, live, name=f"R{lease.run.id} by hand")


async def _conclude(parts: Parts, live: LiveRun) -> None:
    run = live.lease.run
    try:
        closing: Closing | None = None
        with live.scope:
            closing = await _finished(parts, live.lease)
        if live.is_lost:
            return
        if closing is None and live.ended_by is EndedBy.STOP:
            parts.log.info("run.left_open", run_id=run.id, until="the next start")
            return
        # caps bound what agents take; how long a person takes is bounded by the lease alone
        idle_ms = max(0, parts.clock.now() - run.started_at)
        with anyio.CancelScope(shield=True):
            closing = replace(closing or cut_short(live), idle_ms=idle_ms)
            await bring_to_close(parts, run, closing)
    except DamagedStore:  # the daemon stops; the next start finds the run as it is
        pass
    except Exception:
        parts.log.exception("run.abandoned", run_id=run.id)
    finally:
        parts.concluding.discard(run.id)
        parts.live.pop(run.id, None)
        parts.wake()


async def _finished(parts: Parts, lease: Lease) -> Closing:
    try:
        return await finish(parts, lease, ended_by_hand(lease.run))
    except DamagedStore:
        raise
    except Exception as error:
        parts.log.exception("run.crashed", run_id=lease.run.id, job_id=lease.job.id)
        outcome = Outcome(Kind.LOST, f"the daemon failed: {type(error).__name__}: {error}")
        return Closing(Conclusion(outcome), EndedBy.NONE, None)
