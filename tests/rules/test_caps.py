from dataclasses import replace

import pytest
from tests.rules.rows import an_assignment

from wfd.rules.caps import breach, budget_left, run_limit_ms
from wfd.rules.policy import Caps

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
        "the cap on wall time is reached: 1 min 0 s of 1 min 0 s"
    )


def test_reported_cost_is_capped_and_the_unmeasured_is_said() -> None:
    why = breach(an_assignment(cost_usd=1.25, unmeasured=3), CAPS)
    assert why == (
        "the cap on cost is reached: 1.25 USD reported"
        " (3 runs unmeasured, which is not zero) of 1.00 USD"
    )


def test_unmeasured_runs_alone_breach_nothing() -> None:
    assert breach(an_assignment(cost_usd=None, unmeasured=3), CAPS) is None


def test_no_cap_on_cost_is_no_cap_on_cost() -> None:
    free = replace(CAPS, cost_usd=None)
    assert breach(an_assignment(cost_usd=1e9), free) is None
    assert budget_left(an_assignment(cost_usd=1e9), free) is None


@pytest.mark.parametrize(("used", "left"), [(None, 1.0), (0.25, 0.75), (3.0, 0.0)])
def test_the_budget_left_is_never_below_zero(used: float | None, left: float) -> None:
    assert budget_left(an_assignment(cost_usd=used), CAPS) == left


@pytest.mark.parametrize(("used", "limit"), [(0, 50_000), (20_000, 40_000), (70_000, 0)])
def test_a_run_may_take_its_timeout_or_what_the_cap_leaves(used: int, limit: int) -> None:
    assert run_limit_ms(an_assignment(wall_ms=used), CAPS, 50_000) == limit
