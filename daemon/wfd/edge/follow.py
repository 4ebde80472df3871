"""Lines of a file as they come, for a person who watches. Ends at b"\\n" and at nothing else."""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

_CHUNK = 256 * 1024
_PAUSE_S = 0.1


def last_lines(
    path: Path, count: int, is_wanted: Callable[[bytes], bool] = lambda line: True
) -> tuple[list[bytes], int]:
    """The last `count` whole lines that are wanted, and the offset behind all whole lines.

    The file is read from its end and no further than needed; only what is wanted is kept.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return [], 0
    with file:
        end = _end_of_lines(file)
        found = list(islice(filter(is_wanted, _backwards(file, end)), count))
    return found[::-1], end


def _end_of_lines(file: BinaryIO) -> int:
    """The offset behind the last b"\\n"."""
    at = file.seek(0, os.SEEK_END)
    while at > 0:
        size = min(_CHUNK, at)
        at = file.seek(at - size)
        found = file.read(size).rfind(b"\n")
        if found >= 0:
            return at + found + 1
    return 0


def _backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The lines before `end`, which is behind a b"\\n", the last one first."""
    at, behind = end - 1, list[bytes]()  # of a line whose beginning is not read yet, last first
    while at > 0:
        size = min(_CHUNK, at)
        at = file.seek(at - size)
        first, *others = file.read(size).split(b"\n")
        if others:
            yield others.pop() + b"".join(reversed(behind))
            yield from reversed(others)
            behind = []
        behind.append(first)
    if end > 0:
        yield b"".join(reversed(behind))


def follow(
    path: Path,
    offset: int = 0,
    *,
    is_done: Callable[[], bool] = lambda: False,
    pause: Callable[[float], None] = time.sleep,
) -> Generator[bytes]:
    """Each whole line from `offset` on, until `is_done()` and the file is read.

    A file that is not there yet is waited for. One that is replaced, as a rotated log is, is
    read to its end and then the new one from its beginning.
    """
    for _, line in follow_together(lambda: [path], begins=lambda _: offset,
                                   is_done=is_done, pause=pause):  # fmt: skip
        yield line


def follow_together(
    paths: Callable[[], Iterable[Path]],
    *,
    begins: Callable[[Path], int] = lambda path: 0,
    is_done: Callable[[], bool],
    pause: Callable[[float], None] = time.sleep,
) -> Generator[tuple[Path, bytes]]:
    """The lines of several files as they come, each with its file.

    What has come between two looks is in the order of the files, which are asked for at each
    look; a new one is read from the offset at which it `begins`.
    """
    files: dict[Path, _Followed] = {}
    try:
        while True:
            is_last = is_done()  # before the reading: what is written by then is read
            for path in paths():
                file = files.get(path) or _Followed(path, begins(path))
                files[path] = file
                for line in file.lines(is_last=is_last):
                    yield path, line
            if is_last:
                return
            pause(_PAUSE_S)
    finally:
        for file in files.values():
            file.close()


class _Followed:
    """One file, and what was read of it."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self._offset = offset
        self._opened: int | None = None
        self._partial = b""

    def lines(self, *, is_last: bool) -> Generator[bytes]:
        """What has come since the last call."""
        is_replaced = self._opened is not None and not _is_same(self._opened, self.path)
        if self._opened is None and (opened := _open(self.path)) is not None:
            self._opened = opened
            os.lseek(opened, _clamped(opened, self._offset), os.SEEK_SET)
        while self._opened is not None and (chunk := os.read(self._opened, _CHUNK)):
            *lines, self._partial = (self._partial + chunk).split(b"\n")
            yield from lines
        if self._partial and (is_replaced or is_last):
            yield self._partial
            self._partial = b""
        if is_replaced:
            self.close()
            self._offset = 0
            yield from self.lines(is_last=is_last)

    def close(self) -> None:
        if self._opened is not None:
            os.close(self._opened)
            self._opened = None


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _clamped(opened: int, offset: int) -> int:
    """A file shorter than the offset is another one than the caller measured."""
    return offset if offset <= os.fstat(opened).st_size else 0


def _is_same(opened: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return True  # between the two steps of a rotation: the old one is still all there is
    here = os.fstat(opened)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
