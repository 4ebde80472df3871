"""What a run's CLI does instead of working, kept in its row for who looks meanwhile."""

import anyio

from wfd.domain.errors import Broken, StoreFailed
from wfd.domain.signal import Retrying
from wfd.engine.parts import Lease, Parts
from wfd.rules.retrying import MAX_MESSAGE, tries_again

PAUSE_S = 1.0  # between two writes: a CLI may try again many times a second


class Activity:
    """Takes each word at once, and writes what has come of them at leisure."""

    def __init__(self, parts: Parts, lease: Lease) -> None:
        self._parts = parts
        self._lease = lease
        self._retry: Retrying | None = None  # what it does now
        self._last: Retrying | None = None
        self._retries = 0
        self._logged = 0  # of its retries
        self._changed = anyio.Event()

    def tries_again(self, retry: Retrying) -> None:
        self._retry = self._last = retry
        self._retries += 1
        self._changed.set()

    def works(self) -> None:
        if self._retry is not None:
            self._retry = None
            self._changed.set()

    async def keep(self) -> None:
        """Write what changes, as often as may be. Until it is cancelled."""
        while True:
            await self._changed.wait()
            await self._write()
            await anyio.sleep(PAUSE_S)

    async def end(self) -> None:
        """The agent is over: it does nothing any more, and what was not written yet is."""
        self.works()
        if self._changed.is_set():
            await self._write()

    async def _write(self) -> None:
        """A store that fails now is no reason to end an agent."""
        self._changed = anyio.Event()
        self._log()
        run_id, retries = self._lease.run.id, self._retries
        words = None if self._retry is None else tries_again(self._retry)
        try:
            await self._parts.store.write(
                lambda tx: tx.run("record_activity", id=run_id, activity=words, retries=retries)
            )
        except Broken as error:
            self._changed.set()  # to try it again
            if not isinstance(error, StoreFailed):  # which the store has logged itself
                self._parts.log.warning("activity.not_kept", run_id=run_id, error=str(error))

    def _log(self) -> None:
        """Each burst of retries, by its last one."""
        if self._last is None or self._logged == self._retries:
            return
        self._logged = self._retries
        self._parts.log.warning(
            "run.retrying",
            job_id=self._lease.job.id,
            run_id=self._lease.run.id,
            attempt=self._last.attempt,
            delay_ms=self._last.delay_ms,
            message=self._last.message[:MAX_MESSAGE],
            retries=self._retries,
        )
