"""Ids as people type them."""

from collections.abc import Callable

import pytest

from wfd.domain.errors import BadInput
from wfd.domain.ids import assignment_id, job_id, run_id


@pytest.mark.parametrize(("parse", "letter"), [(assignment_id, "A"), (job_id, "J"), (run_id, "R")])
def test_an_id_is_taken_with_and_without_its_letter(
    parse: Callable[[str], int], letter: str
) -> None:
    assert parse(f"{letter}42") == parse(f"{letter.lower()}42") == parse("42") == 42


@pytest.mark.parametrize(
    "text", ["", "J", "R7", "J-1", "J0", "0", "J1.5", "٤٢", "J 1", " 1", "1_0", str(2**63)]
)
def test_what_is_no_id_is_refused_and_shows_one(text: str) -> None:
    with pytest.raises(BadInput, match="is not the id of a job; it looks like J7 or 7"):
        job_id(text)


def test_the_largest_id_is_an_id() -> None:
    assert run_id(f"R{2**63 - 1}") == 2**63 - 1
