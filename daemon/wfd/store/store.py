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
        await reading.execute("pragma busy_timeout = 5000")
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
            async with self._reading.execute(sql, values) as cursor:
                rows = list(await cursor.fetchall())
                description = cursor.description
        except sqlite3.OperationalError as error:
            raise Broken(f"the store could not be read: {statement}: {error}") from error
        read = self._readers.of(statement, into, description)
        return [read(tuple(row)) for row in rows]
