from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd_runners.reset_times import MAX_AHEAD_MS, reset_time


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


def test_an_hour_that_the_spring_leaves_out_is_the_one_after_it() -> None:
    now = _at("2026-03-08T00:30", "America/New_York")
    at = reset_time("resets 2:30am (America/New_York)", now)
    assert at == _at("2026-03-08T03:30", "America/New_York")
    three = reset_time("resets 4am (America/New_York)", now)
    assert three is not None
    assert three - now == 150 * 60_000  # three and a half hours on the clock


def test_an_hour_that_the_autumn_has_twice_is_the_first_and_then_the_second() -> None:
    before = _at("2026-11-01T00:30", "America/New_York")
    first = reset_time("resets 1:15am (America/New_York)", before)
    assert first is not None
    assert first - before == 45 * 60_000
    second = reset_time("resets 1:15am (America/New_York)", first + 20 * 60_000)
    assert second is not None
    assert second - first == 60 * 60_000


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ("resets tomorrow at 9am (UTC)", "2026-11-21T09:00"),
        ("resets tomorrow at 11pm (UTC)", "2026-11-21T23:00"),
        ("resets 9am (UTC) tomorrow", "2026-11-21T09:00"),
        ("resets today at 11pm (UTC)", "2026-11-20T23:00"),
        ("resets Monday at 9:30am (UTC)", "2026-11-23T09:30"),
        ("resets Fri, 9am (UTC)", "2026-11-27T09:00"),  # it is Friday noon
        ("resets 1:06pm UTC", "2026-11-20T13:06"),
        ("resets at 1:06 PM GMT.", "2026-11-20T13:06"),
        ("resets 9am (PST)", "2026-11-20T17:00"),
        ("resets 9am PT", "2026-11-20T17:00"),
        ("resets 3pm (UTC+2)", "2026-11-20T13:00"),
        ("resets 3pm (GMT-05:30)", "2026-11-20T20:30"),
        ("resets 1:06pm (local time)", "2026-11-20T13:06"),
        ("try again at 2026-11-22T01:02:03Z", "2026-11-22T01:02:03"),
        ("resets at 2026-11-22 01:02:03+01:00", "2026-11-22T00:02:03"),
        ("resets on 2026-11-22 01:02 UTC", "2026-11-22T01:02"),
    ],
)
def test_days_and_zones_are_read_as_people_write_them(words: str, then: str) -> None:
    assert reset_time(words, NOON) == _at(then)


def test_an_abbreviated_zone_means_the_place_with_its_summer_time() -> None:
    july = _at("2026-07-01T12:00")
    assert reset_time("resets 9am PT", july) == _at("2026-07-01T09:00", "America/Los_Angeles")


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
        "resets today at 9am (UTC)",
        "resets at 2026-11-19T01:02:03Z",
        "try again in a moment",
        "try again in 5",
        "try again in 5 mississippis",
        "try again in 0s",
    ],
)
def test_words_that_name_no_time_give_none(words: str) -> None:
    assert reset_time(words, NOON) is None


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ("resets 10am (Asia/Seoul)", "2026-11-21T01:00"),
        ("resets 10am asia/seoul", "2026-11-21T01:00"),
        ("Available again at 13:06.", "2026-11-20T13:06"),
        ("It renews on Monday at 10am PT", "2026-11-23T18:00"),
        ("resets 21 Nov 2026, 10:00", "2026-11-21T10:00"),
        ("try again Sat, 21 Nov 2026 01:00:00 GMT", "2026-11-21T01:00"),
        ("you can use it again at 5pm Pacific time", "2026-11-21T01:00"),
        ("Resets Dec 1", "2026-12-01T00:00"),
        ("resets on Monday", "2026-11-23T00:00"),
        ("refreshes at midnight UTC", "2026-11-21T00:00"),
        ("Weekly limit hit · Nov 22, 9am (UTC)", "2026-11-22T09:00"),
        ("resets 2026-11-22", "2026-11-22T00:00"),
        ('{"resets_at": "2026-11-21T01:00:00.123456789Z"}', "2026-11-21T01:00:00.123"),
        ('{"resetsAt": 1795225600}', "2026-11-21T01:46:40"),
        ("resets_at=1795225600123", "2026-11-21T01:46:40.123"),
    ],
)
def test_a_moment_is_read_in_the_many_ways_that_people_and_programs_write_it(
    words: str, then: str
) -> None:
    assert reset_time(words, NOON) == _at(then)


@pytest.mark.parametrize(
    ("words", "ms"),
    [
        ("Please retry in 26.660853464s.", 26_661),
        ('"retryDelay": "26s"', 26_000),
        ("Retry-After: 120", 120_000),
        ("resets_in_seconds: 3600", 3_600_000),
        ("available again in 2 days 4 hours", 187_200_000),
        ("resets in a week", 604_800_000),
        ("wait for 90 minutes", 5_400_000),
        ("try again in an hour", 3_600_000),
    ],
)
def test_a_wait_is_read_in_the_units_it_names_or_that_its_key_does(words: str, ms: int) -> None:
    assert reset_time(words, NOON) == NOON + ms


@pytest.mark.parametrize(
    "words",
    [
        "retry in 999999999 days",
        "resets in 40000 weeks",
        "resets 9999-12-31",
        "resets_at=9999999999",
        "resets in 0.0000001s",
    ],
)
def test_a_number_in_a_wrong_unit_is_no_time(words: str) -> None:
    assert reset_time(words, NOON) is None


PIECES = (
    "resets",
    "retry-after:",
    "try again",
    "in",
    "at",
    "(UTC)",
    "(Asia/Seoul)",
    "PT",
    "10am",
    "13:06",
    "99:99",
    "noon",
    "Nov 31",
    "31 Feb",
    "tomorrow",
    "Monday",
    "2026-11-21T01:00Z",
    "1795225600",
    "26.66s",
    "3",
    "hours",
    "a week",
    ",",
    "·",
    "|",
)
WORDS = st.sampled_from(PIECES)


@given(words=st.lists(WORDS, max_size=12).map(" ".join) | st.text(), now=st.integers(0, 2**42))
def test_no_words_make_it_raise_and_none_give_a_time_that_has_passed(words: str, now: int) -> None:
    at = reset_time(words, now)
    assert at is None or now < at <= now + MAX_AHEAD_MS


@given(ms=st.integers(1_000, 30 * 86_400_000))
def test_a_moment_in_the_next_month_is_read_in_every_form(ms: int) -> None:
    at = datetime.fromtimestamp((NOON + ms) // 1000, UTC)
    then, wait = int(at.timestamp() * 1000), (NOON + ms) // 1000 - NOON // 1000
    if then <= NOON:
        return
    for form in (
        f"resets {at:%Y-%m-%dT%H:%M:%SZ}",
        f"try again on {at:%a, %d %b %Y %H:%M:%S GMT}",
        f"resets at {int(at.timestamp())}",
        f"resets_at: {then}",
        f"available again in {wait}s",
        f"Retry-After: {wait}",
        f"resets in {wait // 86_400}d {wait % 86_400 // 3600}h {wait % 3600}s",
    ):
        read = reset_time(form, NOON)
        assert read is not None, form
        assert abs(read - then) <= 1000, form
    assert reset_time(f"resets {at:%b %d, %Y %H:%M:%S} (UTC)", NOON) == then
