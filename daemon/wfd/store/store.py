"""The store as the daemon opens it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiosqlite
import structlog

from wfd.domain.errors import Broken, DamagedStore
from wfd.ports import Trouble, Tx
from wfd.rules.typed import typed
from wfd.store.alone import reading, utc_ms, write_alone
from wfd.store.backup import FOLDER, copy
from wfd.store.condition import Condition
from wfd.store.failure import failure
from wfd.store.in_place import InPlace
from wfd.store.rows import Readers
from wfd.store.sqlite import open_writer, read_only_uri
from wfd.store.statements import statements
from wfd.store.writer import Writer

__all__ = ["SqliteStore", "reading", "utc_ms", "write_alone"]

T = TypeVar("T")

log = structlog.get_logger()


class SqliteStore:
    """ports.Store: one writer with group commit, one reading connection beside it."""

    def __init__(
        self,
        path: Path,
        writer: Writer,
        reading: aiosqlite.Connection,
        in_place: InPlace,
        condition: Condition,
    ) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._in_place = in_place
        self._condition = condition
        self._writer = writer
        self._reading = reading
        self._sql = statements()
        self._readers = Readers()

    @classmethod
    async def open(cls, path: Path, now: Callable[[], int] = utc_ms) -> "SqliteStore":
        """Raises NewerStore or Broken. The caller holds the daemon's lock."""
        in_place = InPlace(path)
        writer = Writer(open_writer(path), now, in_place.check)
        reading = await aiosqlite.connect(read_only_uri(path), uri=True, isolation_level=None)
        reading.row_factory = sqlite3.Row
        await reading.execute_fetchall("pragma busy_timeout = 5000")
        return cls(path, writer, reading, in_place, Condition(now))

    async def close(self) -> None:
        """What was taken away from under us is kept as a backup: only we have it open still."""
        await self._reading.close()
        await self._writer.close(self._rescue)

    def _rescue(self, connection: sqlite3.Connection) -> None:
        try:
            self._in_place.check()
        except DamagedStore:
            folder = self._path.parent / FOLDER
            kept = folder / f"{self._path.stem}-taken-away-{utc_ms()}.db"
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                copy(connection, kept)
            except (Broken, OSError, sqlite3.Error) as error:
                log.critical("store.not_rescued", error=str(error))
            else:
                log.critical("store.rescued", file=str(kept), next=typed("wfctl", "restore", kept))

    @property
    def log_bytes(self) -> int:
        """What the write-ahead log takes on disk.

        It is cut down to LOG_BYTES by itself, but not before the last who reads an old snapshot
        has let go: a shell in which somebody typed `begin`, say.
        """
        try:
            return self._log.stat().st_size
        except FileNotFoundError:  # whoever writes next says that it was taken away
            return 0

    @property
    def trouble(self) -> Trouble | None:
        return self._condition.trouble

    @property
    def damage(self) -> DamagedStore | None:
        return self._condition.damage

    async def until_damaged(self) -> None:
        await self._condition.until_damaged()

    async def write(self, work: Callable[[Tx], T]) -> T:
        try:
            result = await self._writer.write(work)
        except Broken as error:
            self._condition.failed(error)
            raise
        self._condition.wrote(self._writer.writes)
        return result

    async def one(self, into: type[T], statement: str, **values: object) -> T | None:
        rows = await self.all(into, statement, **values)
        return rows[0] if rows else None

    async def all(self, into: type[T], statement: str, **values: object) -> list[T]:
        sql = self._sql[statement]
        try:
            # In one hop: a read that is given up between two of them would leave its cursor open,
            # and whoever reads next would see the store as it was then.
            rows = list(await self._reading.execute_fetchall(sql, values))
        except sqlite3.Error as error:
            told = failure(error, f"the store could not be read: {statement}")
            self._condition.failed(told)
            raise told from error
        if not rows:
            return []
        read = self._readers.of(statement, into, rows[0].keys())
        return [read(row) for row in rows]
