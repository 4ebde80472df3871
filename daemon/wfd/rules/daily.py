"""The caps of a namespace on one UTC day: what it has spent, and where it stops until the next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from wfd.rules.duration import duration
from wfd.rules.policy import DailyCaps

DAY_MS = 86_400_000


def day_of(at: int) -> int:
    """Days since 1970-01-01, of a time in UTC milliseconds."""
    return at // DAY_MS


def next_day(at: int) -> int:
    """When the next day begins, in UTC milliseconds."""
    return (day_of(at) + 1) * DAY_MS


def day_words(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Spend:
    """What the closed runs of one namespace have used on one day."""

    jobs: int = 0
    cost_usd: float | None = None  # sum of what was reported; None when nothing was
    unmeasured: int = 0  # runs that reported no cost
    tokens: int | None = None
    wall_ms: int = 0


def breach(spend: Spend, caps: DailyCaps) -> str | None:
    """The cap that is reached, in words; None while there is room."""
    if caps.jobs is not None and spend.jobs >= caps.jobs:
        return f"the daily cap on jobs is reached: {spend.jobs} of {caps.jobs}"
    if caps.wall_ms is not None and spend.wall_ms >= caps.wall_ms:
        taken = f"{duration(spend.wall_ms)} of {duration(caps.wall_ms)}"
        return f"the daily cap on wall time is reached: {taken}"
    if caps.cost_usd is not None and (spend.cost_usd or 0.0) >= caps.cost_usd:
        used = f"{spend.cost_usd:.2f} of {caps.cost_usd:.2f} USD"
        return f"the daily cap on cost is reached: {used}"
    if caps.tokens is not None and (spend.tokens or 0) >= caps.tokens:
        return f"the daily cap on tokens is reached: {spend.tokens:,} of {caps.tokens:,}"
    return None


def left_words(spend: Spend, caps: DailyCaps) -> Iterator[str]:
    """What is left of each cap, a line each."""
    rest = left(spend, caps)
    if caps.jobs is not None:
        yield f"today {max(0, caps.jobs - spend.jobs)} of {caps.jobs} jobs"
    if caps.wall_ms is not None:
        yield f"today {duration(rest.wall_ms or 0)} of {duration(caps.wall_ms)} of agents' time"
    if caps.cost_usd is not None:
        unknown = f"; {spend.unmeasured} runs not reported" if spend.unmeasured else ""
        yield f"today {rest.cost_usd or 0:.2f} of {caps.cost_usd:.2f} USD{unknown}"
    if caps.tokens is not None:
        yield f"today {rest.tokens or 0:,} of {caps.tokens:,} tokens"


def left(spend: Spend, caps: DailyCaps) -> DailyCaps:
    """What a run that starts now may still use on this day."""
    return DailyCaps(
        wall_ms=None if caps.wall_ms is None else max(0, caps.wall_ms - spend.wall_ms),
        cost_usd=(
            None if caps.cost_usd is None else max(0.0, caps.cost_usd - (spend.cost_usd or 0.0))
        ),
        tokens=None if caps.tokens is None else max(0, caps.tokens - (spend.tokens or 0)),
    )
