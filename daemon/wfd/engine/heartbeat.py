"""Keeping our leases, and sweeping what others left."""

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
from anyio.abc import TaskGroup

from wfd.domain.errors import LeaseLost, StoreFailed, WfdError
from wfd.domain.ids import RunId
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run
from wfd.engine import by_hand
from wfd.engine.close import close
from wfd.engine.over import Closing
from wfd.engine.parts import Parts, birth_of
from wfd.ports import Tx

BEATS_PER_TTL = 3
_LEAST_HAND_TTL_MS = 1000  # for a shorter one there are no more beats
_TURN_S = 120.0  # a turn that takes longer hangs


async def beat(parts: Parts) -> None:
    """Extend every live lease, and only then sweep; one bad beat does not end the loop."""
    async with anyio.create_task_group() as group:  # of what takes longer than a beat
        while True:
            pause_s = _shortest_ttl_ms(parts) / 1000 / BEATS_PER_TTL
            parts.pulse.beat("heartbeat", pause_s + _TURN_S)
            await anyio.sleep(pause_s)
            await _survived(parts, partial(_keep_leases, parts, group))
            await _survived(parts, partial(_keep_processes, parts))


def _shortest_ttl_ms(parts: Parts) -> int:
    """Of our own leases and of those by hand, which are swept here as well."""
    config = parts.settings.config
    return min(config.lease_ttl_ms, max(config.hand_ttl_ms, _LEAST_HAND_TTL_MS))


async def _survived(parts: Parts, do: Callable[[], Awaitable[None]]) -> None:
    try:
        await do()
    except StoreFailed:  # which it has logged itself
        return
    except WfdError as error:
        parts.log.error("heartbeat.failed", error=str(error))
    except Exception:
        parts.log.exception("heartbeat.failed")


async def _keep_leases(parts: Parts, group: TaskGroup) -> None:
    await renew(parts)
    await sweep(parts, group)


async def _keep_processes(parts: Parts) -> None:
    await parts.spawner.observe()
    await parts.spawner.reap_adopted()


async def renew(parts: Parts) -> None:
    """Extend what is ours. A lease that is gone ends its run, and nothing more is written."""
    ids = list(parts.live)
    if not ids:
        return
    ttl_ms = parts.settings.config.lease_ttl_ms
    for run_id in await parts.store.write(lambda tx: _extend(tx, ids, ttl_ms)):
        live = parts.live.get(run_id)
        if live is not None:
            parts.log.warning("lease.lost", run_id=run_id)
            live.lose()


def _extend(tx: Tx, ids: list[RunId], ttl_ms: int) -> list[RunId]:
    return [
        run_id for run_id in ids if not tx.run("extend_lease", id=run_id, ttl_ms=ttl_ms, now=tx.now)
    ]


async def sweep(parts: Parts, group: TaskGroup) -> None:
    """Take back the runs whose lease lapsed and that are not ours, their trees ended first."""
    for run in await parts.store.all(Run, "lapsed_runs", now=parts.clock.now()):
        if run.id in parts.live:
            continue
        parts.log.warning("lease.lapsed", run_id=run.id, worker=run.worker, by_hand=run.by_hand)
        try:
            if run.by_hand is None:
                await _take_back(parts, run)
            else:
                await by_hand.take_back(parts, group, run)
        except StoreFailed:
            raise
        except Exception:  # the others are swept all the same
            parts.log.exception("lease.not_swept", run_id=run.id)


async def _take_back(parts: Parts, run: Run) -> None:
    await parts.spawner.end_tree(parts.tag_of(run.id), birth_of(run))
    outcome = Outcome(Kind.LOST, "its lease lapsed")
    with contextlib.suppress(LeaseLost):  # its own worker was quicker
        idle_ms = max(0, parts.clock.now() - run.lease_until)
        await close(parts, run, Closing(Conclusion(outcome), EndedBy.NONE, None, idle_ms=idle_ms))
