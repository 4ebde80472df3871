"""Claiming a job: it is leased to whoever asks, made ready, and handed over."""

from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from wfd.commands.lanes import as_seen_from
from wfd.commands.locks import MAX_LOOKED_AT, blocker
from wfd.commands.queue import get_assignment, get_job, park, release
from wfd.commands.record import event_of_job
from wfd.commands.scope import job_in, namespace_named, text_of
from wfd.domain.ai import BY_HAND
from wfd.domain.errors import (
    BadInput,
    Broken,
    Conflict,
    LeaseLost,
    NotAllowed,
    NotFound,
    NotRunning,
    StoreFailed,
    WfdError,
)
from wfd.domain.ids import JobId
from wfd.domain.job import HAND, PM, Job, JobState, WaitsFor
from wfd.domain.namespace import Namespace
from wfd.domain.run import Run
from wfd.engine.over import Closing
from wfd.engine.parts import Lease, LiveRun, Parts
from wfd.engine.ready import Ready, make_ready, record_prompt, write_prompt
from wfd.engine.room import refuse_without_room
from wfd.engine.run_agent import bring_to_close, cut_short, unready
from wfd.engine.workplace import NotReady
from wfd.ports import Tx

MAX_NAME = 100  # characters


@dataclass(frozen=True)
class Claim:
    namespace: str
    by: str
    job: int | None = None
    type: str | None = None  # the first that is ready, of this type if one is named


async def claim(parts: Parts, group: TaskGroup, want: Claim) -> dict[str, object]:
    """Lease a job, make all ready for it, and say where. Raises why not.

    Goes on to its end though the caller is gone: the claim then lapses like any other.
    """
    if parts.is_stopping:
        raise NotRunning("the daemon is stopping; claim it after the next: wfd start")
    refuse_without_room(parts)
    ttl_ms = parts.settings.config.lease_ttl_ms
    lease = await parts.store.write(lambda tx: _leased(tx, parts.worker, ttl_ms, want))
    handing = _Handing(LiveRun(lease))
    parts.live[lease.run.id] = handing.live
    group.start_soon(_hand_over, parts, handing, name=f"R{lease.run.id} to be handed over")
    await handing.is_over.wait()
    if handing.handed is None:
        raise handing.why_not
    return handing.handed


def _leased(tx: Tx, worker: str, ttl_ms: int, want: Claim) -> Lease:
    namespace = namespace_named(tx, want.namespace)
    name = text_of(want.by, "name", MAX_NAME)
    job = _taken(tx, namespace, want)
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
    assignment = as_seen_from(tx, get_assignment(tx, job.assignment_id), job)
    return Lease(namespace, assignment, job, run, BY_HAND)


def _taken(tx: Tx, namespace: Namespace, want: Claim) -> Job:
    """A job that runs now. One whose paths another has is passed over, if it was not named."""
    for _ in range(MAX_LOOKED_AT):
        wanted = _wanted(tx, namespace, want)
        job = tx.one(Job, "take_this_job", id=wanted.id)
        assert job is not None, "it was ready just now"
        other = blocker(tx, job)
        if other is None:
            return job
        if want.job is not None:
            raise NotAllowed(_held(job, other))
        park(tx, job, WaitsFor.LOCK, f"J{other.id}")
    raise NotFound(f"the first {MAX_LOOKED_AT} jobs wait for paths; 'wfctl locks' shows whose")


def _held(job: Job, other: Job) -> str:
    return (
        f"J{job.id} waits for its paths, which J{other.id} ({other.type}, {other.state}) holds;"
        " 'wfctl locks' shows who holds which"
    )


def _wanted(tx: Tx, namespace: Namespace, want: Claim) -> Job:
    """The job to claim, which is ready."""
    if want.job is None:
        return _first(tx, namespace, want.type)
    if want.type is not None:
        raise BadInput("name a job or a --type, not both")
    job = job_in(tx, namespace.name, JobId(want.job))
    if job.finishes is not None:
        raise NotAllowed(
            f"J{job.id} is done, and the daemon ends R{job.finishes} by itself;"
            f" 'wfctl job J{job.id}' says what it waits for"
        )
    if job.merges is not None:
        raise NotAllowed(f"J{job.id} is a merge job, which the daemon does by itself")
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
        case JobState.WAITING if job.waits_for is WaitsFor.LOCK and (other := blocker(tx, job)):
            raise NotAllowed(_held(job, other))
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
            except (LeaseLost, StoreFailed):
                raise
            except (NotReady, Broken, Conflict, OSError) as error:
                closing = unready(error)
        if ready is not None:
            await _give(parts, handing, ready)
        elif not live.is_lost:
            await _close_unready(parts, handing, closing or cut_short(live))
    except StoreFailed as error:  # which it has logged itself; the sweep takes this run, too
        handing.why_not = error
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
    slot = await parts.slots.of(ready.workspace.path)
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
        "slot": slot,
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
