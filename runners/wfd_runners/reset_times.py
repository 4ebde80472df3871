"""When a limit ends, read from the words of a CLI.

"resets 1:06pm (UTC)", "try again at Nov 21st, 2026 1:06 PM.", "retry in 26.660853464s",
"available again on Monday at 10am", `"resetsAt": 1795180000`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

MAX_WORDS = 4_000  # characters of a text that are looked at
MAX_LEADS = 20  # places in one text where a time may stand
MAX_PIECES = 6  # of a time: a weekday, a date, a clock, a zone
MAX_AHEAD_MS = 366 * 86_400_000  # what lies further on is a number in a wrong unit
MIN_MILLIS = 10**11  # as seconds, the year 5138

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

# What stands before a time, and what may stand between the two.
_LEAD = re.compile(
    r"(?:\b(?:resets?(?:[ _]?(?:at|in|on|time|after))?|try(?:ing)?\s+again|available"
    r"|retry(?:ing)?(?:[ _-]?(?P<after>after)|[ _-]?(?:delay|in|at))?|renew(?:s|ed)?"
    r"|refresh(?:es|ed)?|replenish(?:es|ed)?|restored|lifted|come\s+back|again|wait|until)"
    r"(?P<unit>_(?:seconds|secs|s|ms))?\b|limit (?:reached|hit)\s*(?=[|·∙:,]))"
    r"(?:[\"'\s:=|·∙,]|\b(?:again|is|at|on|in|after|by|for|until|from|about|around|only|next|the)\b"
    r"){0,12}",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(?P<seconds>\d{10})(?P<millis>\d{3})?(?:\.\d+)?(?![\w:-])")
_COUNT = re.compile(r"\d{1,9}(?:\.\d{1,12})?(?!\s*[\w:-])")  # its unit stands before it
_ISO = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<clock>\d\d:\d\d(?::\d\d)?)(?P<fraction>\.\d+)?\s*"
    r"(?P<offset>Z|UTC|GMT|[+-]\d\d:?\d\d)?)?(?![\d-])",
    re.IGNORECASE,
)
_PART = re.compile(
    r"(?P<count>\d{1,9}(?:\.\d{1,12})?|an?\b)\s*"
    r"(?:(?P<milliseconds>ms|milliseconds?)|(?P<seconds>s|secs?|seconds?)"
    r"|(?P<minutes>m|mins?|minutes?)|(?P<hours>h|hrs?|hours?)|(?P<days>d|days?)"
    r"|(?P<weeks>w|wks?|weeks?))(?![a-z])",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"[\s,]*(?:and\s+)?", re.IGNORECASE)

# The pieces of a moment as people write it, in any order, each at most once.
_PIECE = re.compile(
    r"[\s,]*(?:(?:at|on|by)\s+)?(?:"
    rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:])"
    r"(?:,?\s+(?P<year>\d{4})(?![\d:]))?"
    rf"|(?P<day_first>\d{{1,2}})(?:st|nd|rd|th)?\s+(?P<month_last>{'|'.join(_MONTHS)})[a-z]*\.?"
    r"(?:,?\s+(?P<year_last>\d{4})(?![\d:]))?"
    rf"|(?P<day_word>today|tomorrow|(?:{'|'.join(_WEEKDAYS)})[a-z]*)\b\.?"
    r"|(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2}))?)?\s*(?P<half>[ap]\.?m\b\.?)?"
    r"(?![\d:])"
    r"|(?P<named>noon|midnight)\b"
    r"|\((?P<zone>[^)]*)\)"
    r"|(?P<bare>(?:UTC|GMT)\s?[+-]\d{1,2}(?::?\d\d)?|[A-Z][A-Za-z_]+/[A-Za-z_/+-]+"
    r"|UTC|GMT|[ECMP][SD]?T|JST|KST|IST|SGT|HKT|CES?T|WES?T|EES?T|BST|AE[SD]?T|NZ[SD]?T"
    r"|(?:eastern|central|mountain|pacific)(?:\s+(?:standard|daylight))?(?:\s+time)?)\b"
    r")",
    re.IGNORECASE,
)
# What people write for a zone; an abbreviation means the place, whose summer time rules.
_ZONES = {
    **dict.fromkeys(("et", "est", "edt", "eastern"), "America/New_York"),
    **dict.fromkeys(("ct", "cst", "cdt", "central"), "America/Chicago"),
    **dict.fromkeys(("mt", "mst", "mdt", "mountain"), "America/Denver"),
    **dict.fromkeys(("pt", "pst", "pdt", "pacific"), "America/Los_Angeles"),
    **dict.fromkeys(("z", "utc", "gmt"), "UTC"),
    **dict.fromkeys(("wet", "west"), "Europe/Lisbon"),
    **dict.fromkeys(("cet", "cest"), "Europe/Paris"),
    **dict.fromkeys(("eet", "eest"), "Europe/Athens"),
    **dict.fromkeys(("aet", "aest", "aedt"), "Australia/Sydney"),
    **dict.fromkeys(("nzt", "nzst", "nzdt"), "Pacific/Auckland"),
    "bst": "Europe/London",
    "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "sgt": "Asia/Singapore",
    "hkt": "Asia/Hong_Kong",
}
_OFFSET = re.compile(r"(?:utc|gmt)\s*(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d\d))?")
_MINUTE = timedelta(minutes=1)
_MS = timedelta(milliseconds=1)

Pieces = Mapping[str, str]


def reset_time(words: str, now: int) -> int | None:
    """The moment a text names, in UTC milliseconds, as the next such time after `now`.

    None when it names none within a year, or names a zone that is not known. Without a zone
    the clock is the machine's own, which is also the CLI's.
    """
    words = words[:MAX_WORDS]
    for lead in islice(_LEAD.finditer(words), MAX_LEADS):
        try:
            at = _named(words, lead, now)
        # ZoneInfoNotFoundError is a KeyError; a zone that names a folder is an OSError
        except (ValueError, KeyError, OSError, OverflowError):
            continue
        if at is not None and now < at <= now + MAX_AHEAD_MS:
            return at
    return None


def of_epoch(told: float | None) -> int | None:
    """Unix seconds in milliseconds; as they are where they can only be milliseconds already."""
    if told is None:
        return None
    return int(told if told >= MIN_MILLIS else told * 1000)


def names_a_time(words: str) -> bool:
    """Whether a text says when something begins anew, if only with a date that has passed."""
    for lead in islice(_LEAD.finditer(words), MAX_LEADS):
        try:
            if _named(words, lead, 0) is not None:
                return True
        except (ValueError, KeyError, OSError, OverflowError):
            continue
    return False


def _named(words: str, lead: re.Match[str], now: int) -> int | None:
    """The time that stands behind a lead, whether it has passed or not."""
    start = lead.end()
    if epoch := _EPOCH.match(words, start):
        return int(epoch["seconds"]) * 1000 + int(epoch["millis"] or 0)
    if iso := _ISO.match(words, start):
        return _of_date(iso)
    if (lead["unit"] or lead["after"]) and (count := _COUNT.match(words, start)):
        scale = 1 if (lead["unit"] or "").lower() == "_ms" else 1000
        return now + round(float(count[0]) * scale)
    if span := _span(words, start):
        return now + round(span / _MS)
    return _next(_pieces(words, start), now)


def _of_date(match: re.Match[str]) -> int:
    clock = f"T{match['clock']}{(match['fraction'] or '')[:7]}" if match["clock"] else ""
    offset = (match["offset"] or "").upper().replace("UTC", "Z").replace("GMT", "Z")
    return round(datetime.fromisoformat(match["date"] + clock + offset).timestamp() * 1000)


def _span(words: str, start: int) -> timedelta:
    """The length of time that stands there: "3 hours 5 minutes", "8m38.4s"; or nothing."""
    total = timedelta()
    while part := _PART.match(words, start):
        count = part["count"]
        n = float(count) if count[0].isdigit() else 1.0
        total += timedelta(**{str(part.lastgroup): n})
        between = _BETWEEN.match(words, part.end())
        start = between.end() if between else part.end()
    return total


def _pieces(words: str, start: int) -> Pieces:
    """What stands there of a moment. What is not understood ends it."""
    found: dict[str, str] = {}
    for _ in range(MAX_PIECES):
        piece = _PIECE.match(words, start)
        told = {k.split("_")[0] if k != "day_word" else k: v for k, v in _told(piece)}
        if piece is None or any(name in found for name in told):
            break
        found |= told
        start = piece.end()
    return found


def _told(piece: re.Match[str] | None) -> list[tuple[str, str]]:
    return [] if piece is None else [(k, v) for k, v in piece.groupdict().items() if v is not None]


def _next(told: Pieces, now: int) -> int | None:
    """The next moment after `now` that the pieces name. Raises ValueError when they name none."""
    zone = _zone(told.get("zone") or told.get("bare"))
    hour, minute, second = _clock(told)
    today = datetime.fromtimestamp(now / 1000, zone).replace(tzinfo=None)
    for day in _days(told, today):
        for fold in (0, 1):
            clock = day.replace(hour=hour, minute=minute, second=second, microsecond=0, fold=fold)
            at = _millis(clock, zone)
            if at > now:
                return at
            # The CLI names the minute and drops its seconds: within it, wait for its end.
            if at + 60_000 > now and "second" not in told and "hour" in told:
                return _millis(clock + _MINUTE, zone)
    return None


def _zone(name: str | None) -> tzinfo | None:
    """None is the machine's own. Raises KeyError, ValueError or OSError for one that is none."""
    if not name or name.strip().lower() in ("local", "local time"):
        return None
    plain = name.strip().lower()
    if offset := _OFFSET.fullmatch(plain):
        span = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"] or 0))
        return timezone(-span if offset["sign"] == "-" else span)
    if known := _ZONES.get(plain) or _ZONES.get(plain.split()[0]):
        return ZoneInfo(known)
    return ZoneInfo(next((z for z in available_timezones() if z.lower() == plain), name.strip()))


def _clock(told: Pieces) -> tuple[int, int, int]:
    """Hour, minute and second; a day without a clock begins at midnight."""
    if "named" in told:
        return (12 if told["named"].lower() == "noon" else 0), 0, 0
    if "hour" not in told:
        if "month" in told or "day_word" in told:
            return 0, 0, 0
        raise ValueError("it names neither a day nor a time of day")
    hour, half = int(told["hour"]), told.get("half")
    if half is None and "minute" not in told:
        raise ValueError("a bare number is no time of day")
    if half is not None:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    return hour, int(told.get("minute", 0)), int(told.get("second", 0))


def _days(told: Pieces, today: datetime) -> Iterator[datetime]:
    if "month" not in told:
        yield from (today + timedelta(days=ahead) for ahead in _ahead(told, today))
        return
    month = _MONTHS.index(told["month"][:3].lower()) + 1
    years = [int(told["year"])] if "year" in told else [today.year, today.year + 1]
    for year in years:
        yield datetime(year, month, int(told["day"]))


def _ahead(told: Pieces, today: datetime) -> Sequence[int]:
    """How many days from today it may be."""
    word = told.get("day_word", "").lower()
    if not word:
        return range(3)
    if word in ("today", "tomorrow"):
        return [int(word == "tomorrow")]
    days = (_WEEKDAYS.index(word[:3]) - today.weekday()) % 7
    return [days, days + 7]


def _millis(clock: datetime, zone: tzinfo | None) -> int:
    return int(clock.replace(tzinfo=zone).timestamp() * 1000)
