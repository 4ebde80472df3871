"""When a limit ends, read from the words of a CLI.

"resets 1:06pm (UTC)", "try again at Nov 21st, 2026 1:06 PM.", "try again in 8m38.4s".
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = re.compile(
    r"\b(?:resets?|try\s+again)\s+(?:at\s+)?"
    rf"(?:(?P<day_word>today|tomorrow|(?:{'|'.join(_WEEKDAYS)})[a-z]*),?\s+(?:at\s+)?)?"
    rf"(?:(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?"
    r"(?:,\s+(?P<year>\d{4}))?(?:\s+at|,)?\s+(?:at\s+)?)?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>[ap]\.?m\b\.?)?"
    r"(?:\s*\((?P<zone>[^)]*)\)|\s+(?P<bare>UTC|GMT|[ECMP][SD]?T)\b)?"
    r"(?P<after>\s+tomorrow\b)?",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\b(?:resets?|try\s+again)\s+(?:at|on|after)?\s*"
    r"(?P<iso>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*"
    r"(?P<offset>Z|UTC|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
# What people write for a zone; an abbreviation means the place, whose summer time rules.
_ZONES = {
    **dict.fromkeys(("et", "est", "edt"), "America/New_York"),
    **dict.fromkeys(("ct", "cst", "cdt"), "America/Chicago"),
    **dict.fromkeys(("mt", "mst", "mdt"), "America/Denver"),
    **dict.fromkeys(("pt", "pst", "pdt"), "America/Los_Angeles"),
    **dict.fromkeys(("z", "utc", "gmt"), "UTC"),
}
_OFFSET = re.compile(r"(?:utc|gmt)\s*(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d\d))?")
_EPOCH = re.compile(r"limit reached\|(\d{10})\b")
_MINUTE = timedelta(minutes=1)

_PART = re.compile(
    r"(?P<count>\d{1,6}(?:\.\d{1,6})?)\s*"
    r"(?:(?P<milliseconds>ms|milliseconds?)|(?P<seconds>s|secs?|seconds?)"
    r"|(?P<minutes>m|mins?|minutes?)|(?P<hours>h|hrs?|hours?)|(?P<days>d|days?))(?![a-z])",
    re.IGNORECASE,
)
_IN = re.compile(r"\b(?:try\s+again|retry|resets?)\s+(?:in|after)\s+", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,]*(?:and\s+)?", re.IGNORECASE)


def reset_time(words: str, now: int) -> int | None:
    """The moment a text names, in UTC milliseconds, as the next such time after `now`.

    None when it names none, or names a zone that is not known. Without a zone the clock is
    the machine's own, which is also the CLI's.
    """
    if epoch := _EPOCH.search(words):
        return int(epoch[1]) * 1000
    if (date := _DATE.search(words)) and (at := _of_date(date)) is not None:
        return at if at > now else None
    for match in _CLOCK.finditer(words):
        at = _next(match, now)
        if at is not None:
            return at
    for match in _IN.finditer(words):
        span = _span(words, match.end())
        if span:
            return now + round(span / timedelta(milliseconds=1))
    return None


def _span(words: str, start: int) -> timedelta:
    """The length of time that stands there: "3 hours 5 minutes", "8m38.4s"; or nothing."""
    total = timedelta()
    while part := _PART.match(words, start):
        total += timedelta(**{str(part.lastgroup): float(part["count"])})
        between = _BETWEEN.match(words, part.end())
        start = between.end() if between else part.end()
    return total


def _next(match: re.Match[str], now: int) -> int | None:
    try:
        zone = _zone(match["zone"] or match["bare"])
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


def _of_date(match: re.Match[str]) -> int | None:
    offset = (match["offset"] or "").upper().replace("UTC", "Z")
    try:
        return int(datetime.fromisoformat(match["iso"] + offset).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _zone(name: str | None) -> tzinfo | None:
    """None is the machine's own. Raises KeyError, ValueError or OSError for one that is none."""
    if not name or name.strip().lower() in ("local", "local time"):
        return None
    plain = name.strip().lower()
    if offset := _OFFSET.fullmatch(plain):
        span = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return timezone(-span if offset["sign"] == "-" else span)
    return ZoneInfo(_ZONES.get(plain, name.strip()))


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
        yield from (today + timedelta(days=ahead) for ahead in _ahead(match, today))
        return
    month = _MONTHS.index(match["month"].lower()) + 1
    years = [int(match["year"])] if match["year"] else [today.year, today.year + 1]
    for year in years:
        yield datetime(year, month, int(match["day"]))


def _ahead(match: re.Match[str], today: datetime) -> Sequence[int]:
    """How many days from today it may be."""
    word = (match["day_word"] or match["after"] or "").strip().lower()
    if not word:
        return range(3)
    if word in ("today", "tomorrow"):
        return [int(word == "tomorrow")]
    days = (_WEEKDAYS.index(word[:3]) - today.weekday()) % 7
    return [days, days + 7]


def _millis(clock: datetime, zone: tzinfo | None) -> int:
    return int(clock.replace(tzinfo=zone).timestamp() * 1000)
