"""When a limit ends, read from the words of a CLI: "resets 1:06pm (UTC)"."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = re.compile(
    r"\bresets?\s+(?:at\s+)?"
    rf"(?:(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<day>\d{{1,2}})(?:\s+at|,)?\s+(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>[ap]\.?m\b\.?)?"
    r"(?:\s*\((?P<zone>[^)]*)\))?",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"limit reached\|(\d{10})\b")
_MINUTE = timedelta(minutes=1)


def reset_time(words: str, now: int) -> int | None:
    """The moment a text names, in UTC milliseconds, as the next such time after `now`.

    None when it names none, or names a zone that is not known. Without a zone the clock is
    the machine's own, which is also the CLI's.
    """
    if epoch := _EPOCH.search(words):
        return int(epoch[1]) * 1000
    for match in _CLOCK.finditer(words):
        at = _next(match, now)
        if at is not None:
            return at
    return None


def _next(match: re.Match[str], now: int) -> int | None:
    try:
        zone = ZoneInfo(match["zone"]) if match["zone"] else None
        hour, minute = _hour(match), int(match["minute"] or 0)
        today = datetime.fromtimestamp(now / 1000, zone).replace(tzinfo=None)
        for day in _days(match, today):
            for fold in (0, 1):
                clock = day.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=fold)
                at = _millis(clock, zone)
                if at > now:
                    return at
                # The CLI names the minute and drops its seconds: within it, wait for its end.
                if at + 60_000 > now:
                    return _millis(clock + _MINUTE, zone)
    # ZoneInfoNotFoundError is a KeyError; a zone that names a folder is an OSError
    except (ValueError, KeyError, OSError, OverflowError):
        return None
    return None


def _hour(match: re.Match[str]) -> int:
    hour = int(match["hour"])
    if not match["half"]:
        if match["minute"] is None:
            raise ValueError("a bare number is no time of day")
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("no such hour")
    return hour % 12 + (12 if match["half"][0] in "pP" else 0)


def _days(match: re.Match[str], today: datetime) -> Iterator[datetime]:
    if match["month"] is None:
        yield from (today + timedelta(days=ahead) for ahead in range(3))
        return
    month = _MONTHS.index(match["month"].lower()) + 1
    for year in (today.year, today.year + 1):
        yield datetime(year, month, int(match["day"]))


def _millis(clock: datetime, zone: tzinfo | None) -> int:
    return int(clock.replace(tzinfo=zone).timestamp() * 1000)
