"""Processes: started in a session of their own, ended with all that they have started."""

import errno
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import Process as AnyioProcess

from wfd.adapters import marks, proc, tree
from wfd.adapters.bystanders import Bystanders
from wfd.adapters.containment import UNCONTAINED, Containment
from wfd.adapters.proc import Seen, Table
from wfd.adapters.tree import Tree
from wfd.domain.errors import Broken
from wfd.ports import Birth, Command

_AGENT_IS_THERE_S = 1.0
_LOOK_AGAIN_S = 0.002


class LocalProcess:
    """A child of this daemon, or the wrapper around an agent. Implements ports.Process."""

    def __init__(self, process: AnyioProcess, birth: Birth, containment: Containment) -> None:
        self._process = process
        self._containment = containment
        self.birth = birth

    @property
    def is_running(self) -> bool:
        """Whether its exit has not been seen yet."""
        return self._process.returncode is None

    async def wait(self) -> int:
        return self._containment.exit_code(await self._process.wait())

    async def signal(self, number: int) -> None:
        """To the agent itself, within a second of its birth; its wrapper would hide its end.

        A wrapper that has not come to start it by then is killed.
        """
        agent: int | None = None
        with anyio.move_on_after(_AGENT_IS_THERE_S):
            while self.is_running and agent is None:
                agent = self._containment.agent_of(self.birth.pid)
                if agent is None:
                    await anyio.sleep(_LOOK_AGAIN_S)
        if agent is None:
            self._kill(self.birth.pid, signal.SIGKILL)
        else:
            self._kill(agent, number)

    def _kill(self, pid: int, number: int) -> None:
        # By pid: asyncio's own send_signal polls, and so may take the exit code that its
        # watcher waits for.
        if self.is_running:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


# Whoever asks which children of this daemon are strangers must know those of all spawners.
_spawned: dict[int, LocalProcess] = {}
_spawning = 0


class LocalSpawner:
    """Starts processes on this machine. Implements ports.Spawner.

    `owner` tells one daemon's R1 from another's; the tree carries it as WFD_OWNER beside
    WFD_RUN_ID. `adopts` says that `become_subreaper()` worked in this process. The thread that
    spawns must live as long as the process: what is contained ends with it.

    A tree is known by its marks in the environment, by descent and by session, and what
    `observe` saw of it stays known. In a PID namespace that is all of it, since all descend from
    its first process. Without one it can be escaped: a process that clears its environment, takes
    a session of its own and loses its parent between two observations cannot be told from another
    run's. It is then ended with the last run that lives beside it; without `adopts`, never. What
    belongs to another user cannot be killed.

    Children that the daemon starts by other means must stay in its own session, as git does:
    one in a session of its own that no spawner knows is taken for such a stray.
    """

    def __init__(
        self, *, owner: str = "", adopts: bool = False, containment: Containment = UNCONTAINED
    ) -> None:
        self._owner = owner
        self._adopts = adopts
        self._contained = containment
        self._births: dict[str, list[Birth]] = {}  # by tag, until end_tree
        self._observed: dict[str, Tree] = {}
        self._bystanders = Bystanders()
        self._limit = anyio.CapacityLimiter(2)  # looks are work for the processor

    @property
    def containment(self) -> str:
        return self._contained.level

    @property
    def refusal(self) -> str | None:
        return self._contained.refusal

    async def spawn(self, command: Command) -> LocalProcess:
        """Start it in a session of its own, and contained.

        Raises FileNotFoundError for an unknown binary, PermissionError for one that is not
        executable, and Broken if the folder or the input is not there, or if it may not be
        started uncontained. What the system refuses to execute is another OSError, or else
        what its wrapper says and exits with.
        """
        if self.refusal is not None:
            raise Broken(f"cannot start {command.argv[0]}: {self.refusal}")
        if not command.cwd.is_dir():
            raise Broken(f"cannot start {command.argv[0]}: there is no folder {command.cwd}")
        if self._contained.prefix:
            _must_be_there(command)
        env = dict(command.env) | self._marks(command.tag)
        # A cancelled spawn must not leave a process that nobody knows.
        with ExitStack() as files, _announced(), anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                self._contained.wrapped(command.argv),
                stdin=files.enter_context(_input(command)),
                stdout=files.enter_context(_output(command.stdout)),
                stderr=files.enter_context(_output(command.stderr))
                if command.stderr
                else subprocess.STDOUT,
                cwd=command.cwd,
                env=env,
                start_new_session=True,
            )
            born = LocalProcess(process, proc.birth_of(process.pid), self._contained)
            _forget_ended()
            _spawned[process.pid] = born
            self._births.setdefault(command.tag, []).append(born.birth)
        return born

    async def end_tree(self, tag: str, birth: Birth | None = None) -> int:
        """Kill all that carries the tag or descends from it, prove it gone, return how many.

        A birth whose pid is another process by now, or of an earlier boot, kills nothing by
        pid. Raises Broken when something survives. Cannot be cancelled, ends within seconds.
        """
        return await self.end_trees({tag: birth})

    async def end_trees(self, births: Mapping[str, Birth | None]) -> int:
        """As `end_tree`, for many tags at once: much cheaper than one after the other."""
        with anyio.CancelScope(shield=True):
            killed = await anyio.to_thread.run_sync(self._end, births, limiter=self._limit)
        for tag in births:
            self._births.pop(tag, None)
            self._observed.pop(tag, None)
        return killed

    async def observe(self) -> None:
        """Remember who belongs to which run, for when it hides. Call it on the heartbeat."""
        if self._births and proc.is_there():
            seen = await anyio.to_thread.run_sync(self._observe, limiter=self._limit)
            self._observed |= {tag: known for tag, known in seen.items() if tag in self._births}

    async def reap_adopted(self) -> int:
        """Take the exits of orphans that ended by themselves; return how many. Call it at times."""
        if not self._adopts or not _has_ended_child():
            return 0
        return await anyio.to_thread.run_sync(self._reap_adopted, limiter=self._limit)

    def _end(self, births: Mapping[str, Birth | None]) -> int:
        if not proc.is_there():
            return sum(map(self._end_groups, births))
        killed = tree.end(partial(self._find, births))
        tree.reap(pid for pid in killed if pid not in _spawned)
        return len(killed)

    def _find(self, births: Mapping[str, Birth | None]) -> list[Seen]:
        given = tuple(birth for birth in births.values() if birth)
        table = self._look(given)
        known = tree.union(self._known(tag) for tag in births)
        borne = tuple(
            frozenset(f"{name}={value}".encode() for name, value in self._marks(tag).items())
            for tag in births
        )
        found = tree.members(replace(known, marks=borne, births=known.births + given), table)
        strays = _adopted(table) if self._adopts else []
        # the first process of a namespace is one: its wrapper does not wait for it
        tree.reap(seen.pid for seen in strays if not seen.is_alive)
        if strays and not self._births.keys() - births.keys():
            pids = frozenset((seen.pid, seen.start) for seen in strays)
            found += tree.members(Tree(remembered=pids), table)
        if self._adopts:
            self._bystanders.learn(table, found)
        return found

    def _look(self, births: Iterable[Birth] = ()) -> Table:
        return self._bystanders.look(births) if self._adopts else proc.look()

    def _known(self, tag: str) -> Tree:
        """What this life knows of the run's tree, without its marks."""
        births = tuple(self._births.get(tag, ()))
        observed = self._observed.get(tag, Tree())
        sessions = observed.sessions | {birth.pid for birth in births}
        return Tree(births=births, sessions=sessions, remembered=observed.remembered)

    def _marks(self, tag: str) -> dict[str, str]:
        return {marks.RUN: tag} | ({marks.OWNER: self._owner} if self._owner else {})

    def _observe(self) -> dict[str, Tree]:
        table = self._look()
        found = {tag: tree.members(self._known(tag), table) for tag in list(self._births)}
        return {
            tag: Tree(
                sessions=frozenset(seen.session for seen in seen_now),
                remembered=frozenset((seen.pid, seen.start) for seen in seen_now),
            )
            for tag, seen_now in found.items()
        }

    def _reap_adopted(self) -> int:
        return tree.reap([seen.pid for seen in _adopted(self._look()) if not seen.is_alive])

    def _end_groups(self, tag: str) -> int:
        """Without /proc, as on macOS: the process groups started in this life, and no more.

        What has left its group escapes, and nothing of an earlier life is touched, since
        nothing proves that a pid is still the same process.
        """
        killed = 0
        for birth in self._births.get(tag, ()):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(birth.pid, signal.SIGKILL)
                killed += 1
        return killed


def _must_be_there(command: Command) -> None:
    """Raise what the system would of a program, for a wrapper only says it.

    Looked for as the wrapper does: on the PATH that it is given, and from where it stands.
    """
    name = command.argv[0]
    folders = [""] if os.sep in name else command.env.get("PATH", os.defpath).split(os.pathsep)
    files = [command.cwd / folder / name for folder in folders]
    there = [file for file in files if os.access(file, os.F_OK)]
    if not there:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if not any(os.access(file, os.X_OK) and file.is_file() for file in there):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


def _adopted(table: Table) -> list[Seen]:
    """Children of this process that somebody else started.

    They live in sessions that runs have made; what the daemon starts without a spawner stays
    in the daemon's own. While a spawn is under way nobody can tell, so there are none.
    """
    me = os.getpid()
    session = os.getsid(0)
    found = [seen for seen in table.by_parent.get(me, ()) if seen.session != session]
    known = set(_spawned)  # after the look, so that what was born before it is known
    return [] if _spawning else [seen for seen in found if seen.pid not in known]


def _has_ended_child() -> bool:
    """Whether any child waits to be reaped; it goes on to do so."""
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _forget_ended() -> None:
    for pid, process in list(_spawned.items()):
        if not process.is_running:
            del _spawned[pid]


@contextmanager
def _announced() -> Iterator[None]:
    global _spawning
    _spawning += 1
    try:
        yield
    finally:
        _spawning -= 1


@contextmanager
def _input(command: Command) -> Iterator[int]:
    if command.stdin is None:
        yield subprocess.DEVNULL
        return
    try:
        fd = os.open(command.stdin, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Broken(f"cannot start {command.argv[0]}: there is no {command.stdin}") from None
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _output(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
