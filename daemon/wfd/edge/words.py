"""How single values are shown to a person: text, ages, durations, money."""

import re
from datetime import UTC, datetime

from wfd.rules.duration import duration as duration  # for all of the edge
from wfd.rules.tame import tame as tame

NOT_REPORTED = "not reported"

_SPACE = re.compile(r"\s+")
_LAST = 253_402_128_000_000  # in UTC milliseconds, where every time zone still has a date


def one_line(text: str, width: int | None = None) -> str:
    """Tamed, on one line, and cut with '…' where it is longer than `width` characters."""
    flat = tame(_SPACE.sub(" ", text).strip())
    return flat if width is None or len(flat) <= width else f"{flat[: width - 1].rstrip()}…"


def activity(doing: str, since: int | None, now: int, width: int | None = None) -> str:
    """What a CLI does instead of working, or the command that the daemon runs and for how long."""
    if since is None:
        return f"the CLI {one_line(doing, width)}"
    return f"{one_line(doing, width)}, {duration(max(0, now - since))}"


def ago(at: int | None, now: int) -> str:
    """'3m ago', or 'in 5m' for what is to come."""
    if at is None:
        return ""
    if at > now:
        return f"in {duration(at - now)}"
    return "just now" if now - at < 1000 else f"{duration(now - at)} ago"


def money(usd: float | None) -> str:
    """Dollars; what nobody reported is not zero."""
    if usd is None:
        return NOT_REPORTED
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.4f}"


def spend(usd: float | None, unmeasured: int) -> str:
    """A sum and what is missing from it."""
    if usd is None and not unmeasured:
        return "none yet"
    if not unmeasured:
        return money(usd)
    if usd is None:
        return f"{NOT_REPORTED} by {plural(unmeasured, 'run')}"
    return f"{money(usd)} + {plural(unmeasured, 'run')} {NOT_REPORTED}"


def count(number: int | None) -> str:
    """12,345; what nobody reported is not zero."""
    return NOT_REPORTED if number is None else f"{number:,}"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def globs_in_words(locks: str | None) -> str:
    """The globs of a job, as its row has them."""
    if locks is None:
        return ""
    import json  # late: most lists have none

    return one_line(", ".join(map(str, json.loads(locks))), 200)


def local_time(at: int) -> str:
    """In the person's own time zone, to the second."""
    return _moment(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso(at: int) -> str:
    """UTC, to the millisecond, as every JSON document has it."""
    return _moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(at: int) -> datetime:
    """As near as the calendar goes: an agent may name any number, and no page may break."""
    return datetime.fromtimestamp(min(max(at, 0), _LAST) / 1000, UTC)
