"""A whole copy of a store, taken while it is written: SQLite's own copy, never one of the file.

Other writers go on meanwhile. All pages are those of one moment, and what is copied goes to the
disk bit by bit: one large sync at the end would keep the writer's own waiting.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from wfd.domain.errors import Conflict, DamagedStore, NotFound, StoreDown
from wfd.store.failure import failure

Tell = Callable[[int, int], None]  # bytes that are done, of so many

FOLDER = "backups"  # beside the store
PARTIAL = ".partial"  # ends the name of a copy until it is whole
_PAGES = 512  # copied at one go
_SPARE_BYTES = 1024**2
_OPCODES = 100_000  # between two looks at the clock


def backup(path: Path, to: Path, tell: Tell = lambda done, total: None) -> int:
    """Write the store at `path` to the file `to`, whole or not at all; its size in bytes.

    Raises NotFound without a store, StoreDown without room, DamagedStore for one whose copy
    would be of no use.
    """
    if not path.exists():
        raise NotFound(f"there is no store at {path} yet, so there is nothing to keep")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source:
            return copy(source, to, tell)
    except sqlite3.Error as error:
        raise failure(error, f"the store {path} could not be copied") from error


def copy(source: sqlite3.Connection, to: Path, tell: Tell = lambda done, total: None) -> int:
    """The same from a connection that is open, of what it sees now."""
    _need_room(source, to.parent)
    _sweep(to.parent)
    with _partial(to) as (part, fd):
        with _one_moment(source):
            _copy_pages(source, part, fd, tell)
        os.fsync(fd)
        size = os.fstat(fd).st_size
        part.replace(to)
    sync_folder(to.parent)
    return size


def sync_folder(folder: Path) -> None:
    """Have the names in it outlast a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def vacuum(path: Path) -> int:
    """Give free pages back to the disk; how many bytes. The caller holds the daemon's lock."""
    if not path.exists():
        raise NotFound(f"there is no store at {path} yet")
    before = path.stat().st_size
    need_room(path.parent, 2 * before, "rewriting the store")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("vacuum")
            connection.execute("pragma wal_checkpoint(truncate)")
    except sqlite3.Error as error:
        raise failure(error, f"the store {path} could not be rewritten") from error
    return max(0, before - path.stat().st_size)


def _copy_pages(source: sqlite3.Connection, part: Path, fd: int, tell: Tell) -> None:
    with closing(sqlite3.connect(part, isolation_level=None)) as target:
        target.executescript("pragma journal_mode = off; pragma synchronous = off;")
        page = int(source.execute("pragma page_size").fetchone()[0])

        def progress(status: int, left: int, total: int) -> None:
            os.fdatasync(fd)
            tell((total - left) * page, total * page)

        source.backup(target, pages=_PAGES, progress=progress)
        target.execute("pragma journal_mode = delete")  # one file, whoever opens it
        found = target.execute("pragma quick_check(1)").fetchone()[0]
        if found != "ok":
            raise DamagedStore(f"the store has damaged pages, so no backup was made: {found}")


@contextmanager
def _one_moment(source: sqlite3.Connection) -> Iterator[None]:
    """A snapshot, or each commit of another would have the copy begin again."""
    if source.in_transaction:
        yield
        return
    source.execute("begin")
    try:
        source.execute("select count(*) from sqlite_master").fetchall()
        yield
    finally:
        source.execute("rollback")


@contextmanager
def _partial(to: Path) -> Iterator[tuple[Path, int]]:
    """A file beside `to` that is gone afterwards, unless it has taken its name."""
    part = to.with_name(f".{to.name}{PARTIAL}")
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _is_left(part, fd):
            raise Conflict(f"another process writes {to} just now")
        os.ftruncate(fd, 0)
        try:
            yield part, fd
        finally:
            if _is_at(part, fd):
                part.unlink()
    finally:
        os.close(fd)


def _sweep(folder: Path) -> None:
    """Remove what copies have left that were killed."""
    for part in folder.glob(f".*{PARTIAL}"):
        with contextlib.suppress(OSError):
            fd = os.open(part, os.O_RDWR | os.O_CLOEXEC)
            try:
                if _is_left(part, fd):
                    part.unlink()
            finally:
                os.close(fd)


def _is_left(part: Path, fd: int) -> bool:
    """Whether nobody else writes it; from now on, this process does."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return _is_at(part, fd)  # or another was done with it before it was locked


def _is_at(part: Path, fd: int) -> bool:
    """Whether the open file still has that name."""
    try:
        return os.path.samestat(os.fstat(fd), part.stat())
    except FileNotFoundError:
        return False


def _need_room(source: sqlite3.Connection, folder: Path) -> None:
    (pages,), (page,) = (
        source.execute(f"pragma {name}").fetchone() for name in ("page_count", "page_size")
    )
    need_room(folder, pages * page + _SPARE_BYTES, "a copy of the store")


def need_room(folder: Path, wanted: int, what: str) -> None:
    """Raise StoreDown where the disk of a folder has less."""
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise StoreDown(
            f"there is no room in {folder} for {what}: it needs {wanted:,} bytes and {free:,}"
            " are free; make room"
        )


def problem(path: Path, within_s: float | None = None) -> str | None:
    """What is wrong with a store, by SQLite's own word; None if it is whole.

    With `within_s`, None too for one that is too large to be looked through in that time.
    """
    deadline = None if within_s is None else time.monotonic() + within_s
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as found:
            if deadline is not None:
                found.set_progress_handler(lambda: time.monotonic() > deadline, _OPCODES)
            said: str = found.execute("pragma integrity_check(1)").fetchone()[0]
            if said != "ok":
                return said
            astray = found.execute("pragma foreign_key_check").fetchone()
    except sqlite3.Error as error:
        is_given_up = error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
        return None if is_given_up else str(error)
    return None if astray is None else f"a row of {astray[0]} points at none"
