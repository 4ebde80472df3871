"""Caps: where an assignment stops and asks."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from wfd.rules.duration import duration
from wfd.rules.share import pm_share

if TYPE_CHECKING:  # a face that shows what is left does without policy, which is slow to import
    from wfd.domain.assignment import Assignment
    from wfd.rules.policy import Caps

JOBS_BEFORE_SHARE = 6  # in a short assignment the PM's share tells nothing


def with_allowance(caps: "Caps", allowance: str) -> "Caps":
    """The caps with what a person has added to them: JSON {name of a cap: how much}.

    Whoever looks at the caps of an assignment looks at these. None, no cap, stays none.
    """
    if allowance == "{}":
        return caps
    added: dict[str, Any] = json.loads(allowance)
    names = {field.name for field in fields(caps)} & added.keys()
    more = {name: getattr(caps, name) for name in names}
    return replace(caps, **{n: was + added[n] for n, was in more.items() if was is not None})


def caps_of(assignment: "Assignment", caps: "Caps") -> "Caps":
    """Its own caps: those of its namespace, and what a person has added."""
    return with_allowance(caps, assignment.allowance)


def breach(assignment: "Assignment", caps: "Caps", *, adding: int = 1) -> str | None:
    """The cap that is reached, in words; None while there is room. `caps` are its own.

    It asks whether there is room for one more job; `adding=0` asks for those that it has.
    """
    if assignment.jobs + adding > caps.jobs:
        return f"the cap on jobs is reached: {assignment.jobs} of {caps.jobs}"
    if assignment.wall_ms >= caps.wall_ms:
        taken = f"{duration(assignment.wall_ms)} of {duration(caps.wall_ms)}"
        return f"the cap on wall time is reached: {taken}"
    cost_usd = assignment.cost_usd or 0.0
    if caps.cost_usd is not None and cost_usd >= caps.cost_usd:
        return f"the cap on cost is reached: {spent(assignment)} of {caps.cost_usd:.2f} USD"
    if (assignment.tokens or 0) >= caps.tokens:
        return f"the cap on tokens is reached: {assignment.tokens:,} of {caps.tokens:,}"
    share = pm_share(assignment)
    has_begun = assignment.wall_ms > assignment.pm_wall_ms  # not all is the PM's
    is_told = has_begun and assignment.jobs >= JOBS_BEFORE_SHARE
    if share is not None and is_told and share.part > caps.pm_share:
        return f"the cap on the PM's share is reached: {share}, and the cap is {caps.pm_share:.0%}"
    return None


def cap_reached(assignment: "Assignment", caps: "Caps") -> str | None:
    """The name of the cap that leaves no room for one more job; None while there is room.

    It is the one that, raised by itself, changes what `breach` says. `caps` are its own.
    """
    told = breach(assignment, caps)
    if told is None:
        return None
    sizes = {field.name: getattr(caps, field.name) for field in fields(caps)}
    raised = (
        name
        for name, size in sizes.items()
        if size is not None
        and breach(assignment, with_allowance(caps, json.dumps({name: size}))) != told
    )
    return next(raised, None)


def wall_left_ms(assignment: "Assignment", caps: "Caps") -> int:
    return max(0, caps.wall_ms - assignment.wall_ms)


def budget_left(assignment: "Assignment", caps: "Caps") -> float | None:
    """What is left of the cap on cost, in USD; None without a cap."""
    if caps.cost_usd is None:
        return None
    return max(0.0, caps.cost_usd - (assignment.cost_usd or 0.0))


def tokens_left(assignment: "Assignment", caps: "Caps") -> int:
    return max(0, caps.tokens - (assignment.tokens or 0))


def left(assignment: "Assignment", caps: "Caps") -> Iterator[str]:
    """What is left of each cap on the whole assignment, a line each."""
    yield f"{max(0, caps.jobs - assignment.jobs)} of {caps.jobs} jobs"
    yield f"{duration(wall_left_ms(assignment, caps))} of {duration(caps.wall_ms)} of agents' time"
    budget, known = budget_left(assignment, caps), spent(assignment)
    if budget is None:
        yield f"no cap on cost; {known}"
    else:
        yield f"{budget:.2f} of {caps.cost_usd:.2f} USD; {known}"
    yield f"{tokens_left(assignment, caps):,} of {caps.tokens:,} tokens"
    share = pm_share(assignment)
    yield f"the PM's share: {share or 'nothing yet'}; it may have {caps.pm_share:.0%}"


def spent(assignment: "Assignment") -> str:
    """The reported cost in words, which also say how much is not known."""
    known = "no cost" if assignment.cost_usd is None else f"{assignment.cost_usd:.2f} USD"
    if not assignment.unmeasured:
        return f"{known} reported"
    runs = "1 run" if assignment.unmeasured == 1 else f"{assignment.unmeasured} runs"
    return f"{known} reported ({runs} not reported, which is not zero)"
