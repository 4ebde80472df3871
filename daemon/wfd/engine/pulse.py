"""That each loop of the daemon still turns: one that hangs or has ended is seen from outside."""

import anyio


class Pulse:
    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def beat(self, loop: str, within_s: float) -> None:
        """The loop turns, and does so again within that time."""
        self._due[loop] = anyio.current_time() + within_s

    def overdue(self) -> list[str]:
        """The loops that have not kept their word."""
        now = anyio.current_time()
        return sorted(loop for loop, due in self._due.items() if due < now)
