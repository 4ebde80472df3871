"""That each loop of the daemon still turns: one that hangs or has ended is seen from outside."""

import anyio

WORKER = "worker"  # while the daemon drains, the loop of the drain beats in its place


class Pulse:
    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._next: dict[str, anyio.Event] = {}

    def beat(self, loop: str, within_s: float) -> None:
        """The loop turns, and does so again within that time."""
        self._due[loop] = anyio.current_time() + within_s
        self._next.pop(loop, anyio.Event()).set()

    def overdue(self) -> list[str]:
        """The loops that have not kept their word."""
        now = anyio.current_time()
        return sorted(loop for loop, due in self._due.items() if due < now)

    async def turned(self, loop: str) -> None:
        """Until the loop beats once more."""
        await self._next.setdefault(loop, anyio.Event()).wait()
