"""The only place where rooms are put together."""

import faulthandler
import os
import random
import signal
import uuid
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import structlog
from anyio.abc import TaskGroup

import wfd
from wfd.adapters import containment, socket
from wfd.adapters.checks import ShellChecks
from wfd.adapters.containment import Containment
from wfd.adapters.disk import free_bytes
from wfd.adapters.exits import watch_without_threads
from wfd.adapters.lock import DaemonLock
from wfd.adapters.notify import Channels
from wfd.adapters.place import Place
from wfd.adapters.sd_notify import ServiceManager
from wfd.adapters.slots import FolderOfSlots
from wfd.adapters.spawn import LocalSpawner
from wfd.adapters.tail import FileTailer
from wfd.adapters.terminal import ends_with_terminal
from wfd.adapters.tree import become_subreaper
from wfd.adapters.versions import ToldVersions
from wfd.adapters.workspaces import GitWorkspaces
from wfd.controls import ai_controls, daemon_controls, hand_controls, notice_controls
from wfd.edge.door import Door
from wfd.engine import heartbeat, housekeep, recover, watchdog, worker
from wfd.engine.notices import Notices
from wfd.engine.parts import Parts
from wfd.engine.stop import Stopping
from wfd.log import configure
from wfd.reload import Reloading
from wfd.retention import retain
from wfd.settings import LiveSettings, Sources
from wfd.store.store import SqliteStore, utc_ms
from wfd_runners import harnesses

STOP_MARGIN_MS = 60_000  # for snapshots and what else follows the end of an agent


class SystemClock:
    def now(self) -> int:
        return utc_ms()


def serve(
    place: Place, config_file: Path | None, flags: Mapping[str, object], *, to_stdout: bool = True
) -> int:
    """Run the daemon until it is told to stop; its exit code.

    Raises AlreadyRunning for a second daemon, BadConfig, or Broken for a store of no use, also
    for one that turns out to be damaged while it is in use.
    """
    manager = ServiceManager.taken_from(os.environ, os.getpid())  # first: no child may have it
    settings = LiveSettings(place, Sources(config_file, flags), tuple(sorted(harnesses())))
    lock = DaemonLock(place)
    lock.acquire()
    try:
        place.refuse_lost_store()
        log = settings.config.log
        configure(log.level, _log_file(place, log.file), to_stdout=to_stdout)
        _run(place, settings, manager)
    finally:
        lock.release()
    return 0


def _run(place: Place, settings: LiveSettings, manager: ServiceManager) -> None:
    """Serve; what ends it is raised as itself and not as a group of one."""
    watch_without_threads()
    if manager.watchdog_s is not None:
        faulthandler.enable()  # a watchdog ends us by SIGABRT: its journal shows where we hung
    try:
        anyio.run(_serve, place, settings, manager)
    except BaseExceptionGroup as group:
        cause: BaseException = group
        while isinstance(cause, BaseExceptionGroup) and len(cause.exceptions) == 1:
            cause = cause.exceptions[0]
        raise cause from None


def _log_file(place: Place, elsewhere: str | None) -> Path:
    """Where the log goes; the state folder's wfd.log leads there from wherever it is."""
    if elsewhere is None:
        if place.log_path.is_symlink():
            place.log_path.unlink()
        return place.log_path
    file = Path(elsewhere).expanduser().absolute()
    if file != place.log_path:
        if place.log_path.exists() and not place.log_path.is_symlink():
            place.log_path.rename(place.log_path.with_suffix(".log.before"))
        beside = place.log_path.with_suffix(".link")
        beside.unlink(missing_ok=True)
        beside.symlink_to(file)
        beside.replace(place.log_path)
    return file


async def _serve(place: Place, settings: LiveSettings, manager: ServiceManager) -> None:
    # before orphans are adopted: those of the probe are nobody's
    contained = await containment.choose(settings.config.containment)
    store = await SqliteStore.open(place.store_path)
    try:
        parts = _assemble(place, settings, store, contained)
        _tell(parts, contained)
        await _live(place, settings, parts, manager)
    finally:
        with anyio.CancelScope(shield=True):
            await store.close()


def _assemble(
    place: Place, settings: LiveSettings, store: SqliteStore, contained: Containment
) -> Parts:
    spawner = LocalSpawner(owner=place.key, adopts=become_subreaper(), containment=contained)
    return Parts(
        store=store,
        spawner=spawner,
        tailer=FileTailer(),
        workspaces=GitWorkspaces(
            place.state_dir,
            rules_of=lambda namespace: settings.last_good(namespace).repository.workspace.rules,
            prefix=contained.prefix,
        ),
        checks=ShellChecks(spawner),
        slots=FolderOfSlots(place.runtime_dir / "slots"),
        versions=ToldVersions(spawner),
        harnesses=harnesses(),
        settings=settings,
        clock=SystemClock(),
        roll=random.random,
        worker=uuid.uuid4().hex,
        folder_of=place.make_run_folder,
        tag_of=lambda run_id: f"R{run_id}",
        scratch=place.state_dir / "scratch",
        log=structlog.get_logger(),
        environ=os.environ | {"WFD_STATE_DIR": str(place.state_dir)},
        free_bytes=partial(free_bytes, place.state_dir),
    )


def _tell(parts: Parts, contained: Containment) -> None:
    """What this machine does not offer, and the way out."""
    if contained.refusal is not None:
        parts.log.error("containment.refused", reason=contained.refusal, way_out=contained.way_out)
    elif contained.missed:
        tell = parts.log.info if contained.prefix else parts.log.warning
        missed = list(map(str, contained.missed))
        tell("containment.missed", missed=missed, way_out=contained.way_out)


async def _live(
    place: Place, settings: LiveSettings, parts: Parts, manager: ServiceManager
) -> None:
    """From the first look at what an earlier life left, to the last run closed."""
    stopping = Stopping()
    started_at = utc_ms()
    notices = Notices(parts, Channels(parts.environ))
    reloading = _reloading(settings, parts, notices, manager)
    parts.log.info(
        "daemon.started",
        pid=os.getpid(),
        version=wfd.__version__,
        containment=parts.spawner.containment,
    )
    async with anyio.create_task_group() as group:
        heed = partial(_heed_signals, ends_on_hangup=ends_with_terminal())  # before we take it
        group.start_soon(heed, reloading, stopping, name="signals")
        group.start_soon(_heed_damage, parts, stopping, name="damage")
        left = await recover.end_orphans(parts)
        door = Door(
            parts.store,
            settings.house_of,
            daemon_controls(place, parts, settings, stopping, started_at, reloading)
            | ai_controls(parts)
            | hand_controls(parts, group)
            | notice_controls(notices),
            parts.wake,
            parts.log,
        )
        await group.start(socket.serve, place.socket_path, door.handle, name="socket")
        group.start_soon(heartbeat.beat, parts, name="heartbeat")
        group.start_soon(housekeep.housekeep, parts, name="housekeep")
        recover.conclude_all(parts, group, left)
        group.start_soon(retain, place, parts, settings, name="retention")
        group.start_soon(reloading.watch_files, name="watch configuration")
        group.start_soon(notices.follow, name="notifications")
        await _work_until_told(parts, group, stopping, manager)
        parts.log.info("daemon.stopped", pid=os.getpid())
        group.cancel_scope.cancel()
    if parts.store.damage is not None:
        raise parts.store.damage


async def _work_until_told(
    parts: Parts, group: TaskGroup, stopping: Stopping, manager: ServiceManager
) -> None:
    async with anyio.create_task_group() as working:
        working.start_soon(worker.work, parts, group, name="worker")
        manager.ready(_in_words(parts))
        if manager.watchdog_s is not None:
            tell = partial(_tell_alive, parts, manager)
            group.start_soon(watchdog.watch, parts, manager.watchdog_s, tell, name="watchdog")
        await stopping.wait()
        parts.log.info("daemon.draining", running=len(parts.live))
        config = parts.settings.config
        within_ms = config.drain_ms + config.grace_ms + STOP_MARGIN_MS
        manager.stopping(f"stops; {_in_words(parts)}", within_ms)
        await stopping.drain(parts)
        working.cancel_scope.cancel()


def _tell_alive(parts: Parts, manager: ServiceManager) -> None:
    manager.alive()
    manager.status(_in_words(parts))


def _in_words(parts: Parts) -> str:
    return f"{parts.agents} of {parts.settings.config.limits.jobs} jobs run"


def _reloading(
    settings: LiveSettings, parts: Parts, notices: Notices, manager: ServiceManager
) -> Reloading:
    def after() -> None:
        notices.reconfigure()
        parts.wake()
        manager.reloaded(_in_words(parts))

    return Reloading(settings, parts.log, manager.reloading, after)


async def _heed_signals(reloading: Reloading, stopping: Stopping, *, ends_on_hangup: bool) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:
        async for number in received:
            if number == signal.SIGHUP and not ends_on_hangup:
                reloading.loudly()
            else:
                stopping.ask()


async def _heed_damage(parts: Parts, stopping: Stopping) -> None:
    """A store that is damaged does not heal: what runs is ended, and left for the next start."""
    await parts.store.until_damaged()
    stopping.ask(at_once=True)
