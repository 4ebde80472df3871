"""Room: what one run may use before a cap is reached."""

from dataclasses import dataclass

from wfd.domain.assignment import Assignment
from wfd.rules.caps import budget_left, tokens_left, wall_left_ms
from wfd.rules.duration import duration
from wfd.rules.policy import Caps, DailyCaps

THE_DAY = "the daily cap"
OWN = "the cap"


@dataclass(frozen=True)
class Room:
    limit_ms: int  # of wall time
    limit: str | None  # the cap that sets it; None: its own time-out
    tokens: int
    tokens_by: str  # the cap that sets them
    budget_usd: float | None

    def why_no_time(self) -> str | None:
        """Why its time is up, if a cap and not its own time-out has set it."""
        if self.limit is None:
            return None
        return f"{self.limit} on wall time was reached while it ran: {duration(self.limit_ms)}"

    def why_no_tokens(self, used: int) -> str | None:
        if used < self.tokens:
            return None
        return (
            f"{self.tokens_by} on tokens was reached while it ran:"
            f" {self.tokens:,} were left, and it has used {used:,} at least"
        )


def room_of(assignment: Assignment, caps: Caps, today: DailyCaps, timeout_ms: int) -> Room:
    """`caps` are those of the assignment itself, `today` is what is left of the day's."""
    limits = [(timeout_ms, None), (wall_left_ms(assignment, caps), OWN)]
    tokens = [(tokens_left(assignment, caps), OWN)]
    budgets = [budget_left(assignment, caps), today.cost_usd]
    if today.wall_ms is not None:
        limits.append((today.wall_ms, THE_DAY))
    if today.tokens is not None:
        tokens.append((today.tokens, THE_DAY))
    limit_ms, limit = min(limits, key=lambda one: one[0])
    most, by = min(tokens, key=lambda one: one[0])
    budget = min((usd for usd in budgets if usd is not None), default=None)
    return Room(limit_ms, limit, most, by, budget)
