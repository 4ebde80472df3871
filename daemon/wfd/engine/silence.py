"""How long an agent has given no sign of life."""

from wfd.domain.signal import Retrying
from wfd.rules.retrying import only_tried_again


class Silence:
    """The clock of one agent, in seconds of the loop's own time.

    A CLI that tries again is not alive for that, or one that cannot reach its model would run
    for ever. The waits that it announces are no silence either.
    """

    def __init__(self, now: float) -> None:
        self._begins = now  # moved on by announced waits
        self._alive_at = now
        self._waits_until = now
        self._retry: Retrying | None = None

    @property
    def is_trying(self) -> bool:
        """It has given no sign of life since it said that it tries again."""
        return self._retry is not None

    def end(self, now: float) -> None:
        """It said something, and was not only trying again."""
        self._alive_at = now
        self._begins = max(now, self._waits_until)
        self._retry = None

    def bear(self, now: float, retry: Retrying) -> None:
        """It tries again: what it announces to wait for, and only that, is not counted."""
        until = now + (retry.delay_ms or 0) / 1000
        self._begins += max(0.0, until - max(now, self._waits_until))
        self._waits_until = max(until, self._waits_until)
        self._retry = retry

    def ms(self, now: float) -> float:
        return (now - self._begins) * 1000

    def reason(self, now: float) -> str | None:
        """Why the silence is none that one can hear: it only tried again."""
        if self._retry is None:
            return None
        return only_tried_again(round((now - self._alive_at) * 1000), self._retry)
