from dataclasses import replace

import pytest
from tests.rules.rows import an_assignment

from wfd.rules.caps import breach, budget_left, cap_reached, caps_of, left
from wfd.rules.policy import NO_DAILY, Caps, DailyCaps
from wfd.rules.room import room_of
from wfd.rules.share import pm_share

CAPS = Caps(jobs=4, wall_ms=60_000, cost_usd=1.0)


def test_nothing_is_breached_while_there_is_room() -> None:
    assert breach(an_assignment(jobs=3, wall_ms=59_999, cost_usd=0.99), CAPS) is None


def test_the_last_job_may_be_inserted_and_run_and_no_other_after_it() -> None:
    assert breach(an_assignment(jobs=3), CAPS) is None
    assert breach(an_assignment(jobs=4), CAPS, adding=0) is None
    assert breach(an_assignment(jobs=4), CAPS) == "the cap on jobs is reached: 4 of 4"


def test_wall_time_is_capped_to_the_millisecond() -> None:
    assert breach(an_assignment(wall_ms=59_999), CAPS) is None
    assert breach(an_assignment(wall_ms=60_000), CAPS) == (
        "the cap on wall time is reached: 1m of 1m"
    )


def test_reported_cost_is_capped_and_the_unmeasured_is_said() -> None:
    why = breach(an_assignment(cost_usd=1.25, unmeasured=3), CAPS)
    assert why == (
        "the cap on cost is reached: 1.25 USD reported"
        " (3 runs not reported, which is not zero) of 1.00 USD"
    )


def test_unmeasured_is_not_free_it_is_bounded_by_tokens_and_by_time() -> None:
    unmeasured = an_assignment(cost_usd=None, unmeasured=3, tokens=500)
    assert breach(unmeasured, CAPS) is None
    assert breach(unmeasured, replace(CAPS, tokens=500)) == (
        "the cap on tokens is reached: 500 of 500"
    )
    assert "0 of 500 tokens" in left(unmeasured, replace(CAPS, tokens=500))
    assert any("3 runs not reported, which is not zero" in line for line in left(unmeasured, CAPS))


def test_no_cap_on_cost_is_no_cap_on_cost() -> None:
    free = replace(CAPS, cost_usd=None)
    assert breach(an_assignment(cost_usd=1e9), free) is None
    assert budget_left(an_assignment(cost_usd=1e9), free) is None


@pytest.mark.parametrize(("used", "left"), [(None, 1.0), (0.25, 0.75), (3.0, 0.0)])
def test_the_budget_left_is_never_below_zero(used: float | None, left: float) -> None:
    assert budget_left(an_assignment(cost_usd=used), CAPS) == left


@pytest.mark.parametrize(("used", "limit"), [(0, 50_000), (20_000, 40_000), (70_000, 0)])
def test_a_run_may_take_its_timeout_or_what_the_cap_leaves(used: int, limit: int) -> None:
    room = room_of(an_assignment(wall_ms=used), CAPS, NO_DAILY, 50_000)
    assert room.limit_ms == limit
    assert (room.why_no_time() is None) == (limit == 50_000), "its own time-out is no cap"


def test_the_tightest_of_the_caps_is_the_room_of_a_run_and_is_named() -> None:
    caps = replace(CAPS, tokens=1000)
    today = DailyCaps(wall_ms=30_000, cost_usd=0.2, tokens=400)
    room = room_of(an_assignment(cost_usd=0.5, tokens=100), caps, today, 50_000)
    assert (room.limit_ms, room.tokens, room.budget_usd) == (30_000, 400, 0.2)
    assert room.why_no_tokens(399) is None
    assert "the daily cap on tokens was reached" in str(room.why_no_tokens(401))
    assert "the daily cap on wall time was reached" in str(room.why_no_time())
    own = room_of(an_assignment(cost_usd=0.9, tokens=900), caps, today, 50_000)
    assert (own.tokens, own.tokens_by) == (100, "the cap")
    assert own.budget_usd == pytest.approx(0.1)


def test_what_a_person_has_added_counts_and_no_cap_stays_none() -> None:
    one = an_assignment(jobs=5, allowance='{"jobs": 3, "cost_usd": 5.5}')
    assert breach(one, caps_of(one, CAPS)) is None
    assert caps_of(one, CAPS) == replace(CAPS, jobs=7, cost_usd=6.5)
    assert caps_of(one, replace(CAPS, cost_usd=None)).cost_usd is None


# --- the PM's share ---------------------------------------------------------------


def test_the_pms_share_is_counted_and_capped_once_there_was_some_work() -> None:
    caps = Caps(pm_share=0.5)
    greedy = {"cost_usd": 1.0, "pm_cost_usd": 0.6, "wall_ms": 100, "pm_wall_ms": 60}
    assert breach(an_assignment(jobs=5, **greedy), caps) is None, "too early to tell"
    assert breach(an_assignment(jobs=6, **greedy), caps) == (
        "the cap on the PM's share is reached: 60% of the cost, and the cap is 50%"
    )
    assert breach(an_assignment(jobs=6, **greedy), Caps(pm_share=1.0)) is None
    none_has_run = {**greedy, "pm_wall_ms": 100}
    assert breach(an_assignment(jobs=6, **none_has_run), caps) is None, "of jobs that only wait"


def test_a_share_of_a_cost_that_is_not_all_reported_is_told_by_tokens_or_by_time() -> None:
    known = {"cost_usd": 1.0, "pm_cost_usd": 1.0, "wall_ms": 100, "pm_wall_ms": 10}
    assert str(pm_share(an_assignment(**known))) == "100% of the cost"
    tokens = {"tokens": 100, "pm_tokens": 20}
    unreported = an_assignment(**known, **tokens, unmeasured=1)
    assert str(pm_share(unreported)) == "20% of the tokens"
    one_sided = an_assignment(**known, tokens=20, pm_tokens=20, unmeasured=1)
    assert str(pm_share(one_sided)) == "10% of the time", "the others' are not nothing"
    assert pm_share(an_assignment()) is None


def test_an_allowance_of_a_cap_that_is_none_or_no_more_changes_nothing() -> None:
    free = Caps(cost_usd=None)
    assert caps_of(an_assignment(allowance='{"cost_usd": 1.0, "moons": 3}'), free) == free


@pytest.mark.parametrize(
    ("used", "name"),
    [
        ({"jobs": 4}, "jobs"),
        ({"wall_ms": 60_000}, "wall_ms"),
        ({"wall_ms": 600_000}, "wall_ms"),
        ({"cost_usd": 9.0}, "cost_usd"),
        ({}, None),
    ],
)
def test_the_cap_that_is_reached_is_found_by_its_name(
    used: dict[str, float], name: str | None
) -> None:
    assert cap_reached(an_assignment(**{"jobs": 0, **used}), CAPS) == name
