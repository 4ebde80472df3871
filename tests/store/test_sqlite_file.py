"""The file of the store: who may open it, and what is said of one that cannot be used."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from tests.store.work import NOW, add, names

from wfd.domain.errors import Broken, NewerStore, NotFound
from wfd.domain.namespace import Namespace
from wfd.ports import Tx
from wfd.store.alone import reading, write_alone
from wfd.store.sqlite import LOG_BYTES, open_reader, open_writer
from wfd.store.statements import migrations
from wfd.store.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wfd.db"


def test_a_store_written_by_a_newer_wfd_is_refused_by_writer_and_reader(path: Path) -> None:
    connection = open_writer(path)
    connection.execute("pragma user_version = 99")
    connection.close()
    for open_one in (open_writer, open_reader):
        with pytest.raises(NewerStore, match=f"schema 99 and .* up to {migrations()[-1][0]}"):
            open_one(path)


def test_a_store_of_an_older_wfd_is_not_read_before_the_daemon_has_brought_it_forward(
    path: Path,
) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(f"{migrations()[0][1]}; pragma user_version = 1;")
    connection.close()
    with pytest.raises(Broken, match=r"schema 1 and this wfd reads .* wfd start"), reading(path):
        pass
    open_writer(path).close()
    with reading(path) as read:
        assert read.all(Namespace, "namespaces") == []


async def test_a_newer_store_is_refused_by_the_daemon_too(path: Path) -> None:
    connection = open_writer(path)
    connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(NewerStore):
        await SqliteStore.open(path)


def test_a_file_that_is_no_database_is_broken_and_is_left_as_it_was(path: Path) -> None:
    path.write_text("my precious notes\n" * 100)
    for open_one in (open_writer, open_reader):
        with pytest.raises(Broken, match="not a database"):
            open_one(path)
    assert path.read_text() == "my precious notes\n" * 100


def test_a_folder_in_place_of_the_store_is_broken(path: Path) -> None:
    path.mkdir()
    for open_one in (open_writer, open_reader):
        with pytest.raises(Broken, match=str(path)):
            open_one(path)


def test_reading_before_there_is_a_store_says_the_way_out(path: Path) -> None:
    with pytest.raises(NotFound, match="wfd init"), reading(path):
        pass
    assert not path.exists(), "a reader makes nothing"


def test_reading_a_store_that_is_just_being_made_says_the_way_out(path: Path) -> None:
    path.touch()
    with pytest.raises(NotFound, match="wfd init"), reading(path):
        pass


def test_only_its_owner_can_read_the_store(path: Path) -> None:
    open_writer(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_reading_process_cannot_write(path: Path) -> None:
    open_writer(path).close()
    connection = open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("delete from namespace")
    connection.close()


async def test_the_reads_of_the_daemon_cannot_write(path: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOW)
    await store.write(add("a"))
    with pytest.raises(Broken, match="readonly"):
        await store.all(int, "take_turn", per_namespace=None)
    await store.close()


async def test_reads_of_one_process_see_one_moment(path: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOW)
    await store.write(add("a"))
    with reading(path) as read:
        assert len(read.all(Namespace, "namespaces")) == 1
        await store.write(add("b"))
        assert len(read.all(Namespace, "namespaces")) == 1
    with reading(path) as read:
        assert len(read.all(Namespace, "namespaces")) == 2
    await store.close()


async def test_a_read_that_is_given_up_leaves_no_old_moment_to_the_next(path: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOW)
    await store.write(add("n0"))
    for count in range(1, 30):
        given_up = asyncio.ensure_future(store.all(Namespace, "namespaces"))
        await asyncio.sleep(count % 10 / 10_000)
        given_up.cancel()
        await store.write(add(f"n{count}"))
        assert len(await store.all(Namespace, "namespaces")) == count + 1
    await store.close()


async def test_the_log_grows_under_a_reader_and_is_cut_down_when_it_has_let_go(path: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOW)
    await store.write(add("a"))
    with reading(path) as read:
        assert len(read.all(Namespace, "namespaces")) == 1
        while store.log_bytes <= LOG_BYTES:
            await store.write(add(f"n{store.log_bytes}", "x" * 4_000_000))
    for name in ("first", "second"):
        await store.write(add(name))
    assert store.log_bytes <= LOG_BYTES
    await store.close()


async def test_a_process_that_is_alone_writes_what_a_later_daemon_reads(path: Path) -> None:
    first = write_alone(path, add("a"), lambda: NOW)
    store = await SqliteStore.open(path, lambda: NOW)
    assert await names(store) == ["a"]
    assert await store.write(add("b")) > first
    await store.close()


def test_a_process_that_is_alone_takes_all_back_when_its_work_raises(path: Path) -> None:
    def work(tx: Tx) -> None:
        add("a")(tx)
        raise NotFound("no")

    with pytest.raises(NotFound):
        write_alone(path, work)
    with reading(path) as read:
        assert read.all(Namespace, "namespaces") == []


def test_every_commit_reaches_the_disk_and_every_reference_is_checked(path: Path) -> None:
    connection = open_writer(path)
    pragmas = {
        name: connection.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    connection.close()
