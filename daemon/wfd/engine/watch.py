"""Watching one agent: its stream, its silence, its time, and who wants it ended."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import anyio
from anyio.abc import TaskGroup

from wfd.domain.errors import Broken
from wfd.domain.outcome import EndedBy
from wfd.domain.run_folder import RunFolder
from wfd.domain.signal import (
    Finished,
    Retrying,
    Said,
    SessionStarted,
    Signal,
    Thought,
    ToolCalled,
    ToolReturned,
)
from wfd.engine.activity import Activity
from wfd.engine.exit import Exit
from wfd.engine.parts import LiveRun, Parts
from wfd.engine.silence import Silence
from wfd.engine.steps import Step, reached
from wfd.ports import Codec, Harness, Process
from wfd.rules.room import Room

MAX_TICK_S = 5.0
AFTER_RESULT_GRACE_MS = 500  # to exit, for a CLI that was asked to after its result
MEASURE_S = 1.0  # between two looks at the size of what is written, while it is
PROGRESS = frozenset({Said, Thought, ToolCalled, ToolReturned, Finished})


@dataclass(frozen=True)
class Clocks:
    """When a run is ended, in milliseconds without what each clock waits for."""

    startup_ms: int  # for its first line
    stall_ms: int  # for a further line that does not only say that it tries again
    room: Room  # its total time is in it
    after_result_ms: int  # for its exit, once it has given its result
    grace_ms: int  # for its exit, once it was asked to end
    max_bytes: int  # of transcript


class _Watch:
    def __init__(
        self,
        parts: Parts,
        live: LiveRun,
        process: Process,
        codec: Codec,
        harness: Harness,
        folder: RunFolder,
        clocks: Clocks,
    ) -> None:
        self._parts = parts
        self._live = live
        self._process = process
        self._codec = codec
        self._harness = harness
        self._folder = folder
        self._clocks = clocks
        self._born = anyio.current_time()
        self._silence = Silence(self._born)
        self._activity = Activity(parts, live.lease)
        self._has_spoken = False
        self._session: SessionStarted | None = None
        self._measured_at = self._born
        self._has_grown = False  # since its size was looked at
        self._is_too_long = False
        # one that tells what its whole session used tells it with its result, when it is over
        self._counts = not harness.usage_spans_session
        self._at_cap: str | None = None
        self._group: TaskGroup  # of all that goes on while the process lives
        self._finished_at: float | None = None
        self._exited = anyio.Event()
        self._code: int | None = None

    async def run(self) -> Exit:
        async with anyio.create_task_group() as keeping:
            keeping.start_soon(self._activity.keep, name="activity")
            ended_by, reason = await self._to_its_end()
            keeping.cancel_scope.cancel()
        exited = Exit(self._code, ended_by, reason)
        # for a daemon that is killed before it has closed the run
        with contextlib.suppress(OSError):
            exited.keep(self._folder.exit)
        await self._activity.end()
        return exited

    async def _to_its_end(self) -> tuple[EndedBy, str | None]:
        """Who ended it, and why if that is not plain."""
        async with anyio.create_task_group() as self._group:
            self._group.start_soon(self._listen, name="listen")
            self._group.start_soon(self._listen_to_stderr, name="listen to stderr")
            self._group.start_soon(self._wait, name="wait")
            ended_by = await self._until_over()
            is_silent = ended_by in (EndedBy.STALL, EndedBy.STARTUP)
            reason = self._silence.reason(anyio.current_time()) if is_silent else self._at_cap
            if not self._exited.is_set():
                await self._end()
        return ended_by, reason

    async def _listen(self) -> None:
        read = self._codec.read
        async for lines in self._parts.tailer.follow(
            self._folder.transcript, is_done=self._exited.is_set
        ):
            now = anyio.current_time()
            self._grew(now)
            if lines:
                reached(Step.STREAMING)
                self._has_spoken = True
                self._hear(now, chain.from_iterable(map(read, lines)))
                self._count()
            if not self._codec.is_finished:  # or it began another turn by itself
                self._finished_at = None
            elif self._finished_at is None:  # what it says after its result buys it no time
                self._finished_at = now

    async def _listen_to_stderr(self) -> None:
        read = self._harness.read_stderr
        async for lines in self._parts.tailer.follow(
            self._folder.stderr, is_done=self._exited.is_set
        ):
            now = anyio.current_time()
            self._grew(now)
            for line in lines:
                signal = read(line.decode(errors="replace"))
                # what follows a try there is its stack trace; stdout tells when it got through
                if signal is not None or not self._silence.is_trying:
                    self._hear(now, () if signal is None else (signal,))

    def _count(self) -> None:
        """While it runs, since a cap that is looked at afterwards is none.

        One that has given its result is not cut off: that counts, and the next run is not begun.
        """
        if self._codec.is_finished:
            return
        used = self._codec.tokens
        if used is not None and used >= self._clocks.room.tokens and self._counts:
            self._at_cap = self._clocks.room.why_no_tokens(used)
            self._live.ending.set()

    def _grew(self, now: float) -> None:
        """Something was read. A tick sees how much there is; what pours out is seen before."""
        self._has_grown = True
        if now >= self._measured_at + MEASURE_S:
            self._measure(now)

    def _measure(self, now: float) -> None:
        self._has_grown = False
        self._measured_at = now
        if self._size() > self._clocks.max_bytes:
            self._is_too_long = True
            self._live.ending.set()

    def _hear(self, now: float, signals: Iterable[Signal]) -> None:
        """What was said at one moment, on stdout or stderr: by one line or by thousands.

        All but a retry is a sign of life.
        """
        signal: Signal | None = None
        session: SessionStarted | None = None
        is_at_work = False  # so that more work at this moment is no news
        for signal in signals:
            kind = type(signal)
            if is_at_work and kind in PROGRESS:
                continue
            if isinstance(signal, Retrying):
                is_at_work = False
                self._silence.bear(now, signal)
                self._activity.tries_again(signal)
                continue
            self._silence.end(now)
            if isinstance(signal, SessionStarted):
                session = signal
            elif kind in PROGRESS:
                is_at_work = True
                self._activity.works()
        if signal is None:
            self._silence.end(now)
        if session is not None and session != self._session:  # a CLI says it on each turn
            self._session = session
            self._group.start_soon(self._keep_session, session, name="keep session")

    async def _keep_session(self, signal: SessionStarted) -> None:
        """Know it while the run is on. A store that fails now is no reason to end an agent."""
        run_id = self._live.lease.run.id
        try:
            await self._parts.store.write(
                lambda tx: tx.run(
                    "record_session",
                    id=run_id,
                    session_id=signal.session_id,
                    model=signal.model,
                    cli_version=signal.cli_version,
                )
            )
        except Broken as error:
            self._parts.log.warning("session.not_kept", run_id=run_id, error=str(error))

    async def _wait(self) -> None:
        self._code = await self._process.wait()
        self._exited.set()
        self._parts.tailer.poke()
        self._live.ending.set()

    async def _until_over(self) -> EndedBy:
        """Until it has exited, or has to be ended, and by whom."""
        while True:
            with anyio.move_on_after(self._tick_s()):
                await self._live.ending.wait()
            if self._live.ended_by is not EndedBy.NONE:
                return self._live.ended_by
            if self._exited.is_set():
                return EndedBy.NONE
            due = self._due()
            if due is not None:
                return due

    def _tick_s(self) -> float:
        clocks = self._clocks
        total_ms = clocks.room.limit_ms
        shortest = min(clocks.startup_ms, clocks.stall_ms, total_ms, clocks.after_result_ms)
        return min(MAX_TICK_S, max(0.01, shortest / 4000))

    def _due(self) -> EndedBy | None:
        """The clock that has run out."""
        now, clocks = anyio.current_time(), self._clocks
        if (now - self._born) * 1000 >= clocks.room.limit_ms:
            self._at_cap = clocks.room.why_no_time()
            return EndedBy.BUDGET if self._at_cap else EndedBy.TIMEOUT
        if self._has_grown:
            self._measure(now)
        if self._is_too_long:
            return EndedBy.LIMIT
        if self._at_cap is not None:
            return EndedBy.BUDGET
        if self._finished_at is not None:
            hangs = (now - self._finished_at) * 1000 >= clocks.after_result_ms
            return EndedBy.TIMEOUT if hangs else None
        silence_ms = self._silence.ms(now)
        if self._has_spoken and silence_ms >= clocks.stall_ms:
            return EndedBy.STALL
        if not self._has_spoken and silence_ms >= clocks.startup_ms:
            return EndedBy.STARTUP
        return None

    def _size(self) -> int:
        size = 0
        for path in (self._folder.transcript, self._folder.stderr):
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
        return size

    async def _end(self) -> None:
        """Ask the agent itself to end, wait for its last words, then end its whole tree.

        One that hangs after its result has no last words.
        """
        await self._process.signal(self._harness.graceful_signal)
        grace_ms = self._clocks.grace_ms
        if self._finished_at is not None:
            grace_ms = min(grace_ms, AFTER_RESULT_GRACE_MS)
        with anyio.move_on_after(grace_ms / 1000):
            await self._exited.wait()
            return
        lease = self._live.lease
        await self._parts.spawner.end_tree(self._parts.tag_of(lease.run.id), self._process.birth)


async def watch(
    parts: Parts,
    live: LiveRun,
    process: Process,
    codec: Codec,
    harness: Harness,
    folder: RunFolder,
    clocks: Clocks,
) -> Exit:
    """Follow an agent to its end, feeding `codec` with all that it says."""
    return await _Watch(parts, live, process, codec, harness, folder, clocks).run()
