"""What an error of SQLite means for the store, and the way out."""

import sqlite3

from wfd.domain.errors import Broken, DamagedStore, StoreDown

RESTORE = "stop wfd, then: wfctl restore FILE, with the newest backup of 'backups' beside the store"

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_WAYS_OUT = {
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_READONLY: "make the store and its folder writable",
    sqlite3.SQLITE_PERM: "make the store and its folder writable",
    sqlite3.SQLITE_CANTOPEN: "make the store and its folder readable and writable",
    sqlite3.SQLITE_IOERR: "check whether the disk is full, read-only or failing",
    sqlite3.SQLITE_NOMEM: "check what uses up the memory",
    sqlite3.SQLITE_BUSY: "end the other process that writes it: fuser -v wfd.db",
    sqlite3.SQLITE_LOCKED: "end the other process that writes it: fuser -v wfd.db",
    sqlite3.SQLITE_PROTOCOL: "end the other processes that have it open: fuser -v wfd.db",
}


def failure(error: sqlite3.Error, doing: str) -> Broken:
    """The error as the daemon acts on it: StoreDown may heal, DamagedStore does not.

    `doing` is the beginning of a sentence: "the store could not be written".
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest tells more of the same
    if code in _DAMAGED:
        return DamagedStore(f"{doing}: {error}; it is damaged: {RESTORE}")
    if code in _WAYS_OUT:
        return StoreDown(f"{doing}: {error}; {_WAYS_OUT[code]}")
    return Broken(f"{doing}: {error}")
