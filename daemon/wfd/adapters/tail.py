"""Growing files, read line by line. A line ends at b"\\n" and at nothing else."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import anyio.lowlevel

_CHUNK = 128 * 1024
# One after the other while a file is silent. Nothing hangs on a line being heard at once: the end
# of a process is a poke. But a clock may run for as little as some seconds of silence.
_PAUSES_MS = (50, 100, *[200] * 10, *[500] * 5, 1000)


class Lines:
    """Cuts bytes into whole lines, and keeps what is not whole yet."""

    def __init__(self) -> None:
        self._partial: list[bytes] = []  # a list, because joining at each chunk is quadratic

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their newline."""
        first, *others = chunk.split(b"\n")
        self._partial.append(first)
        if not others:
            return []
        *whole, rest = b"".join(self._partial), *others
        self._partial = [rest]
        return whole

    def rest(self) -> list[bytes]:
        """What stands after the last newline, as a line, if there is anything."""
        line = b"".join(self._partial)
        self._partial = []
        return [line] if line else []


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a whole file; none if it is not there."""
    cut = Lines()
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return
    with file:
        while chunk := file.read(_CHUNK):
            yield from cut.feed(chunk)
    yield from cut.rest()


class FileTailer:
    """Follows any number of files with one timer. Implements ports.Tailer.

    Silent files are looked at on a common grid, so that the process wakes once for all of them.
    """

    def __init__(self) -> None:
        self._waiting: dict[int, set[_Followed]] = {}  # by the moment of the next look
        self._timer: asyncio.TimerHandle | None = None

    async def follow(
        self, path: Path, *, is_done: Callable[[], bool]
    ) -> AsyncGenerator[list[bytes], None]:
        """Batches of whole lines as they are written, until `is_done()` and the file is read.

        The file need not be there yet. What follows the last newline is the last line. A batch
        is empty when no line has ended in what was read. Use it within `aclosing` when the
        reading may stop early.
        """
        followed = _Followed(path, is_done)
        cut = Lines()
        try:
            while True:
                is_last = is_done()  # before the reading: what is written by then is read
                # and no more, or whoever else holds the file open could keep us reading
                end = followed.size() if is_last else None
                while chunk := followed.read(end):
                    yield cut.feed(chunk)
                    if len(chunk) < _CHUNK or (not is_last and is_done()):
                        break
                    await anyio.lowlevel.checkpoint()
                if is_last:
                    break
                if not is_done():
                    await self._growth_of(followed)
            if batch := cut.rest():
                yield batch
        finally:
            followed.close()

    def poke(self) -> None:
        """Look at all files now, as when a process is known to have ended."""
        waiting = list(chain.from_iterable(self._waiting.values()))
        self._waiting.clear()
        self._look_at(waiting)

    async def _growth_of(self, followed: "_Followed") -> None:
        followed.wait()
        self._put_off(followed, _now_ms())
        self._arm()
        try:
            await followed.growth
        finally:
            self._forget(followed)

    def _look(self) -> None:
        now = _now_ms()
        due = [moment for moment in self._waiting if moment <= now]
        self._look_at(list(chain.from_iterable(map(self._waiting.pop, due))))

    def _look_at(self, files: Iterable["_Followed"]) -> None:
        now = _now_ms()
        for followed in files:
            if not followed.look():
                self._put_off(followed, now)
        self._arm()

    def _put_off(self, followed: "_Followed", now: int) -> None:
        followed.due = (now // followed.pause_ms + 1) * followed.pause_ms
        self._waiting.setdefault(followed.due, set()).add(followed)

    def _forget(self, followed: "_Followed") -> None:
        """Where the wait was cut short it is still in line."""
        line = self._waiting.get(followed.due, set())
        line.discard(followed)
        if not line and self._waiting.pop(followed.due, None) is not None:
            self._arm()

    def _arm(self) -> None:
        """Set the one timer to the earliest look that is due, if any is."""
        due = min(self._waiting, default=None)
        if self._timer is not None:
            if due is not None and self._timer.when() == due / 1000:
                return
            self._timer.cancel()
            self._timer = None
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due / 1000, self._look)


class _Followed:
    """One file, and how far it was read."""

    def __init__(self, path: Path, is_done: Callable[[], bool]) -> None:
        self.due = 0
        self.growth: asyncio.Future[None]
        self._path = os.fspath(path)
        self._offset = 0
        self._is_done = is_done
        self._silent_looks = 0
        self._fd: int | None = None  # none before the first byte: most write nothing to stderr

    @property
    def pause_ms(self) -> int:
        """Until the next look: a long silence may last a little longer."""
        return _PAUSES_MS[min(self._silent_looks, len(_PAUSES_MS) - 1)]

    def read(self, end: int | None = None) -> bytes:
        """The next bytes; none at the end of the file, at `end`, or while there is no file."""
        if self._fd is None and self.size() > 0:
            with suppress(FileNotFoundError):
                self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        if self._fd is None:
            return b""
        most = _CHUNK if end is None else min(_CHUNK, max(0, end - self._offset))
        chunk = os.pread(self._fd, most, self._offset)
        self._offset += len(chunk)
        return chunk

    def wait(self) -> None:
        """Begin to wait for growth."""
        self.growth = asyncio.get_running_loop().create_future()
        self._silent_looks = 0

    def look(self) -> bool:
        """Wake the reader if there is something for it; False if there is nothing."""
        self._silent_looks += 1
        if self.size() <= self._offset and not self._is_done():
            return False
        if not self.growth.done():
            self.growth.set_result(None)
        return True

    def size(self) -> int:
        """How many bytes the file has; 0 while there is none."""
        if self._fd is not None:
            return os.lseek(self._fd, 0, os.SEEK_END)  # cheaper than fstat; pread needs no place
        try:
            return os.stat(self._path).st_size  # noqa: PTH116 - a Path costs more than the call
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _now_ms() -> int:
    return round(asyncio.get_running_loop().time() * 1000)
