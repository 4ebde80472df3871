"""A moment as a person types it: '30m', '2h', '2026-11-21T02:00'."""

import re
from datetime import datetime

from wfd.domain.errors import BadInput

_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"(?:\d{1,6}[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")


def age(text: str) -> int:
    """Milliseconds, of something that may be months old. Raises BadInput, also for an `m`."""
    if not _SPAN.fullmatch(text):
        raise BadInput(f"'{text}' is no span of time; it looks like 12h, 30d, 2w or 1d12h")
    if "m" in text:
        raise BadInput(f"'{text}' may mean minutes or months; say hours, days or weeks: 30d, 2w")
    return _ms(text)


def _ms(text: str) -> int:
    return sum(int(count) * _UNITS_MS[unit] for count, unit in _PART.findall(text))


def moment(text: str, now: int) -> int:
    """UTC milliseconds. A date without a zone is in the person's own."""
    if _SPAN.fullmatch(text):
        return now + _ms(text)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise BadInput(
            f"'{text}' is no time; it looks like 30m, 2h30m, 1d or 2026-11-21T02:00"
        ) from None
