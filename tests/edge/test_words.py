"""How single values are shown."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.domain.errors import BadInput
from wfd.edge.document import dumps
from wfd.edge.when import age, moment
from wfd.edge.words import (
    activity,
    ago,
    duration,
    iso,
    local_time,
    money,
    one_line,
    spend,
    tame,
)
from wfd.rules.size import size


def steers(code: int) -> bool:
    is_c0 = code < 32 and code not in (9, 10)
    return is_c0 or 0x7F <= code <= 0x9F or 0x202A <= code <= 0x202E


@given(st.text())
def test_no_text_can_steer_a_terminal(text: str) -> None:
    for shown in (tame(text), one_line(text), dumps({"text": text})):
        assert not any(
            (ord(c) < 32 and c not in "\t\n")
            or 0x7F <= ord(c) <= 0x9F
            or 0x202A <= ord(c) <= 0x202E
            for c in shown
        )


@given(st.text())
def test_a_document_gives_back_what_was_put_in(text: str) -> None:
    assert json.loads(dumps({"text": text})) == {"text": text}


def test_a_document_takes_half_a_surrogate_pair() -> None:
    assert json.loads(dumps({"text": "a\ud800"}).encode()) == {"text": "a\ud800"}


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)
    assert "\t" not in one_line(text)


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (0, "0ms"),
        (999, "999ms"),
        (59_999, "59s"),
        (60_000, "1m"),
        (190_000, "3m 10s"),
        (7_500_000, "2h 5m"),
        (356_400_000, "4d 3h"),
    ],
)
def test_a_duration_has_its_two_largest_units(ms: int, shown: str) -> None:
    assert duration(ms) == shown


def test_what_is_to_come_is_in_and_what_was_is_ago() -> None:
    assert ago(1_000_000, 1_180_000) == "3m ago"
    assert ago(1_300_000, 1_000_000) == "in 5m"
    assert ago(1_000_000, 1_000_500) == "just now"


def test_an_unreported_cost_is_not_zero() -> None:
    assert money(None) == "not reported"
    assert money(0.0) == "$0.0000"
    assert spend(None, 2) == "not reported by 2 runs"
    assert spend(1.5, 2) == "$1.50 + 2 runs not reported"
    assert spend(None, 0) == "none yet"


@pytest.mark.parametrize(
    ("text", "ms"), [("30m", 1_800_000), ("2h30m", 9_000_000), ("90s", 90_000), ("1d", 86_400_000)]
)
def test_a_span_is_counted_from_now(text: str, ms: int) -> None:
    assert moment(text, 5) == 5 + ms


def test_a_date_with_a_zone_is_that_moment() -> None:
    assert moment("2027-01-15T09:00:00+01:00", 0) == 1_800_000_000_000


@pytest.mark.parametrize("text", ["", "soon", "30", "m", "-5m", "30 m", "99999-01-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        moment(text, 0)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
@given(at=st.integers(-(2**63), 2**63 - 1))
def test_a_moment_that_no_calendar_has_breaks_no_page(zone: str, at: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert iso(at).endswith("Z")
        assert local_time(at)
    time.tzset()


def test_a_moment_is_shown_to_the_millisecond() -> None:
    assert iso(1_800_000_000_123) == "2027-01-15T08:00:00.123Z"


def test_a_size_is_shown_as_disks_are_sold() -> None:
    told = [size(count) for count in (0, 999, 1000, 3_420_000, 120_400_000_000, 2 * 10**15)]
    assert told == ["0 bytes", "999 bytes", "1.0 kB", "3.4 MB", "120 GB", "2000 TB"]


def test_a_span_is_read_and_nothing_else() -> None:
    assert age("1d12h") == 129_600_000
    for text in ("30", "d", "-1d", "2026-11-21", ""):
        with pytest.raises(BadInput, match="no span of time"):
            age(text)


def test_an_age_may_be_in_weeks_and_not_in_what_may_be_months() -> None:
    assert age("2w") == 14 * 86_400_000
    for text in ("6m", "1d30m"):
        with pytest.raises(BadInput, match="minutes or months"):
            age(text)
    assert moment("30m", 0) == 1_800_000


def test_what_a_run_does_is_a_word_of_its_cli_or_a_command_with_its_time() -> None:
    assert activity("tries again (2) after 4s", None, 9_000) == "the CLI tries again (2) after 4s"
    assert activity("set-up: npm\nci", 1_000, 41_000) == "set-up: npm ci, 40s"
    assert activity("check test", 5_000, 1_000) == "check test, 0ms"
