"""The story of one run: prepare, spawn, stream, conclude, still, evidence, close."""

import errno
from contextlib import suppress
from dataclasses import replace

import anyio

from wfd.domain.errors import (
    BadInput,
    Broken,
    Conflict,
    DamagedStore,
    LeaseLost,
    StoreDown,
    StoreFailed,
    WfdError,
)
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.run import Run
from wfd.engine.close import close
from wfd.engine.environment import environment, identity, what_is_missing
from wfd.engine.exit import stderr_of
from wfd.engine.finish import finish, finish_cancelled
from wfd.engine.merge import finish_cancelled_merge, merge
from wfd.engine.over import Closing
from wfd.engine.parts import Ended, LiveRun, Parts
from wfd.engine.prepare import Prepared, prepare
from wfd.engine.redo import redo
from wfd.engine.room import is_full, may_heal, pauses, wait
from wfd.engine.shell_commands import slot_of
from wfd.engine.steps import Step, reached
from wfd.engine.transcript_end import lost
from wfd.engine.watch import Clocks, watch
from wfd.engine.workplace import NotReady
from wfd.ports import Birth, Command, End, Launch, Process

CLOSE_AGAIN_S = (1.0, 30.0)  # the first and the longest pause before a run's end is written again
_REFUSED = (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOEXEC)  # a program that will not start


async def run_agent(parts: Parts, live: LiveRun) -> None:
    """Take a lease to its end. What was done is kept, whoever ends it."""
    run = live.lease.run
    began, began_at = anyio.current_time(), parts.clock.now()
    closing: Closing | None = None
    with live.scope, suppress(LeaseLost):
        closing = await _attempted(parts, live)
    if live.is_lost or closing is None:
        with anyio.CancelScope(shield=True):
            await parts.spawner.end_tree(parts.tag_of(run.id), live.birth)
    if live.is_lost:
        return
    if closing is None and live.has_result and live.ended_by is EndedBy.STOP:
        # not interrupted, which would have the agent do again what it has done
        parts.log.info("run.left_open", run_id=run.id, until="the next start")
        return
    # a machine that sleeps stops the clock of the loop, and not that of the calendar
    awake_ms = round((anyio.current_time() - began) * 1000)
    idle_ms = max(0, parts.clock.now() - began_at - awake_ms)
    with anyio.CancelScope(shield=True), suppress(LeaseLost, DamagedStore):
        closing = closing or await _cut_short(parts, live)
        await bring_to_close(parts, run, replace(closing, idle_ms=idle_ms))


async def bring_to_close(parts: Parts, run: Run, closing: Closing) -> None:
    """Write the end of a run. A store that cannot be written now is asked again, not given up.

    When the daemon stops meanwhile the run stays open, and the next start concludes it.
    """
    for tried, pause in enumerate(pauses(*CLOSE_AGAIN_S)):
        try:
            await close(parts, run, closing)
            return
        except LeaseLost:
            parts.log.warning("lease.lost", run_id=run.id)
            return
        except Broken as error:
            if tried == 0:  # once; `run.closed` tells when it has gone well
                parts.log.error("run.not_closed", run_id=run.id, error=str(error))
            if parts.is_stopping or isinstance(error, DamagedStore):
                return
            await wait(parts, pause)


async def _attempted(parts: Parts, live: LiveRun) -> Closing | None:
    """An attempt in which what nobody foresaw ends this run alone, and says so."""
    try:
        return await _attempt(parts, live)
    except LeaseLost:
        parts.log.warning("lease.lost", run_id=live.lease.run.id)
        live.lose()
        raise
    except DamagedStore:  # the daemon stops, and leaves it open
        return None
    except StoreDown as error:  # no fault of the agent's, nor of the daemon's
        with anyio.CancelScope(shield=True):
            await parts.spawner.end_tree(parts.tag_of(live.lease.run.id), live.birth)
        outcome = Outcome(Kind.INTERRUPTED, str(error))
        return Closing(Conclusion(outcome), EndedBy.NONE, None)
    except Exception as error:
        run = live.lease.run
        parts.log.exception("run.crashed", run_id=run.id, job_id=run.job_id)
        with anyio.CancelScope(shield=True):
            await parts.spawner.end_tree(parts.tag_of(run.id), live.birth)
        outcome = Outcome(Kind.LOST, f"the daemon failed: {type(error).__name__}: {error}")
        return Closing(Conclusion(outcome), EndedBy.NONE, None)


async def _attempt(parts: Parts, live: LiveRun) -> Closing:
    if live.lease.finishes is not None:
        return await redo(parts, live)
    if parts.spawner.refusal is not None:
        outcome = Outcome(Kind.STEP_FAILED, f"{parts.spawner.refusal}; see: wfd doctor")
        return Closing(Conclusion(outcome), EndedBy.NONE, None)
    if live.lease.job.merges is not None:
        return await merge(parts, live.lease)
    try:
        prepared = await prepare(parts, live.lease)
    except (LeaseLost, StoreFailed):
        raise
    except (NotReady, Broken, Conflict, OSError) as error:
        return unready(error)
    ended = await _run(parts, live, prepared)
    if ended is None:
        return cut_short(live)
    live.over = ended
    if live.has_result and live.ended_by is EndedBy.STOP:
        live.scope.cancel()  # a daemon that stops does not wait for the checks
    return await finish(parts, live.lease, ended)


def unready(error: NotReady | Broken | Conflict | OSError) -> Closing:
    """How a run ends that could not be made ready for its agent, or for somebody's hand."""
    if not isinstance(error, NotReady):
        is_files = isinstance(error, OSError)
        message = f"its files could not be written: {error}" if is_files else str(error)
        return Closing(Conclusion(_of_ours(message, error)), EndedBy.NONE, None)
    outcome = error.outcome
    if may_heal(error.__cause__):
        outcome = replace(outcome, kind=Kind.TRANSIENT)
    return Closing(
        Conclusion(outcome),
        EndedBy.NONE,
        None,
        evidence=error.evidence,
        lacks_trust=error.lacks_trust,
    )


async def _run(parts: Parts, live: LiveRun, prepared: Prepared) -> Ended | None:
    """The agent's own part. None when somebody wanted it ended before it began."""
    try:
        launch = prepared.harness.launch(prepared.ask)
    except BadInput as error:
        return _not_begun(Outcome(Kind.USAGE, str(error)))
    lacks = what_is_missing(parts.environ, live.lease.ai)
    if lacks is not None:
        outcome = Outcome(Kind.USAGE, lacks)
        return _not_begun(outcome, blames_ai=True)
    live.has_agent = True
    try:
        if live.ended_by is not EndedBy.NONE:
            return None
        try:
            _write_files(launch)
        except OSError as error:
            return _not_begun(_of_ours(f"its files could not be written: {error}", error))
        try:
            process = await _spawn(parts, live, prepared, launch)
        except (OSError, Broken) as error:
            return _never_began(launch, error)
        reached(Step.SPAWNED)
        await _record(parts, live, prepared, process.birth)
        codec = prepared.harness.codec()
        exited = await watch(
            parts, live, process, codec, prepared.harness, prepared.folder, _clocks(prepared)
        )
    finally:
        live.has_agent = False
    end = End(exited.code, exited.ended_by, stderr_of(prepared.folder.stderr), parts.clock.now())
    told = exited.told_of(codec.conclude(end))
    reached(Step.HEARD)
    live.has_result = codec.is_finished and told.outcome.kind is not Kind.INTERRUPTED
    found_room = told.outcome.kind is not Kind.PROTOCOL or not is_full(parts)
    told = told if found_room else _without_room(told)
    return Ended(told, exited.by(told), exited.code, process.birth, blames_ai=found_room)


def _without_room(told: Conclusion) -> Conclusion:
    """As told, of an agent whose words found no room: neither it nor its job is to blame."""
    message = f"the disk of the state folder is full: {told.outcome.message}"
    return replace(told, outcome=Outcome(Kind.TRANSIENT, message))


async def _spawn(parts: Parts, live: LiveRun, prepared: Prepared, launch: Launch) -> Process:
    lease, folder = live.lease, prepared.folder
    more = prepared.settings.repository.workspace.env
    slot = await slot_of(parts, lease, prepared.assignment)
    env = environment(parts.environ, launch, lease.ai, more) | identity(lease, prepared.run_seq)
    return await parts.spawner.spawn(
        Command(
            argv=launch.argv,
            cwd=prepared.workspace.path,
            env=env | slot,
            tag=parts.tag_of(lease.run.id),
            stdout=folder.transcript,
            stderr=folder.stderr,
            stdin=folder.prompt,
        )
    )


async def _record(parts: Parts, live: LiveRun, prepared: Prepared, birth: Birth) -> None:
    """Keep what finds the agent again after a restart. Raises LeaseLost."""
    lease = live.lease
    live.birth = birth
    is_ours = await parts.store.write(
        lambda tx: tx.run(
            "record_spawn",
            id=lease.run.id,
            pid=birth.pid,
            pid_start=birth.pid_start,
            boot_id=birth.boot_id,
            containment=parts.spawner.containment,
            now=tx.now,
        )
    )
    if not is_ours:
        raise LeaseLost(lease.run.id)
    parts.log.info(
        "run.spawned",
        job_id=lease.job.id,
        run_id=lease.run.id,
        type=lease.job.type,
        harness=prepared.harness.name,
        pid=birth.pid,
        containment=parts.spawner.containment,
        resumed=prepared.ask.resume,
    )


def _write_files(launch: Launch) -> None:
    for path, text in launch.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _never_began(launch: Launch, error: WfdError | OSError) -> Ended:
    if isinstance(error, FileNotFoundError):
        outcome = Outcome(Kind.NOT_FOUND, f"no program '{launch.argv[0]}' on the daemon's PATH")
        return _not_begun(outcome, blames_ai=True)
    message = f"'{launch.argv[0]}' could not be started: {error}"
    if isinstance(error, OSError) and error.errno in _REFUSED:
        return _not_begun(Outcome(Kind.USAGE, message), blames_ai=True)
    # what is around it does not do: a folder that is gone, a full disk
    return _not_begun(_of_ours(message, error))


def _not_begun(outcome: Outcome, *, blames_ai: bool = False) -> Ended:
    return Ended(
        Conclusion(outcome), EndedBy.NONE, None, None, blames_ai=blames_ai, has_begun=False
    )


def _of_ours(message: str, error: Exception) -> Outcome:
    """What passes is tried again, and nobody is asked; all else a person has to see to."""
    return Outcome(Kind.TRANSIENT if may_heal(error) else Kind.STEP_FAILED, message)


def _clocks(prepared: Prepared) -> Clocks:
    repository, config = prepared.settings.repository, prepared.settings.config
    return Clocks(
        startup_ms=repository.startup_ms,
        stall_ms=repository.stall_ms,
        room=prepared.room,
        after_result_ms=repository.after_result_ms,
        grace_ms=config.grace_ms,
        max_bytes=config.limits.transcript_bytes,
    )


async def _cut_short(parts: Parts, live: LiveRun) -> Closing:
    if live.ended_by is not EndedBy.CANCEL:
        return cut_short(live)
    if live.lease.job.merges is not None:
        return await finish_cancelled_merge(parts, live.lease)
    over = live.over
    if over is None and live.lease.finishes is not None:
        over = lost(live.lease, Conclusion(Outcome(Kind.LOST)))
    return cut_short(live) if over is None else await finish_cancelled(parts, live.lease, over)


def cut_short(live: LiveRun) -> Closing:
    """A run that was ended while no agent ran."""
    if live.ended_by is EndedBy.CANCEL:
        outcome = Outcome(Kind.CANCELLED, "cancelled before its agent ran")
    else:
        outcome = Outcome(Kind.INTERRUPTED, "the daemon was told to stop")
    return Closing(Conclusion(outcome), live.ended_by, None)
