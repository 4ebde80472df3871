"""One SQLite connection and the transactions on it."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from wfd.domain.errors import Broken, NewerStore, NotFound
from wfd.store.failure import failure
from wfd.store.rows import Readers
from wfd.store.statements import migrations, one_by_one, positional, statements

T = TypeVar("T")

BACKUPS_KEPT = 3  # of those made before the schema was brought forward
LOG_BYTES = 16 * 1024**2  # what the write-ahead log is cut down to, once nobody reads it
_READY = "pragma busy_timeout = 5000; pragma foreign_keys = on;"


def open_writer(path: Path, *, keeps_before: bool = True) -> sqlite3.Connection:
    """The store's one writing connection, migrated to the present schema.

    The caller holds the daemon's lock. Raises NewerStore, or Broken with SQLite's own words.
    """
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        with _closed_if_of_no_use(connection):
            path.chmod(0o600)
            connection.executescript(
                f"{_READY} pragma journal_mode = wal; pragma synchronous = full;"
                f" pragma journal_size_limit = {LOG_BYTES};"
            )
            migrate(connection, path, keeps_before=keeps_before)
    except sqlite3.DatabaseError as error:
        raise failure(error, f"the store {path} cannot be used") from error
    return connection


def read_only_uri(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=ro"


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection. Raises NotFound when there is no store yet, Broken or NewerStore."""
    absent = NotFound(f"there is no store at {path} yet; run 'wfd init' in your repository")
    if not path.exists():
        raise absent
    try:
        connection = sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)
        with _closed_if_of_no_use(connection):
            connection.executescript("pragma busy_timeout = 5000; pragma query_only = on;")
            version = _version(connection)
            if version == 0:  # it is just being made
                raise absent
            refuse_newer(version, path)
            _refuse_older(version, path)
    except sqlite3.DatabaseError as error:
        raise failure(error, f"the store {path} cannot be read") from error
    return connection


@contextmanager
def _closed_if_of_no_use(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


def migrate(connection: sqlite3.Connection, path: Path, *, keeps_before: bool = True) -> None:
    """Bring the schema forward; each step shares a transaction with its own number.

    With `keeps_before` what was there is kept as a backup first. Raises StoreDown where there is
    no room for that, and Broken when a step would leave a row that points at none.
    """
    version = _version(connection)
    refuse_newer(version, path)
    steps = [(number, sql) for number, sql in migrations() if number > version]
    if steps and version > 0 and keeps_before:
        _keep_before(connection, path, steps[-1][0])
    for number, sql in steps:
        _step(connection, path, number, sql)


def _keep_before(connection: sqlite3.Connection, path: Path, schema: int) -> None:
    from wfd.store.backup import FOLDER, copy, need_room  # late: seldom is one brought forward

    folder = path.parent / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    size = path.stat().st_size  # once for the backup, and twice for tables that are made anew
    need_room(folder, 3 * size, f"migrating the store to schema {schema}")
    copy(connection, folder / f"{path.name}.before-schema-{schema}")
    earlier = sorted(folder.glob(f"{path.name}.before-schema-*"), key=lambda f: f.stat().st_mtime)
    for old in earlier[:-BACKUPS_KEPT]:
        old.unlink()


def _step(connection: sqlite3.Connection, path: Path, number: int, sql: str) -> None:
    # A table that is made anew is dropped for a moment, and others point at it. Within a
    # transaction this cannot be switched.
    connection.execute("pragma foreign_keys = off")
    connection.execute("begin exclusive")
    try:
        if _version(connection) < number:  # or another process was quicker
            _carry_out(connection, path, number, sql)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    connection.execute("pragma foreign_keys = on")


def _carry_out(connection: sqlite3.Connection, path: Path, number: int, sql: str) -> None:
    for statement in one_by_one(sql):  # as a script it would commit what has begun
        connection.execute(statement)
    astray = connection.execute("pragma foreign_key_check").fetchall()
    if astray:
        raise Broken(f"the store {path} has rows that point at none: {astray[:3]}")
    connection.execute(f"pragma user_version = {number}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("pragma user_version").fetchone()[0])


def refuse_newer(version: int, path: Path) -> None:
    newest = migrations()[-1][0]
    if version > newest:
        raise NewerStore(
            f"the store {path} has schema {version} and this wfd knows up to {newest};"
            " install the wfd that wrote it"
        )


def _refuse_older(version: int, path: Path) -> None:
    """A reader cannot bring a store forward, and would miss columns of it."""
    newest = migrations()[-1][0]
    if version < newest:
        raise Broken(
            f"the store {path} has schema {version} and this wfd reads {newest};"
            " the daemon migrates it when it starts: wfd stop, then wfd start"
        )


class Connected:
    """Named statements on one connection: ports.Read, and ports.Tx while a transaction is open."""

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], int]) -> None:
        self._connection = connection
        self._now = now
        self._sql = statements()
        self._readers = Readers()
        self.now = 0

    def tick(self) -> None:
        """Begin a transaction's own time."""
        self.now = self._now()

    def one(self, into: type[T], statement: str, **values: object) -> T | None:
        cursor, rows = self._execute(statement, values)
        return self._readers.of(statement, into, _columns(cursor))(rows[0]) if rows else None

    def all(self, into: type[T], statement: str, **values: object) -> list[T]:
        cursor, rows = self._execute(statement, values)
        if not rows:
            return []
        read = self._readers.of(statement, into, _columns(cursor))
        return [read(row) for row in rows]

    def run(self, statement: str, **values: object) -> int:
        cursor, _ = self._execute(statement, values)
        return cursor.rowcount

    def insert(self, statement: str, **values: object) -> int:
        cursor, _ = self._execute(statement, values)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _execute(
        self, statement: str, values: dict[str, Any]
    ) -> tuple[sqlite3.Cursor, Sequence[Sequence[object]]]:
        known = positional(self._sql[statement])
        if not self._connection.in_transaction:
            # a full disk, say: what follows would be on its own, and commit by itself
            raise Broken(f"{statement}: SQLite has ended the transaction; nothing of it is kept")
        try:
            cursor = self._connection.execute(known.sql, known.in_order(values))
            return cursor, cursor.fetchall()  # an unread `returning` keeps the write lock
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except sqlite3.DatabaseError as error:  # the parent of all: a damaged file has no own
            raise failure(error, f"the store could not be used: {statement}") from error


def _columns(cursor: sqlite3.Cursor) -> Iterator[str]:
    return (column[0] for column in cursor.description)
