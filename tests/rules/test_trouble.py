"""How long an account is held, and when an AI counts as broken."""

from dataclasses import replace
from typing import Any

import pytest
from tests.rules.test_policy import the_default

from wfd.domain.ai import AiRow, Hold
from wfd.domain.outcome import Conclusion, Kind, Outcome, Usage
from wfd.rules.policy import Breaker
from wfd.rules.trouble import Blame, Health, Held, blame, health, held

NOW = 1_000_000
RULE = the_default().outcomes[Kind.RATE_LIMITED]
MINUTE = 60_000


def a_hold(**over: Any) -> Hold:
    plain = {"until": NOW + MINUTE, "is_reset_known": False, "probes": 0}
    given = {"id": 1, "account": "claude", "reason": "limit", "run_id": None, "created_at": 0}
    return Hold(**{**given, **plain, **over})


def limit(
    before: Hold | None = None, reset_at: int | None = None, roll: float = 0.0, probe: bool = False
) -> Held:
    outcome = Outcome(Kind.RATE_LIMITED, "usage limit", reset_at)
    return held(before, outcome, RULE, NOW, roll, is_probe=probe)


@pytest.mark.parametrize(
    ("hold_ms", "most_ms"),
    [
        (1, 2_000),
        (MINUTE, 2_000),
        (60 * MINUTE, 12_000),
        (300 * MINUTE, 60_000),
        (40_000 * MINUTE, 60_000),
    ],
)
def test_an_account_is_held_until_its_reset_and_a_little_more_the_longer_it_is_held(
    hold_ms: int, most_ms: int
) -> None:
    at = NOW + hold_ms
    assert limit(reset_at=at) == Held(at, True, 0)
    assert at + most_ms - 100 < limit(reset_at=at, roll=0.999).until <= at + most_ms


@pytest.mark.parametrize("reset_at", [None, NOW, NOW - 1, NOW + 36 * 86_400_000, 10**18])
def test_without_a_credible_reset_one_run_may_try_after_a_minute(reset_at: int | None) -> None:
    assert limit(reset_at=reset_at) == Held(NOW + MINUTE, False, 0)


def test_a_reset_in_a_month_is_believed() -> None:
    assert limit(reset_at=NOW + 31 * 86_400_000).until == NOW + 31 * 86_400_000


def test_each_probe_that_meets_the_limit_waits_twice_as_long_up_to_half_an_hour() -> None:
    hold, waits = a_hold(until=NOW - 1), []
    for _ in range(7):
        now = limit(hold, probe=True)
        waits.append((now.until - NOW) // MINUTE)
        hold = a_hold(until=NOW - 1, probes=now.probes)
    assert waits == [2, 4, 8, 16, 30, 30, 30]


def test_limits_of_runs_that_were_on_already_are_one_limit() -> None:
    hold = a_hold(until=NOW + 50_000, probes=3)
    assert limit(hold) == Held(NOW + 8 * MINUTE, False, 3)
    assert limit(a_hold(until=NOW + 99 * MINUTE)).until == NOW + 99 * MINUTE


def test_of_two_known_resets_the_later_counts() -> None:
    known = a_hold(until=NOW + 9 * MINUTE, is_reset_known=True)
    assert limit(known, reset_at=NOW + MINUTE) == Held(NOW + 9 * MINUTE, True, 0)
    assert limit(known, reset_at=NOW + 10 * MINUTE).until == NOW + 10 * MINUTE


def test_a_known_reset_outranks_a_guess_two_hours_of_backoff_for_a_reset_63_s_away() -> None:
    guessed = a_hold(until=NOW + 120 * MINUTE, probes=9)
    assert limit(guessed, reset_at=NOW + 63_000) == Held(NOW + 63_000, True, 0)
    known = a_hold(until=NOW + 63_000, is_reset_known=True)
    assert limit(known) == Held(NOW + 63_000, True, 0)


# --- the breaker -----------------------------------------------------------------

BREAKER = Breaker(failures=3)


def a_row(**over: Any) -> AiRow:
    return replace(AiRow("claude", None, "[]", True, 0, None, None, 0, None), **over)


def after_run(row: AiRow | None, what: Blame, *, probe: bool = False) -> Health | None:
    return health(row, what, Outcome(Kind.TRANSIENT, "529"), BREAKER, NOW, is_probe=probe)


def told(kind: Kind, tools: int = 0, tokens_out: int | None = None) -> Conclusion:
    return Conclusion(Outcome(kind), tools=tools, usage=Usage(tokens_out=tokens_out))


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        *((kind, Blame.WORKS) for kind in (Kind.SUCCEEDED, Kind.NO_WORK, Kind.FAILED)),
        *((kind, Blame.FAILED) for kind in (Kind.TRANSIENT, Kind.PROTOCOL, Kind.STALLED)),
        *((kind, Blame.BROKEN) for kind in (Kind.AUTH, Kind.USAGE, Kind.NOT_FOUND)),
        *((kind, Blame.NONE) for kind in (Kind.LOST, Kind.INTERRUPTED, Kind.CANCELLED)),
        (Kind.POISONED, Blame.NONE),
        (Kind.TIMED_OUT, Blame.NONE),
    ],
)
def test_what_a_run_tells_of_its_ai(kind: Kind, what: Blame) -> None:
    assert blame(told(kind), is_ais_own=True) is what
    assert blame(told(kind), is_ais_own=False) is Blame.NONE


def test_a_run_that_has_reached_its_model_shows_that_the_ai_works_however_it_ended() -> None:
    assert blame(told(Kind.TRANSIENT, tools=1), is_ais_own=True) is Blame.WORKS
    assert blame(told(Kind.TIMED_OUT, tokens_out=9), is_ais_own=True) is Blame.WORKS
    assert blame(told(Kind.AUTH, tools=1), is_ais_own=True) is Blame.BROKEN


def test_failures_in_a_row_break_an_ai_and_one_success_forgets_them() -> None:
    first = after_run(None, Blame.FAILED)
    assert first == Health(1, None, None, 0)
    assert after_run(a_row(failures=2), Blame.FAILED) == Health(
        3, NOW + MINUTE, "transient: 529", 0
    )
    assert after_run(a_row(failures=2), Blame.WORKS) == Health(0, None, None, 0)
    assert after_run(a_row(), Blame.WORKS) is None


def test_what_no_retry_mends_breaks_it_at_once() -> None:
    now = after_run(None, Blame.BROKEN)
    assert now is not None
    assert now.broken_until == NOW + MINUTE


def test_a_probe_that_fails_waits_twice_as_long_up_to_half_an_hour() -> None:
    waits = []
    for probes in range(7):
        row = a_row(failures=3, broken_until=NOW - 1, broken_reason="x", probes=probes)
        now = after_run(row, Blame.FAILED, probe=True)
        assert now is not None
        assert now.broken_until is not None
        assert now.probes == probes + 1
        waits.append((now.broken_until - NOW) // MINUTE)
    assert waits == [2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("what", [Blame.FAILED, Blame.BROKEN, Blame.WORKS])
def test_what_was_on_already_when_it_broke_says_nothing_more(what: Blame) -> None:
    row = a_row(failures=3, broken_until=NOW + 5, broken_reason="x")
    assert after_run(row, what) is None
    assert after_run(row, Blame.WORKS, probe=True) == Health(0, None, None, 0)
