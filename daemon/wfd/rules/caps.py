"""Caps: where an assignment stops and asks."""

from wfd.domain.assignment import Assignment
from wfd.rules.policy import Caps


def breach(assignment: Assignment, caps: Caps, *, adding: int = 1) -> str | None:
    """The cap that is reached, in words; None while there is room.

    It asks whether there is room for one more job; `adding=0` asks for those that it has.
    """
    if assignment.jobs + adding > caps.jobs:
        return f"the cap on jobs is reached: {assignment.jobs} of {caps.jobs}"
    if assignment.wall_ms >= caps.wall_ms:
        taken = f"{_span(assignment.wall_ms)} of {_span(caps.wall_ms)}"
        return f"the cap on wall time is reached: {taken}"
    cost_usd = assignment.cost_usd or 0.0
    if caps.cost_usd is not None and cost_usd >= caps.cost_usd:
        return f"the cap on cost is reached: {spent(assignment)} of {caps.cost_usd:.2f} USD"
    return None


def run_limit_ms(assignment: Assignment, caps: Caps, timeout_ms: int) -> int:
    """How long a run may take: its own time-out, or what is left of the cap on wall time."""
    return max(0, min(timeout_ms, caps.wall_ms - assignment.wall_ms))


def budget_left(assignment: Assignment, caps: Caps) -> float | None:
    """What is left of the cap on cost, in USD; None without a cap."""
    if caps.cost_usd is None:
        return None
    return max(0.0, caps.cost_usd - (assignment.cost_usd or 0.0))


def spent(assignment: Assignment) -> str:
    """The reported cost in words, which also say how much is not known."""
    known = "no cost" if assignment.cost_usd is None else f"{assignment.cost_usd:.2f} USD"
    if not assignment.unmeasured:
        return f"{known} reported"
    runs = "1 run" if assignment.unmeasured == 1 else f"{assignment.unmeasured} runs"
    return f"{known} reported ({runs} unmeasured, which is not zero)"


def _span(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
