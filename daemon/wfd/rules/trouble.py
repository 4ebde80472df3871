"""Trouble with an AI: how long its account is held, and when it counts as broken."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ai import AiRow, Hold
from wfd.domain.outcome import Conclusion, Kind, Outcome
from wfd.rules.policy import Breaker, OutcomeRule

# So that a fleet does not wake in the same second; the longer a hold, the more wait for its end.
MIN_RESET_JITTER_MS = 2_000
MAX_RESET_JITTER_MS = 60_000
RESET_JITTER_SHARE = 1 / 300  # of a hold: five hours have a minute
MAX_RESET_AHEAD_MS = 35 * 86_400_000  # no limit is longer than a month
MAX_REASON = 300  # characters of a CLI's own words

AT_ONCE = frozenset({Kind.AUTH, Kind.USAGE, Kind.NOT_FOUND})  # trying again brings nothing
IN_A_ROW = frozenset({Kind.TRANSIENT, Kind.PROTOCOL, Kind.STALLED})
WORKED = frozenset({Kind.SUCCEEDED, Kind.NO_WORK, Kind.FAILED})


class Blame(StrEnum):
    """What a run tells of its AI."""

    NONE = "none"
    WORKS = "works"  # it has reached its model
    FAILED = "failed"  # its infrastructure did
    BROKEN = "broken"  # it will not work before somebody has done something


def blame(told: Conclusion, *, is_ais_own: bool) -> Blame:
    """`is_ais_own` says that the AI itself ended so, and not what is around it."""
    kind = told.outcome.kind
    if not is_ais_own:
        return Blame.NONE
    if kind in AT_ONCE:
        return Blame.BROKEN
    if kind in WORKED or told.tools or told.usage.tokens_out:
        return Blame.WORKS
    return Blame.FAILED if kind in IN_A_ROW else Blame.NONE


def reset_of(outcome: Outcome, now: int, roll: float) -> int | None:
    """When a limit is over, if a credible time is known: with jitter, by `roll` in [0, 1).

    The jitter grows with the length of the hold, from two seconds to a minute.

    One that has passed is a wrong clock somewhere, and would be tried again in a storm; one in
    years is a wrong unit, and would never be tried again.
    """
    at = outcome.reset_at
    if at is None or not now < at <= now + MAX_RESET_AHEAD_MS:
        return None
    share = max(MIN_RESET_JITTER_MS, (at - now) * RESET_JITTER_SHARE)
    return at + int(min(share, MAX_RESET_JITTER_MS) * roll)


@dataclass(frozen=True)
class Held:
    """How an account is held from now on."""

    until: int
    is_reset_known: bool
    probes: int


def held(
    before: Hold | None,
    outcome: Outcome,
    rule: OutcomeRule,
    now: int,
    roll: float,
    *,
    is_probe: bool,
) -> Held:
    """After one more limit of an account that is held already, or not.

    A time that is known outranks one that is guessed, of two that are known the later counts.
    Only a probe makes the next guess longer: limits of runs that were on already are one.
    """
    reset = reset_of(outcome, now, roll)
    if reset is not None:
        known = before.until if before and before.is_reset_known else 0
        return Held(max(reset, known), True, 0)
    if before is None:
        return Held(now + _wait(rule, 0, roll), False, 0)
    if before.is_reset_known:
        return Held(before.until, True, 0)
    if not is_probe:
        return Held(max(before.until, now + _wait(rule, before.probes, roll)), False, before.probes)
    probes = before.probes + 1
    return Held(now + _wait(rule, probes, roll), False, probes)


def _wait(rule: OutcomeRule, n: int, roll: float) -> int:
    assert rule.backoff is not None, "a policy's wait has one"
    return rule.backoff.delay_ms(n, roll)


@dataclass(frozen=True)
class Health:
    """An AI's own counters after a run."""

    failures: int
    broken_until: int | None
    reason: str | None
    probes: int


def health(
    before: AiRow | None,
    what: Blame,
    outcome: Outcome,
    breaker: Breaker,
    now: int,
    *,
    is_probe: bool,
    soon_ms: int | None = None,
) -> Health | None:
    """How an AI stands after a run that ended so; None if nothing has changed.

    `soon_ms` is the pause after which its job tries it once more before anybody is asked.
    """
    failures = before.failures if before else 0
    is_broken = before is not None and before.broken_until is not None
    match what:
        case Blame.NONE:
            return None
        case Blame.WORKS:
            if not failures and not is_broken:
                return None
            if is_broken and not is_probe:
                return None  # it began before: only a try shows that it works again
            return Health(0, None, None, 0)
        case Blame.FAILED | Blame.BROKEN:
            failures += 1
            reason = f"{outcome.kind}: {outcome.message}"[:MAX_REASON]
            if before is not None and before.broken_until is not None:
                if not is_probe:
                    return None  # what was on already when it broke adds nothing
                probes = before.probes + 1
                return Health(failures, now + breaker.wait_ms(probes), reason, probes)
            if what is Blame.BROKEN or failures >= breaker.failures:
                return Health(failures, now + (soon_ms or breaker.wait_ms(0)), reason, 0)
            return Health(failures, None, None, 0)
