"""Growing files, read line by line. A line ends at b"\\n" and at nothing else."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.lowlevel

_CHUNK = 256 * 1024
_PAUSES_MS = (20, 50, 100, 200)  # one after the other while a file is silent


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
    """Follows any number of files with one timer. Implements ports.Tailer."""

    def __init__(self) -> None:
        self._followed: list[_Followed] = []
        self._timer: asyncio.TimerHandle | None = None

    async def follow(
        self, path: Path, *, is_done: Callable[[], bool]
    ) -> AsyncGenerator[list[bytes], None]:
        """Batches of whole lines as they are written, until `is_done()` and the file is read.

        The file need not be there yet. What follows the last newline is the last line. A line
        that grows without an end yields nothing: watch `size`. Use it within `aclosing` when
        the reading may stop early.
        """
        followed = _Followed(path, is_done)
        cut = Lines()
        self._followed.append(followed)
        try:
            while True:
                is_last = is_done()  # before the reading: what is written by then is read
                # and no more, or whoever else holds the file open could keep us reading
                end = followed.end() if is_last else None
                while chunk := followed.read(end):
                    if batch := cut.feed(chunk):
                        yield batch
                    await anyio.lowlevel.checkpoint()
                    if not is_last and is_done():
                        break
                if is_last:
                    break
                await self._growth_of(followed)
            if batch := cut.rest():
                yield batch
        finally:
            self._followed.remove(followed)
            followed.close()
            self._arm()

    def poke(self) -> None:
        """Look at all files now, as when a process is known to have ended."""
        self._look(is_poke=True)

    def size(self, path: Path) -> int:
        """How many bytes were read of a file that is followed; otherwise, how many it has."""
        for followed in self._followed:
            if followed.path == path:
                return followed.offset
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    async def _growth_of(self, followed: "_Followed") -> None:
        followed.wait(_now_ms())
        self._arm()
        await followed.woken.wait()

    def _look(self, *, is_poke: bool = False) -> None:
        now = _now_ms()
        for followed in self._followed:
            if is_poke or followed.due <= now:
                followed.look(now)
        self._arm()

    def _arm(self) -> None:
        """Set the one timer to the earliest look that is due, if any is."""
        due = min((f.due for f in self._followed if not f.woken.is_set()), default=None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(due / 1000, self._look)


class _Followed:
    """One file, how far it was read, and when to look at it again."""

    def __init__(self, path: Path, is_done: Callable[[], bool]) -> None:
        self.path = path
        self.offset = 0
        self.due = 0
        self.woken = anyio.Event()
        self.woken.set()
        self._is_done = is_done
        self._silent_looks = 0
        self._fd: int | None = None

    def end(self) -> int:
        """Where the file ends now; 0 while there is none."""
        return 0 if self._open() is None else self._size()

    def read(self, end: int | None = None) -> bytes:
        """The next bytes; none at the end of the file, at `end`, or while there is no file."""
        fd = self._open()
        if fd is None:
            return b""
        most = _CHUNK if end is None else min(_CHUNK, max(0, end - self.offset))
        chunk = os.pread(fd, most, self.offset)
        self.offset += len(chunk)
        if chunk:
            self._silent_looks = 0
        return chunk

    def wait(self, now: int) -> None:
        """Begin to wait for growth."""
        self.woken = anyio.Event()
        self._put_off(now)

    def look(self, now: int) -> None:
        """Wake the reader if there is something for it, else look again later."""
        if self.woken.is_set():
            return
        if self._has_grown() or self._is_done():
            self.woken.set()
        else:
            self._silent_looks += 1
            self._put_off(now)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int | None:
        if self._fd is None:
            with suppress(FileNotFoundError):
                self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return self._fd

    def _has_grown(self) -> bool:
        return self._size() > self.offset

    def _size(self) -> int:
        try:
            stat = self.path.stat() if self._fd is None else os.fstat(self._fd)
        except FileNotFoundError:
            return 0
        return stat.st_size

    def _put_off(self, now: int) -> None:
        # On a common grid, so that silent files are all looked at in the same moment.
        pause = _PAUSES_MS[min(self._silent_looks, len(_PAUSES_MS) - 1)]
        self.due = (now // pause + 1) * pause


def _now_ms() -> int:
    return round(asyncio.get_running_loop().time() * 1000)
