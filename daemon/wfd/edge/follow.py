"""Lines of a file as they come, for a person who watches. Ends at b"\\n" and at nothing else."""

import os
import time
from collections.abc import Callable, Generator
from pathlib import Path

_CHUNK = 256 * 1024
_PAUSE_S = 0.1


def last_lines(path: Path, count: int) -> tuple[list[bytes], int]:
    """The last `count` whole lines of a file, and the offset behind them."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return [], 0
    with file:
        start = end = file.seek(0, os.SEEK_END)
        tail = b""
        while start > 0 and tail.count(b"\n") <= count:
            size = min(_CHUNK, start)
            start = file.seek(start - size)
            tail = file.read(size) + tail
    whole, _, partial = tail.rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    return lines[max(0, len(lines) - count) :], end - len(partial)


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
    partial = b""
    opened: int | None = None
    try:
        while True:
            is_last = is_done()  # before the reading: what is written by then is read
            is_replaced = opened is not None and not _is_same(opened, path)
            if opened is None and (opened := _open(path)) is not None:
                offset = os.lseek(opened, _clamped(opened, offset), os.SEEK_SET)
            while opened is not None and (chunk := os.read(opened, _CHUNK)):
                *lines, partial = (partial + chunk).split(b"\n")
                yield from lines
            if is_replaced and opened is not None:
                if partial:
                    yield partial
                os.close(opened)
                opened, offset, partial = None, 0, b""
                continue
            if is_last:
                break
            pause(_PAUSE_S)
        if partial:
            yield partial
    finally:
        if opened is not None:
            os.close(opened)


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
