"""A bare store, as the floor of what is written durably."""

import sqlite3
from contextlib import closing
from pathlib import Path


def ledger_in(folder: Path) -> closing[sqlite3.Connection]:
    """A bare store on the same disk, as durable as the daemon's."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.executescript(
        "pragma journal_mode = wal; pragma synchronous = full; create table row (at real) strict;"
    )
    return closing(connection)
