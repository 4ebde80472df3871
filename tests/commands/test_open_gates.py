"""Asking what must still happen before an assignment may complete."""

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.errors import NotFound
from wfd.domain.outcome import Kind
from wfd.rules.policy import DailyCaps


def test_the_open_gates_of_an_assignment_are_told_and_nothing_is_written(ground: Ground) -> None:
    ground.create()
    before = ground.connection.total_changes
    answer = ground.send("open_gates", assignment=1)
    why = "no review with a valid verdict since the last change"
    assert answer["open"] == [{"name": "review", "why": why}]
    assert ground.connection.total_changes == before


def test_what_is_left_of_every_cap_is_told_with_it(ground: Ground) -> None:
    ground.create(type="implement", context="do it")
    end(ground, ground.take().leases[0].run, Kind.SUCCEEDED, tokens=1_000_000, cost_usd=0.5)
    assert ground.send("open_gates", assignment=1)["left"] == [
        "19 of 20 jobs",
        "8h of 8h of agents' time",
        "19.50 of 20.00 USD; 0.50 USD reported",
        "99,000,000 of 100,000,000 tokens",
        "the PM's share: 0% of the cost; it may have 60%",
    ]
    ground.allows(DailyCaps(jobs=3, wall_ms=60_000, cost_usd=1.0, tokens=3_000_000))
    left = ground.send("open_gates", assignment=1)["left"]
    assert isinstance(left, list)
    assert left[5:] == [
        "today 2 of 3 jobs",
        "today 1m of 1m of agents' time",
        "today 0.50 of 1.00 USD",
        "today 2,000,000 of 3,000,000 tokens",
    ]


def test_the_gates_of_an_assignment_that_is_not_there_are_not_told(ground: Ground) -> None:
    with pytest.raises(NotFound, match="no assignment A1"):
        ground.send("open_gates", assignment=1)
