"""How the daemon's store fares: one line in the log when it fails, and one when it has healed."""

from collections.abc import Callable

import anyio
import structlog

from wfd.domain.errors import DamagedStore, StoreDown
from wfd.ports import Trouble

SETTLED_MS = 1000  # without a failure, before a write that went well is believed

log = structlog.get_logger()


class Condition:
    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._failed_at = 0
        self._writes = 0
        self._damaged = anyio.Event()
        self.damage: DamagedStore | None = None
        self.trouble: Trouble | None = None

    async def until_damaged(self) -> None:
        await self._damaged.wait()

    def failed(self, error: Exception) -> None:
        """Take note of what a reader or a writer has met."""
        if isinstance(error, DamagedStore):
            self._is_damaged(error)
        elif isinstance(error, StoreDown):
            self._failed_at = self._now()
            if self.trouble is None:
                self.trouble = Trouble(str(error), self._failed_at)
                log.error("store.failed", error=str(error), until="a write goes well again")

    def wrote(self, writes: int) -> None:
        """A transaction is on the disk. One that changed nothing proves nothing."""
        if writes == self._writes:
            return
        self._writes = writes
        if self.trouble is None or self.damage is not None:
            return
        now = self._now()
        if now - self._failed_at >= SETTLED_MS:
            log.warning("store.recovered", down_ms=now - self.trouble.since)
            self.trouble = None

    def _is_damaged(self, error: DamagedStore) -> None:
        if self.damage is None:
            self.damage = error
            self.trouble = Trouble(str(error), self._now())
            log.critical(
                "store.damaged", error=str(error), follows="wfd stops, and changes nothing"
            )
            self._damaged.set()
