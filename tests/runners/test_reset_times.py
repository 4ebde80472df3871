from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from wfd_runners.reset_times import reset_time


def _at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NOON = _at("2026-11-20T12:00")


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ("You've hit your session limit · resets 1:06pm (UTC)", "2026-11-20T13:06"),
        ("resets 1pm (UTC)", "2026-11-20T13:00"),
        ("resets at 13:06 (UTC)", "2026-11-20T13:06"),
        ("resets 11:59am (UTC)", "2026-11-21T11:59"),
        ("resets 12am (UTC)", "2026-11-21T00:00"),
        ("resets Nov 24, 9am (UTC)", "2026-11-24T09:00"),
        ("resets Jan 2 at 9:30pm (UTC)", "2027-01-02T21:30"),
    ],
)
def test_a_clock_time_is_the_next_such_time(words: str, then: str) -> None:
    assert reset_time(words, NOON) == _at(then)


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ("purchase more credits or try again at 1:06 PM.", "2026-11-20T13:06"),
        ("Try again at 11:59 AM.", "2026-11-21T11:59"),
        ("try again at Nov 21st, 2026 1:06 PM.", "2026-11-21T13:06"),
        ("try again at Dec 2nd, 2026 12:00 AM.", "2026-12-02T00:00"),
        ("try again at Jan 3rd, 2027 9:05 AM.", "2027-01-03T09:05"),
    ],
)
def test_a_time_without_a_zone_is_on_the_clock_of_the_machine(words: str, then: str) -> None:
    assert reset_time(words, NOON) == _at(then)


@pytest.mark.parametrize(
    ("words", "ms"),
    [
        ("Please try again in 1.898s.", 1_898),
        ("Please try again in 250ms. Visit", 250),
        ("try again in 20 seconds", 20_000),
        ("try again in 8m38.4s.", 518_400),
        ("Try again in 3 hours 5 minutes.", 11_100_000),
        ("try again in 2 days, 1 hour and 1 minute.", 176_460_000),
    ],
)
def test_a_length_of_time_is_counted_from_now(words: str, ms: int) -> None:
    assert reset_time(words, NOON) == NOON + ms


def test_a_clock_time_is_read_in_the_zone_it_names() -> None:
    at = reset_time("resets 3pm (America/New_York)", NOON)
    assert at == _at("2026-11-20T15:00", "America/New_York")


def test_a_clock_time_across_a_change_of_clocks_is_the_local_one() -> None:
    now = _at("2026-10-31T22:00", "America/New_York")
    at = reset_time("resets 3am (America/New_York)", now)
    assert at == _at("2026-11-01T03:00", "America/New_York")
    assert at is not None
    assert at - now == 6 * 3_600_000  # five hours on the clock, six in truth


def test_within_the_named_minute_the_reset_is_its_end_and_not_tomorrow() -> None:
    now = _at("2026-11-20T13:06:20")
    assert reset_time("resets 1:06pm (UTC)", now) == _at("2026-11-20T13:07")


def test_an_older_message_carries_the_reset_as_unix_seconds() -> None:
    assert reset_time("Claude AI usage limit reached|1795180000", NOON) == 1_795_180_000_000


@pytest.mark.parametrize(
    "words",
    [
        "Please try again later.",
        "resets soon",
        "resets 5",
        "resets 25:00 (UTC)",
        "resets 13pm (UTC)",
        "resets 1:75pm (UTC)",
        "resets 1pm (Mars/Olympus)",
        "resets 1pm (../../etc/passwd)",
        "resets Feb 30, 1pm (UTC)",
        "try again later.",
        "try again at Nov 19th, 2026 1:06 PM.",
        "try again in a moment",
        "try again in 5",
        "try again in 5 mississippis",
        "try again in 0s",
    ],
)
def test_words_that_name_no_time_give_none(words: str) -> None:
    assert reset_time(words, NOON) is None
