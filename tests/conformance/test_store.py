"""What every store owes the daemon, whichever database is below it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import anyio
import pytest
from tests.store.work import NOW, Gate, add, names, queued

from wfd.domain.errors import Broken
from wfd.domain.namespace import Namespace
from wfd.ports import Store, Tx
from wfd.store.store import SqliteStore


class Opened(Store, Protocol):
    async def close(self) -> None: ...


Open = Callable[[], Awaitable[Opened]]


async def _sqlite(folder: Path) -> Opened:
    return await SqliteStore.open(folder / "wfd.db", lambda: NOW)


STORES: dict[str, Callable[[Path], Awaitable[Opened]]] = {"sqlite": _sqlite}


@pytest.fixture(params=sorted(STORES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the one store of this test, again and again."""
    return lambda: STORES[request.param](tmp_path)


@pytest.fixture
async def store(reopen: Open) -> AsyncIterator[Opened]:
    opened = await reopen()
    yield opened
    await opened.close()


class Unwanted(Exception):
    pass


def add_and_fail(name: str) -> Callable[[Tx], int]:
    def work(tx: Tx) -> int:
        add(name)(tx)
        raise Unwanted(name)

    return work


async def test_a_write_returns_its_result_when_every_reader_sees_it(store: Opened) -> None:
    namespace_id = await store.write(add("a"))
    found = await store.one(Namespace, "namespace_by_id", id=namespace_id)
    assert found is not None
    assert (found.id, found.name, found.trusted_hash) == (namespace_id, "a", None)


async def test_what_was_written_is_there_after_the_store_was_opened_again(
    store: Opened, reopen: Open
) -> None:
    await store.write(add("a"))
    await store.close()
    again = await reopen()
    assert await names(again) == ["a"]
    await again.close()


async def test_readers_see_nothing_of_a_transaction_that_goes_on(store: Opened) -> None:
    gate = Gate()

    def work(tx: Tx) -> None:
        add("half")(tx)
        gate(tx)

    async with anyio.create_task_group() as group:
        group.start_soon(store.write, work)
        await gate.reached()
        assert await names(store) == []
        gate.open()
    assert await names(store) == ["half"]


async def test_a_transaction_reads_what_it_wrote_itself(store: Opened) -> None:
    def work(tx: Tx) -> list[str]:
        add("a")(tx)
        return [found.name for found in tx.all(Namespace, "namespaces")]

    assert await store.write(work) == ["a"]


async def test_work_that_raises_takes_back_its_own_writes_alone(store: Opened) -> None:
    results = await queued(store, [add("a"), add_and_fail("b"), add("c")])
    assert isinstance(results[1], Unwanted)
    assert await names(store) == ["a", "c"]


async def test_work_that_raises_alone_leaves_the_store_usable(store: Opened) -> None:
    with pytest.raises(Unwanted):
        await store.write(add_and_fail("a"))
    await store.write(add("b"))
    assert await names(store) == ["b"]


async def test_each_piece_of_a_batch_sees_what_those_before_it_wrote(store: Opened) -> None:
    def count(tx: Tx) -> int:
        return len(tx.all(Namespace, "namespaces"))

    seen = await queued(store, [count, add("a"), count, add_and_fail("b"), count])
    assert seen[::2] == [0, 1, 1]


async def test_results_find_their_own_callers(store: Opened) -> None:
    results = await queued(store, [add(f"n{i}") for i in range(40)])
    for i, namespace_id in enumerate(results):
        found = await store.one(Namespace, "namespace_by_id", id=namespace_id)
        assert found is not None and found.name == f"n{i}"


async def test_a_caller_whose_scope_is_cancelled_still_learns_what_was_committed(
    store: Opened,
) -> None:
    gate, learned = Gate(), list[int]()

    async def write(scope: anyio.CancelScope) -> None:
        with scope:
            learned.append(await store.write(add("a")))

    async with anyio.create_task_group() as group:
        scope = anyio.CancelScope()
        group.start_soon(store.write, gate)
        await gate.reached()
        group.start_soon(write, scope)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        gate.open()
    found = await store.one(Namespace, "namespace_by_name", name="a")
    assert found is not None and learned == [found.id]


async def test_a_task_that_is_torn_away_from_its_write_commits_it_all_the_same(
    store: Opened,
) -> None:
    gate = Gate()
    holding = asyncio.create_task(store.write(gate))
    await gate.reached()
    torn = asyncio.create_task(store.write(add("a")))
    await anyio.wait_all_tasks_blocked()
    torn.cancel()
    await asyncio.wait([torn])
    gate.open()
    await holding
    await store.write(add("b"))
    assert await names(store) == ["a", "b"]


async def test_no_row_is_none_and_no_rows_are_an_empty_list(store: Opened) -> None:
    assert await store.one(Namespace, "namespace_by_id", id=1) is None
    assert await store.all(Namespace, "namespaces") == []
    assert await store.write(lambda tx: tx.one(Namespace, "namespace_by_id", id=1)) is None
    assert await store.write(lambda tx: tx.all(Namespace, "namespaces")) == []


async def test_a_statement_of_one_column_gives_plain_values(store: Opened) -> None:
    assert await store.one(int, "count_runs_of_job", job_id=1) == 0
    assert await store.write(lambda tx: tx.one(int, "count_runs_of_job", job_id=1)) == 0


async def test_run_tells_how_many_rows_it_touched(store: Opened) -> None:
    namespace_id = await store.write(add("a"))

    def move(tx: Tx, of: int) -> int:
        return tx.run("move_namespace", id=of, checkout="/moved", trusted_hash=None)

    assert await store.write(lambda tx: move(tx, namespace_id)) == 1
    assert await store.write(lambda tx: move(tx, namespace_id + 1)) == 0


async def test_an_unknown_statement_is_named_and_writes_nothing(store: Opened) -> None:
    def work(tx: Tx) -> int:
        add("a")(tx)
        return tx.run("no_such_statement")

    with pytest.raises(KeyError, match="no_such_statement"):
        await store.write(work)
    with pytest.raises(KeyError, match="no_such_statement"):
        await store.all(int, "no_such_statement")
    assert await names(store) == []


async def test_one_transaction_has_one_time(store: Opened) -> None:
    assert await store.write(lambda tx: (tx.now, tx.now)) == (NOW, NOW)


async def test_close_finishes_what_is_queued(store: Opened, reopen: Open) -> None:
    gate = Gate()
    async with anyio.create_task_group() as group:
        group.start_soon(store.write, gate)
        await gate.reached()
        for i in range(20):
            group.start_soon(store.write, add(f"n{i}"))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(store.close)
        await anyio.wait_all_tasks_blocked()
        gate.open()
    again = await reopen()
    assert sorted(await names(again)) == sorted(f"n{i}" for i in range(20))
    await again.close()


async def test_a_write_after_close_is_refused(store: Opened) -> None:
    await store.close()
    with pytest.raises(Broken, match="closed"):
        await store.write(add("a"))
