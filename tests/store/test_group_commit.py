"""Many transactions share a commit, and who spoils it has one of its own."""

import contextlib
import sqlite3
import struct
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path

import pytest
from tests.store.work import NOW, add, names, queued

from wfd.domain.errors import Broken
from wfd.domain.namespace import Namespace
from wfd.ports import Tx
from wfd.store.statements import statements
from wfd.store.store import SqliteStore
from wfd.store.writer import MAX_BATCH


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "wfd.db", lambda: NOW)
    yield opened
    await opened.close()


def commits(folder: Path) -> int:
    """The commits in the write-ahead log: frames that name the size of the whole database."""
    log = (folder / "wfd.db-wal").read_bytes()
    page_size = struct.unpack(">I", log[8:12])[0]
    salts = log[16:24]
    heads = [log[at : at + 24] for at in range(32, len(log), 24 + page_size)]
    return sum(1 for head in heads if head[8:16] == salts and head[4:8] != b"\0\0\0\0")


async def test_writes_that_queue_together_share_one_commit(
    store: SqliteStore, tmp_path: Path
) -> None:
    before = commits(tmp_path)
    await queued(store, [add(f"n{i}") for i in range(MAX_BATCH)])
    # the gate that held them back wrote nothing, and so left no frame
    assert commits(tmp_path) - before == 1


async def test_a_crowd_of_writes_is_cut_into_commits_so_that_the_first_do_not_wait_for_the_last(
    store: SqliteStore, tmp_path: Path
) -> None:
    before = commits(tmp_path)
    results = await queued(store, [add(f"n{i}") for i in range(3 * MAX_BATCH)])
    assert commits(tmp_path) - before == 3
    assert len(set(results)) == 3 * MAX_BATCH


async def test_writes_one_after_the_other_have_a_commit_each(
    store: SqliteStore, tmp_path: Path
) -> None:
    before = commits(tmp_path)
    for i in range(5):
        await store.write(add(f"n{i}"))
    assert commits(tmp_path) - before == 5


async def test_work_that_raises_is_taken_out_and_the_others_still_share_one_commit(
    store: SqliteStore, tmp_path: Path
) -> None:
    def spoil(tx: Tx) -> int:
        raise LookupError(str(add("spoiled")(tx)))

    before = commits(tmp_path)
    results = await queued(store, [add("a"), spoil, add("b"), spoil, add("c")])
    assert await names(store) == ["a", "b", "c"]
    assert [isinstance(result, LookupError) for result in results] == [False, True] * 2 + [False]
    assert commits(tmp_path) - before == 1


async def test_work_is_judged_by_what_was_committed_and_not_by_what_it_raised_in_a_batch(
    store: SqliteStore,
) -> None:
    def picky(tx: Tx) -> int:
        if len(tx.all(Namespace, "namespaces")) < 2:
            raise LookupError("there is nothing yet to stand on")
        return add("picky")(tx)

    assert await queued(store, [add("a"), picky, add("b")]) == [1, 3, 2]
    assert await names(store) == ["a", "b", "picky"]


async def test_when_their_commit_fails_each_has_its_own(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = commits(tmp_path)
    writer, times = store._writer, count()  # the first is that of the gate
    failing = _Failing(writer._connection, lambda sql: sql == "commit" and next(times) == 1)
    monkeypatch.setattr(writer, "_connection", failing)
    assert await queued(store, [add("a"), add("b"), add("c")]) == [1, 2, 3]
    monkeypatch.undo()
    assert commits(tmp_path) - before == 3


async def test_a_full_disk_fails_the_work_that_filled_it_and_not_its_neighbours(
    store: SqliteStore, full_at: None
) -> None:
    results = await queued(store, [add("a"), add("big", "x" * 2_000_000), add("b")])
    assert await names(store) == ["a", "b"]
    assert isinstance(results[1], Broken)
    assert "full" in str(results[1])


async def test_a_full_disk_is_a_clear_refusal_also_of_work_alone(
    store: SqliteStore, full_at: None
) -> None:
    with pytest.raises(Broken, match="full"):
        await store.write(add("big", "x" * 2_000_000))
    await store.write(add("a"))
    assert await names(store) == ["a"]


async def test_work_that_survives_its_own_full_disk_still_commits_nothing(
    store: SqliteStore, full_at: None
) -> None:
    """SQLite has ended the transaction, so what work does next would be on its own."""

    def stubborn(tx: Tx) -> int:
        for name, checkout in [("first", "/"), ("big", "x" * 2_000_000), ("second", "/")]:
            with contextlib.suppress(Broken):
                add(name, checkout)(tx)
        return 0

    results = await queued(store, [add("a"), stubborn, add("b")])
    assert await names(store) == ["a", "b"]
    assert isinstance(results[1], Broken)


@pytest.fixture
async def full_at(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's disk holds little more than its empty tables."""
    monkeypatch.setitem(statements(), "cap_pages", "pragma max_page_count = 60")
    await store.write(lambda tx: tx.all(int, "cap_pages"))


async def test_run_reads_all_that_a_statement_returns(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unread `returning` keeps its statement open, and with it the write lock."""
    monkeypatch.setitem(
        statements(), "rename_all", "update namespace set checkout = :to returning id"
    )
    await queued(store, [add("a"), add("b"), add("c")])
    assert await store.write(lambda tx: tx.run("rename_all", to="/moved")) == 3


async def test_a_rollback_that_fails_still_answers_who_wrote(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store._writer
    failing = _Failing(writer._connection, lambda sql: sql in ("commit", "rollback"))
    monkeypatch.setattr(writer, "_connection", failing)
    with pytest.raises(Broken, match="disk I/O"):
        await store.write(add("a"))
    monkeypatch.undo()
    writer._connection.execute("rollback")
    await store.write(add("b"))
    assert await names(store) == ["b"]


class _Failing:
    """A connection on which some statements meet a disk that fails."""

    def __init__(self, connection: sqlite3.Connection, fails: Callable[[str], bool]) -> None:
        self._connection = connection
        self._fails = fails

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    @property
    def total_changes(self) -> int:
        return self._connection.total_changes

    def execute(self, sql: str) -> sqlite3.Cursor:
        if self._fails(sql):
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(sql)
