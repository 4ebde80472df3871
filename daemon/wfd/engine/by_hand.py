"""Work by hand: a job that is leased to a person, or to an agent that somebody else runs.

While it is in their hands no process is watched and nothing is held in memory: its row says whose
it is and until when, so it outlives the daemon. It is a live run of the daemon's before that,
when it is made ready, and afterwards, when what was done is taken.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import anyio
from anyio.abc import TaskGroup

from wfd.commands.house import MAX_TEXT
from wfd.commands.queue import get_assignment, get_job, release
from wfd.commands.record import event_of_job
from wfd.commands.scope import job_in, namespace_named, namespace_of, text_of
from wfd.domain.errors import BadInput, Conflict, NotAllowed, NotFound, NotRunning, WfdError
from wfd.domain.ids import JobId, RunId
from wfd.domain.job import HAND, PM, Job, JobState, WaitsFor
from wfd.domain.namespace import Namespace
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run, RunState
from wfd.engine.close import Closing
from wfd.engine.finish import Ended, finish
from wfd.engine.parts import Lease, LiveRun, Parts
from wfd.engine.permit import Park, permit
from wfd.engine.prepare import NotReady, Ready, make_ready, record_prompt, write_prompt
from wfd.engine.run_agent import bring_to_close, cut_short
from wfd.ports import Tx

MAX_NAME = 100  # characters


@dataclass(frozen=True)
class Claim:
    namespace: str
    by: str
    job: int | None = None
    type: str | None = None  # the first that is ready, of this type if one is named


@dataclass(frozen=True)
class Keep:
    run: int


@dataclass(frozen=True)
class Finish:
    run: int
    result: str
    failed: bool = False


# --- what is asked of the daemon ---------------------------------------------------


async def claim(parts: Parts, group: TaskGroup, want: Claim) -> dict[str, object]:
    """Lease a job, make all ready for it, and say where. Raises why not.

    Goes on to its end though the caller is gone: the claim then lapses like any other.
    """
    if parts.is_stopping:
        raise NotRunning("the daemon is stopping; claim it after the next: wfd start")
    ttl_ms = parts.settings.config.lease_ttl_ms
    lease = await parts.store.write(lambda tx: _leased(tx, parts.worker, ttl_ms, want))
    handing = _Handing(LiveRun(lease))
    parts.live[lease.run.id] = handing.live
    group.start_soon(_hand_over, parts, handing, name=f"R{lease.run.id} to be handed over")
    await handing.is_over.wait()
    if handing.handed is None:
        raise handing.why_not
    return handing.handed


async def keep(parts: Parts, want: Keep) -> dict[str, object]:
    """{"run", "lease_until"}. Raises Conflict when the claim is lost or its result was given."""
    run_id, ttl_ms = RunId(want.run), parts.settings.config.hand_ttl_ms

    def extend(tx: Tx) -> dict[str, object]:
        is_free = run_id not in parts.concluding
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


def ended(run: Run) -> Ended:
    """How it ended: as it was told, or by its silence."""
    return Ended(
        Conclusion(_outcome(run), text=run.answer or ""), EndedBy.NONE, run.exit_code, None
    )


def _outcome(run: Run) -> Outcome:
    if run.answer is not None and run.exit_code == 0:
        return Outcome(Kind.SUCCEEDED)
    if run.answer is not None:
        return Outcome(Kind.FAILED, f"{run.by_hand} gave it up")
    if run.spawned_at is None:
        return Outcome(Kind.INTERRUPTED, "the daemon died before it was handed over")
    return Outcome(Kind.INTERRUPTED, f"nothing was heard of {run.by_hand} in time")


# --- leasing ------------------------------------------------------------------------


def _leased(tx: Tx, worker: str, ttl_ms: int, want: Claim) -> Lease:
    namespace = namespace_named(tx, want.namespace)
    name = text_of(want.by, "name", MAX_NAME)
    wanted = _wanted(tx, namespace, want)
    may = permit(tx, namespace, wanted, lambda namespace, job: HAND)
    if isinstance(may, Park) and may.waits_for is WaitsFor.LOCK:
        raise NotAllowed(f"J{wanted.id} waits for {may.waits_for}: {may.waits_on}")
    job = tx.one(Job, "take_this_job", id=wanted.id)
    assert job is not None, "it was ready just now"
    run = tx.one(
        Run,
        "add_run_by_hand",
        job_id=job.id,
        assignment_id=job.assignment_id,
        namespace_id=namespace.id,
        worker=worker,
        by_hand=name,
        ttl_ms=ttl_ms,
        now=tx.now,
    )
    assert run is not None, "an insert gives its row back"
    event_of_job(tx, "run.leased", job, run.id, harness=HAND, by_hand=name)
    return Lease(namespace, get_assignment(tx, job.assignment_id), job, run)


def _wanted(tx: Tx, namespace: Namespace, want: Claim) -> Job:
    """The job to claim, which is ready."""
    if want.job is None:
        return _first(tx, namespace, want.type)
    if want.type is not None:
        raise BadInput("name a job or a --type, not both")
    job = job_in(tx, namespace.name, JobId(want.job))
    if job.type == PM:
        raise NotAllowed(
            f"J{job.id} is a PM job, which decides for the daemon; a person decides by"
            " 'wfctl answer', 'insert-job' or 'update-assignment'"
        )
    if job.waits_for is WaitsFor.AI:  # it needs none by hand
        release(tx, job.id)
        job = get_job(tx, job.id)
    match job.state:
        case JobState.QUEUED:
            return job
        case JobState.RUNNING:
            raise Conflict(f"J{job.id} is running already; 'wfctl job J{job.id}' says by whom")
        case JobState.WAITING:
            raise NotAllowed(f"J{job.id} waits; 'wfctl job J{job.id}' says for what")
        case JobState.DONE | JobState.FAILED | JobState.CANCELLED:
            raise NotAllowed(
                f"J{job.id} is {job.state} already; 'wfctl retry J{job.id}' makes a new one of it"
            )


def _first(tx: Tx, namespace: Namespace, job_type: str | None) -> Job:
    """What waits to be done by hand, and else what a worker would take first."""
    waiting = tx.one(Job, "waiting_to_claim", namespace_id=namespace.id, type=job_type)
    if waiting is not None:
        release(tx, waiting.id)
        return get_job(tx, waiting.id)
    ready = tx.one(Job, "ready_to_claim", namespace_id=namespace.id, type=job_type)
    if ready is None:
        of_type = f" of type '{job_type}'" if job_type else ""
        raise NotFound(f"no job{of_type} is ready here; 'wfctl queue' shows what is open")
    return ready


def _lease_of(tx: Tx, run_id: RunId) -> Lease:
    run = tx.one(Run, "run_by_id", id=run_id)
    assert run is not None, "it was there just now"
    return Lease(
        namespace_of(tx, run.namespace_id),
        get_assignment(tx, run.assignment_id),
        get_job(tx, run.job_id),
        run,
    )


def _why_lost(tx: Tx, run_id: RunId) -> WfdError:
    run = tx.one(Run, "run_by_id", id=run_id)
    if run is None:
        return NotFound(f"no run R{run_id}; 'wfctl claim' gives one")
    if run.by_hand is None:
        return NotAllowed(f"R{run_id} is the daemon's own agent's; 'wfctl claim' gives you a job")
    if run.state is RunState.CLOSED:
        return Conflict(
            f"the lease of R{run_id} is lost: it ended {run.outcome} ({run.message});"
            f" what lay in the workspace is kept as refs/wfd/A{run.assignment_id}/R{run_id}"
        )
    if run.answer is not None:
        return Conflict(f"R{run_id} was finished already; 'wfctl job J{run.job_id}' follows it")
    if run.spawned_at is None:
        return NotAllowed(f"R{run_id} is not ready yet; its claim says when it is")
    return Conflict(f"the lease of R{run_id} is lost: it is being taken back")


# --- handing over -------------------------------------------------------------------


@dataclass
class _Handing:
    live: LiveRun
    is_over: anyio.Event = field(default_factory=anyio.Event)
    handed: dict[str, object] | None = None
    why_not: WfdError = field(default_factory=lambda: Conflict("the claim is lost"))


async def _hand_over(parts: Parts, handing: _Handing) -> None:
    live, lease = handing.live, handing.live.lease
    try:
        ready: Ready | None = None
        closing: Closing | None = None
        with live.scope:
            try:
                ready = await _made_ready(parts, lease)
            except NotReady as error:
                closing = Closing(
                    Conclusion(error.outcome), EndedBy.NONE, None, evidence=error.evidence
                )
            except OSError as error:
                told = f"its files could not be written: {error}"
                closing = Closing(Conclusion(Outcome(Kind.USAGE, told)), EndedBy.NONE, None)
        if ready is not None:
            await _give(parts, handing, ready)
        elif not live.is_lost:
            await _close_unready(parts, handing, closing or cut_short(live))
    except Exception:  # its run stays open; when its lease has lapsed, the sweep takes it
        parts.log.exception("run.abandoned", run_id=lease.run.id)
    finally:
        parts.live.pop(lease.run.id, None)
        handing.is_over.set()
        parts.wake()


async def _made_ready(parts: Parts, lease: Lease) -> Ready:
    ready = await make_ready(parts, lease)
    write_prompt(ready.folder, ready.prompt)
    await record_prompt(parts, lease, ready.workspace, ready.prompt)
    return ready


async def _give(parts: Parts, handing: _Handing, ready: Ready) -> None:
    lease, ttl_ms = handing.live.lease, parts.settings.config.hand_ttl_ms
    run_id = lease.run.id
    # before the write, so that no beat of the daemon's own heart shortens what this one sets
    parts.live.pop(run_id, None)

    def hand_over(tx: Tx) -> int | None:
        is_ours = tx.run("hand_over", id=run_id, ttl_ms=ttl_ms, now=tx.now)
        return tx.now + ttl_ms if is_ours else None

    until = await parts.store.write(hand_over)
    if until is None:
        return
    handing.handed = {
        "run": run_id,
        "job": lease.job.id,
        "assignment": lease.assignment.id,
        "type": lease.job.type,
        "workspace": str(ready.workspace.path),
        "prompt": str(ready.folder.prompt),
        "lease_until": until,
    }
    parts.log.info(
        "run.claimed", job_id=lease.job.id, run_id=run_id, by_hand=lease.run.by_hand, until=until
    )


async def _close_unready(parts: Parts, handing: _Handing, closing: Closing) -> None:
    lease, outcome = handing.live.lease, closing.conclusion.outcome
    handing.why_not = NotAllowed(f"J{lease.job.id} could not be made ready: {outcome.message}")
    with anyio.CancelScope(shield=True):
        await parts.spawner.end_tree(parts.tag_of(lease.run.id))
        await bring_to_close(parts, lease.run, closing)


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
    except Exception:
        parts.log.exception("run.abandoned", run_id=run.id)
    finally:
        parts.concluding.discard(run.id)
        parts.live.pop(run.id, None)
        parts.wake()


async def _finished(parts: Parts, lease: Lease) -> Closing:
    try:
        return await finish(parts, lease, ended(lease.run))
    except Exception as error:
        parts.log.exception("run.crashed", run_id=lease.run.id, job_id=lease.job.id)
        outcome = Outcome(Kind.LOST, f"the daemon failed: {type(error).__name__}: {error}")
        return Closing(Conclusion(outcome), EndedBy.NONE, None)
