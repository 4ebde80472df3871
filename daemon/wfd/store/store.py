"""The store as the daemon opens it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite

from wfd.domain.errors import Broken
from wfd.ports import Tx
from wfd.store.alone import reading, utc_ms, write_alone
from wfd.store.rows import Readers
from wfd.store.sqlite import open_writer, read_only_uri
from wfd.store.statements import statements
from wfd.store.writer import Writer

__all__ = ["SqliteStore", "reading", "utc_ms", "write_alone"]

T = TypeVar("T")


class SqliteStore:
    """ports.Store: one writer with group commit, one reading connection beside it."""

    def __init__(self, path: Path, writer: Writer, reading: aiosqlite.Connection) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        self._writer = writer
        self._reading = reading
        self._sql = statements()
        self._readers = Readers()

    @classmethod
    async def open(cls, path: Path, now: Callable[[], int] = utc_ms) -> "SqliteStore":
        """Raises NewerStore or Broken. The caller holds the daemon's lock."""
        writer = Writer(open_writer(path), now)
        reading = await aiosqlite.connect(read_only_uri(path), uri=True, isolation_level=None)
        reading.row_factory = sqlite3.Row
        await reading.execute_fetchall("pragma busy_timeout = 5000")
        return cls(path, writer, reading)

    async def close(self) -> None:
        await self._reading.close()
        await self._writer.close()

    @property
    def log_bytes(self) -> int:
        """What the write-ahead log takes on disk.

        It is cut down to LOG_BYTES by itself, but not before the last who reads an old snapshot
        has let go: a shell in which somebody typed `begin`, say.
        """
        return self._log.stat().st_size

    async def write(self, work: Callable[[Tx], T]) -> T:
        return await self._writer.write(work)

    async def one(self, into: type[T], statement: str, **values: object) -> T | None:
        rows = await self.all(into, statement, **values)
        return rows[0] if rows else None

    async def all(self, into: type[T], statement: str, **values: object) -> list[T]:
        sql = self._sql[statement]
        try:
            # In one hop: a read that is given up between two of them would leave its cursor open,
            # and whoever reads next would see the store as it was then.
            rows = list(await self._reading.execute_fetchall(sql, values))
        except sqlite3.OperationalError as error:
            raise Broken(f"the store could not be read: {statement}: {error}") from error
        if not rows:
            return []
        read = self._readers.of(statement, into, rows[0].keys())
        return [read(row) for row in rows]
