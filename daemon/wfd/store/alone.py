"""The store as a process opens it that is not the daemon: short reads, or one write."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from wfd.store.sqlite import Connected, open_reader, open_writer

if TYPE_CHECKING:
    from wfd.ports import Read, Tx  # for the checker alone: every short read imports this file

T = TypeVar("T")


def utc_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def reading(path: Path, now: Callable[[], int] = utc_ms) -> Iterator["Read"]:
    """Reads of one consistent snapshot, for a process that is not the daemon."""
    connection = open_reader(path)
    try:
        connection.execute("begin")
        yield Connected(connection, now)
    finally:
        connection.close()


def write_alone(path: Path, work: Callable[["Tx"], T], now: Callable[[], int] = utc_ms) -> T:
    """One transaction by a process that holds the daemon's lock because no daemon runs."""
    connection = open_writer(path)
    try:
        connection.execute("begin immediate")
        tx = Connected(connection, now)
        tx.tick()
        try:
            result = work(tx)
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")
        return result
    finally:
        connection.close()
