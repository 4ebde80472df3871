"""What a person reads of a CLI that tries again by itself."""

import pytest

from wfd.domain.signal import Retrying
from wfd.rules.retrying import only_tried_again, tries_again


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (Retrying(2, 4000, "rate_limit"), "tries again (2) after 4s: rate_limit"),
        (Retrying(None, None, "over\nloaded"), "tries again: over loaded"),
        (Retrying(1, 0, ""), "tries again (1)"),
        (Retrying(1, -5, ""), "tries again (1)"),
    ],
)
def test_what_it_does_is_told_with_what_is_known_of_it(signal: Retrying, words: str) -> None:
    assert tries_again(signal) == words


def test_a_long_message_is_cut() -> None:
    assert len(tries_again(Retrying(1, 1, "x" * 100_000))) < 200
    assert len(only_tried_again(1, Retrying(1, 1, "x" * 100_000))) < 200


def test_a_run_that_only_tried_again_says_for_how_long_and_why() -> None:
    last = Retrying(3, None, "connection refused")
    assert only_tried_again(600_000, last) == "it only tried again for 10m: connection refused"
