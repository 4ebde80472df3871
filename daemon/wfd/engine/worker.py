"""The loop that takes work while there is room for it."""

from contextlib import suppress

from anyio.abc import TaskGroup

from wfd.domain.errors import StoreFailed, WfdError
from wfd.domain.ids import RunId
from wfd.domain.namespace import Namespace
from wfd.domain.outcome import EndedBy
from wfd.engine import by_hand
from wfd.engine.lease import Terms, take_work
from wfd.engine.parts import Lease, LiveRun, Parts
from wfd.engine.permit import usual
from wfd.engine.pulse import WORKER
from wfd.engine.room import Room, pauses, wait
from wfd.engine.run_agent import run_agent
from wfd.engine.steps import Step, reached
from wfd.rules.route import Usual

STORE_AGAIN_S = (0.5, 30.0)  # the first and the longest pause before a store is tried again
_TURN_S = 60.0  # a turn that takes longer hangs


async def work(parts: Parts, group: TaskGroup) -> None:
    """Lease and start jobs until the daemon stops. One bad tick does not end the loop."""
    room = Room(parts)
    while not parts.is_stopping:
        wait_ms = parts.settings.config.poll_ms
        parts.pulse.beat(WORKER, _TURN_S)
        try:
            if await _is_store_well(parts):
                wait_ms = await _tick(parts, group, room)
        except StoreFailed:  # which it has logged itself
            pass
        except WfdError as error:
            parts.log.error("worker.tick_failed", error=str(error))
        except Exception:
            parts.log.exception("worker.tick_failed")
        parts.pulse.beat(WORKER, wait_ms / 1000 + _TURN_S)
        await parts.wait(wait_ms)


async def _is_store_well(parts: Parts) -> bool:
    """Once it is, asked ever more rarely; False when the daemon stops before that.

    Nothing is leased while the end of it could not be written.
    """
    for pause in pauses(*STORE_AGAIN_S):
        if parts.is_stopping or parts.store.trouble is None:
            return not parts.is_stopping
        await wait(parts, pause, lambda: parts.pulse.beat(WORKER, _TURN_S))
        with suppress(StoreFailed):
            await parts.store.write(lambda tx: tx.run("touch_store"))
    raise AssertionError("the pauses never end")


async def _tick(parts: Parts, group: TaskGroup, room: Room) -> int:
    config = parts.settings.config
    terms = Terms(
        room=0 if room.is_short() else max(0, config.limits.jobs - parts.agents),
        per_namespace=config.limits.jobs_per_namespace,
        worker=parts.worker,
        ttl_ms=config.lease_ttl_ms,
        house=parts.settings.house_of(None),
        usual_of=lambda namespace, job_type: _usual_of(parts, namespace, job_type),
        looked=parts.looked,
        daily_of=lambda namespace: parts.settings.last_good(namespace).house.daily,
    )
    taken, cancelled = await parts.store.write(
        lambda tx: (take_work(tx, terms), tx.all(int, "cancels_asked"))
    )
    parts.looked = taken.looked
    for hold in taken.lifted:
        parts.log.info("hold.lifted", account=hold.account, by="clock", reason=hold.reason)
    for run_id in map(RunId, cancelled):
        if run_id in parts.live:
            parts.live[run_id].end(EndedBy.CANCEL)
        else:
            await by_hand.cancel(parts, group, run_id)
    for lease in taken.leases:
        reached(Step.LEASED)
        start(parts, group, lease)
    if taken.next_due is None:
        return config.poll_ms
    return max(1, min(config.poll_ms, taken.next_due - parts.clock.now()))


def start(parts: Parts, group: TaskGroup, lease: Lease) -> None:
    live = LiveRun(lease)
    parts.live[lease.run.id] = live
    group.start_soon(_run, parts, live, name=f"R{lease.run.id}")


async def _run(parts: Parts, live: LiveRun) -> None:
    try:
        await run_agent(parts, live)
    except Exception:  # its run stays open; when its lease has lapsed, the sweep takes it
        parts.log.exception("run.abandoned", run_id=live.lease.run.id)
    finally:
        parts.live.pop(live.lease.run.id, None)
        parts.wake()


def _usual_of(parts: Parts, namespace: Namespace, job_type: str) -> Usual:
    try:
        return usual(parts.settings.of(namespace), job_type)
    except WfdError:  # said again, and acted on, when the run is prepared
        return Usual(parts.settings.config.harness_for(job_type))
