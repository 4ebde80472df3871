"""A moment as a person types it: '30m', '2h', '2026-11-21T02:00'."""

import re
from datetime import datetime

from wfd.domain.errors import BadInput

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN = re.compile(r"(?:\d{1,6}[smhd])+")
_PART = re.compile(r"(\d+)([smhd])")


def span(text: str) -> int:
    """Milliseconds. Raises BadInput."""
    if not _SPAN.fullmatch(text):
        raise BadInput(f"'{text}' is no span of time; it looks like 12h, 30d or 1d12h")
    return sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(text))


def moment(text: str, now: int) -> int:
    """UTC milliseconds. A date without a zone is in the person's own."""
    if _SPAN.fullmatch(text):
        return now + span(text)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise BadInput(
            f"'{text}' is no time; it looks like 30m, 2h30m, 1d or 2026-11-21T02:00"
        ) from None
