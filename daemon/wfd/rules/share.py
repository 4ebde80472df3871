"""The PM's share in what was spent."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Share:
    part: float  # 0 to 1
    of: str

    def __str__(self) -> str:
        return f"{self.part:.0%} of the {self.of}"


class Spender(Protocol):
    """What a whole row of an assignment says of what was spent, and a row of a list too."""

    @property
    def cost_usd(self) -> float | None: ...
    @property
    def unmeasured(self) -> int: ...
    @property
    def tokens(self) -> int | None: ...
    @property
    def wall_ms(self) -> int: ...
    @property
    def pm_cost_usd(self) -> float | None: ...
    @property
    def pm_tokens(self) -> int | None: ...
    @property
    def pm_wall_ms(self) -> int: ...


def pm_share(assignment: Spender) -> Share | None:
    """What part the PM had in all that was spent; None before anything was.

    Of the cost, if every run has reported it; else of the tokens, if both sides have reported
    any; else of the time. What is not known is not taken for nothing.
    """
    cost, tokens = assignment.cost_usd, assignment.tokens
    if cost and not assignment.unmeasured:
        return Share((assignment.pm_cost_usd or 0.0) / cost, "cost")
    if tokens and assignment.pm_tokens and assignment.pm_tokens < tokens:
        return Share(assignment.pm_tokens / tokens, "tokens")
    if assignment.wall_ms:
        return Share(assignment.pm_wall_ms / assignment.wall_ms, "time")
    return None
