"""What a person reads of a CLI that tries again by itself."""

from wfd.domain.signal import Retrying
from wfd.rules.clip import one_line
from wfd.rules.duration import duration

MAX_MESSAGE = 160  # characters


def tries_again(signal: Retrying) -> str:
    """'tries again (2) after 4s: rate_limit', which goes on from 'the CLI'.

    The wait is told as its length: these words are still read when it is half over.
    """
    attempt = "" if signal.attempt is None else f" ({signal.attempt})"
    wait_ms = signal.delay_ms or 0
    wait = f" after {duration(wait_ms)}" if wait_ms > 0 else ""
    return f"tries again{attempt}{wait}{_because(signal)}"


def only_tried_again(ms: int, last: Retrying) -> str:
    """'it only tried again for 10m: rate_limit': why a run was ended as stalled."""
    return f"it only tried again for {duration(ms)}{_because(last)}"


def _because(signal: Retrying) -> str:
    words = one_line(signal.message, MAX_MESSAGE)
    return f": {words}" if words else ""
