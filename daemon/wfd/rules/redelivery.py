"""What follows a notice that could not be delivered."""

from wfd.domain.notice import NotDelivered
from wfd.rules.policy import Backoff

TRIES = 12  # over about six hours
MAX_WAIT_MS = 3_600_000
STALE_MS = 24 * 3_600_000  # what is older has one try, so that a dead target keeps no backlog
_BACKOFF = Backoff(base_ms=5_000, factor=3, max_ms=MAX_WAIT_MS, jitter=0.2)


def next_try(
    failed: NotDelivered, failures: int, happened_at: int, now: int, roll: float
) -> int | None:
    """When to try again, in UTC milliseconds, after so many failures; None to give up."""
    if failed.is_final or failures >= TRIES or now - happened_at > STALE_MS:
        return None
    asked = min(failed.retry_after_ms or 0, MAX_WAIT_MS)
    return now + max(_BACKOFF.delay_ms(failures - 1, roll), asked)
