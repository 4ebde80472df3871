"""Asking what must still happen before an assignment may complete."""

import pytest
from tests.store.ground import Ground

from wfd.domain.errors import NotFound


def test_the_open_gates_of_an_assignment_are_told_and_nothing_is_written(ground: Ground) -> None:
    ground.create()
    before = ground.connection.total_changes
    answer = ground.send("open_gates", assignment=1)
    why = "no review with a valid verdict since the last change"
    assert answer == {"open": [{"name": "review", "why": why}]}
    assert ground.connection.total_changes == before


def test_the_gates_of_an_assignment_that_is_not_there_are_not_told(ground: Ground) -> None:
    with pytest.raises(NotFound, match="no assignment A1"):
        ground.send("open_gates", assignment=1)
