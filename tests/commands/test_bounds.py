"""What a command takes has bounds, and what the store cannot hold is refused in a sentence."""

import pytest
from tests.store.ground import Ground

from wfd.commands.house import MAX_REASON
from wfd.domain.assignment import AssignmentState
from wfd.domain.errors import BadInput

LONG = "x" * (MAX_REASON + 1)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_that_no_column_holds_is_refused_by_its_name(ground: Ground, number: int) -> None:
    with pytest.raises(BadInput, match="priority"):
        ground.create(priority=number)


def test_text_that_is_no_utf_8_is_refused_by_its_name(ground: Ground) -> None:
    with pytest.raises(BadInput, match="north_star"):
        ground.create("half a pair: \ud83d")
    ground.create("a whole one: \U0001f642")


@pytest.mark.parametrize("status", [s for s in AssignmentState if s is not AssignmentState.ACTIVE])
def test_a_reason_that_every_prompt_would_repeat_is_not_endless(
    ground: Ground, status: AssignmentState
) -> None:
    ground.create(type="plan")
    with pytest.raises(BadInput, match="reason"):
        ground.send("update_assignment", assignment=1, status=status, reason=LONG)
    with pytest.raises(BadInput, match="reason"):
        ground.send("cancel_job", job=1, reason=LONG)
