"""The one writer: whole transactions on one thread, many per commit.

The batch is what queued while the last one ran; there is no timer. One that raises takes all
of its batch back with it, and the others run again without it: a savepoint for each would let
them stand, and cost every transaction that goes well more than its commit does.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import anyio

from wfd.domain.errors import Broken
from wfd.ports import Tx
from wfd.store.failure import failure
from wfd.store.sqlite import Connected

T = TypeVar("T")

MAX_BATCH = 64  # nobody in a batch is answered before all of it is done


@dataclass(eq=False)
class _Work(Generic[T]):
    run: Callable[[Tx], T]
    future: asyncio.Future[T]
    result: T | None = None
    error: BaseException | None = None


class Writer:
    """`check_place` is asked before each write: it raises when the file is the store no more."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        now: Callable[[], int],
        check_place: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._check_place = check_place
        self.writes = 0  # commits that changed something
        self._changes = 0  # of rows, before the present transaction
        self._tx = Connected(connection, now)
        self._queue: queue.SimpleQueue[_Work[Any] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._is_open = True
        self._thread.start()

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a transaction; its result, after the commit.

        Shielded: a caller that is cancelled meanwhile still learns what was committed.
        """
        if not self._is_open:
            raise Broken("the store is closed")
        item: _Work[T] = _Work(work, self._loop.create_future())
        self._queue.put(item)
        with anyio.CancelScope(shield=True):
            await item.future
        return item.future.result()

    async def close(self, at_last: Callable[[sqlite3.Connection], None] = lambda _: None) -> None:
        """Finish what is queued, then end the thread and, after `at_last`, the connection."""
        self._is_open = False
        self._queue.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._thread.join)
            try:
                await anyio.to_thread.run_sync(at_last, self._connection)
            finally:
                self._connection.close()

    def _serve(self) -> None:
        is_last = False
        while not is_last:
            batch, is_last = self._take()
            if batch:
                self._commit(batch)
                self._loop.call_soon_threadsafe(_deliver, batch)

    def _take(self) -> tuple[list[_Work[Any]], bool]:
        """Wait for one piece of work, then take what else is there."""
        batch: list[_Work[Any]] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == MAX_BATCH:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[_Work[Any]]) -> None:
        """One commit for all; whoever spoils it has one of its own, after the others."""
        alone: list[_Work[Any]] = []
        while spoilers := self._spoilers(batch):
            alone += spoilers
            batch = [item for item in batch if item not in spoilers]
        for item in alone:
            self._commit_alone(item)

    def _spoilers(self, batch: list[_Work[Any]]) -> list[_Work[Any]]:
        """Commit them all and return none; or nothing of it, and return who is to go alone."""
        if len(batch) < 2:
            return batch
        spoilers = batch
        try:
            self._begin()
            for item in batch:
                spoilers = [item]
                self._do(item)
            spoilers = batch
            self._end()
        except BaseException:
            self._roll_back()
            return spoilers
        return []

    def _commit_alone(self, item: _Work[Any]) -> None:
        try:
            self._begin()
            self._do(item)
            self._end()
        except BaseException as error:
            self._roll_back()
            item.error = error

    def _do(self, item: _Work[Any]) -> None:
        self._tx.tick()
        item.result = item.run(self._tx)
        if not self._connection.in_transaction:
            raise Broken("SQLite has ended the transaction")

    def _begin(self) -> None:
        self._check_place()
        self._changes = self._connection.total_changes
        self._control("begin immediate")

    def _end(self) -> None:
        self._control("commit")
        if self._connection.total_changes != self._changes:
            self.writes += 1

    def _control(self, sql: str) -> None:
        try:
            self._connection.execute(sql)
        except sqlite3.Error as error:
            raise failure(error, "the store could not be written") from error

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):  # this thread must live, and answer
            if self._connection.in_transaction:
                self._connection.execute("rollback")


def _deliver(batch: list[_Work[Any]]) -> None:
    for item in batch:
        if item.future.done():  # the loop was torn down around its caller
            continue
        if item.error is None:
            item.future.set_result(item.result)
        else:
            item.future.set_exception(item.error)
