from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.domain.errors import BadConfig
from wfd.domain.job import Counters
from wfd.domain.outcome import Kind
from wfd.rules.policy import Backoff, Caps, CounterName, Gates, Policy, Then, parse

DEFAULT = Path(__file__).parents[2] / "policies" / "default.yaml"
TEXT = DEFAULT.read_text()


def the_default() -> Policy:
    return parse(TEXT, "default.yaml")


# The outcome table of the design: what follows, and what it counts against.
TABLE = {
    Kind.SUCCEEDED: (Then.JUDGE, None, False),
    Kind.NO_WORK: (Then.JUDGE, "no_work", False),
    Kind.FAILED: (Then.JUDGE, "attempts", False),
    Kind.TRANSIENT: (Then.RETRY, "transient", True),
    Kind.RATE_LIMITED: (Then.WAIT, "rate_limited", True),
    Kind.AUTH: (Then.ASK, None, False),
    Kind.USAGE: (Then.ASK, None, False),
    Kind.NOT_FOUND: (Then.ASK, None, False),
    Kind.STEP_FAILED: (Then.ASK, None, False),
    Kind.POISONED: (Then.RETRY, "attempts", False),
    Kind.TIMED_OUT: (Then.RETRY, "attempts", True),
    Kind.STALLED: (Then.RETRY, "attempts", True),
    Kind.PROTOCOL: (Then.RETRY, "attempts", False),
    Kind.LOST: (Then.RETRY, "lost", True),
    Kind.INTERRUPTED: (Then.RETRY, "interrupted", True),
    Kind.CANCELLED: (Then.END, None, False),
}


def test_the_table_of_this_test_knows_every_kind() -> None:
    assert set(TABLE) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_one_policy_and_one_counter(kind: Kind) -> None:
    rule = the_default().outcomes[kind]
    assert (rule.then, rule.counter, rule.resume) == TABLE[kind]


@pytest.mark.parametrize("kind", Kind)
def test_whatever_is_tried_again_is_bounded(kind: Kind) -> None:
    policy = the_default()
    if policy.outcomes[kind].then in (Then.RETRY, Then.WAIT):
        assert policy.limit(kind) is not None


def test_the_counters_are_those_of_a_job() -> None:
    assert set(get_args(CounterName)) == {field.name for field in fields(Counters)}


def test_the_shipped_gates_and_caps_are_the_defaults_of_the_code() -> None:
    assert the_default().gates == Gates()
    assert the_default().caps == Caps()


def test_a_missing_rule_is_named() -> None:
    text = "\n".join(line for line in TEXT.split("\n") if not line.startswith("  lost:"))
    with pytest.raises(BadConfig, match=r"p\.yaml: outcomes\.lost: no rule"):
        parse(text, "p.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "backoff: {base_ms: 5",
            "backof: {base_ms: 5",
            r"outcomes\.transient\.backof: .*'backoff'",
        ),
        ("factor: 2", "facto: 2", r"outcomes\.rate_limited\.backoff\.facto: .*'factor'"),
        ("  lost: {", "  lots: {", r"outcomes\.lots: no outcome 'lots' .*'lost'"),
        ("  jobs: 20", "  job: 20", r"caps\.job: no key 'job' .*'jobs'"),
        ("  review:", "  revue:", r"gates\.revue: .*'review'"),
        ("\ncaps:", "\ncap:", r"p\.yaml: cap: .*'caps'"),
        ("checks: strict", "checks: lax", r"gates\.checks: input should be 'strict'"),
        ("jobs: 20", "jobs: 0", r"caps\.jobs: input should be greater"),
        ("limit: 3,", "", r"outcomes\.lost\.limit: missing"),
        ("counter: lost, ", "", r"outcomes\.lost\.counter: missing"),
        ("{then: judge}", "{then: retry}", r"outcomes\.succeeded\.then: must be judge"),
        ("{then: end}", "{then: ask}", r"outcomes\.cancelled\.then: must be end"),
        (
            "poisoned: {then: retry,",
            "poisoned: {then: retry, limit: 9,",
            r"outcomes\.poisoned\.limit: the limit of attempts is caps\.attempts",
        ),
        ("resume: true", "resume: [", r"p\.yaml:\d+: "),
    ],
)
def test_a_mistake_is_refused_by_file_key_and_nearest_known_key(
    old: str, new: str, message: str
) -> None:
    assert old in TEXT
    with pytest.raises(BadConfig, match=message):
        parse(TEXT.replace(old, new, 1), "p.yaml")


def test_all_mistakes_are_told_at_once() -> None:
    text = TEXT.replace("jobs: 20", "jobs: 0").replace("checks: strict", "checks: lax")
    with pytest.raises(BadConfig) as raised:
        parse(text, "p.yaml")
    assert len(str(raised.value).split("\n")) == 2


def test_a_bare_off_is_the_word_off_though_yaml_reads_it_as_false() -> None:
    assert parse(TEXT.replace("checks: strict", "checks: off"), "p.yaml").gates.checks == "off"


def test_attempts_and_no_work_are_bounded_by_the_caps() -> None:
    policy = parse(TEXT.replace("attempts: 3", "attempts: 5"), "p.yaml")
    assert policy.limit(Kind.STALLED) == 5
    assert policy.limit(Kind.NO_WORK) == 2


@given(st.text())
def test_any_text_is_a_policy_or_a_bad_config(text: str) -> None:
    with pytest.raises(BadConfig):
        parse(text, "p.yaml")


def test_backoff_grows_to_its_maximum() -> None:
    backoff = Backoff(base_ms=5_000, factor=3, max_ms=600_000)
    assert [backoff.delay_ms(n, 0.0) for n in range(6)] == [
        5_000, 15_000, 45_000, 135_000, 405_000, 600_000,
    ]  # fmt: skip


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_never_goes_past_the_maximum_nor_below_its_share(n: int, roll: float) -> None:
    backoff = Backoff(base_ms=1_000, factor=10.0, max_ms=60_000, jitter=0.5)
    assert 500 <= backoff.delay_ms(n, roll) <= 60_000


def test_a_policy_of_before_a_step_could_fail_says_what_the_shipped_one_says() -> None:
    text = TEXT
    line = next(line for line in text.splitlines() if line.startswith("  step_failed:"))

    older = parse(text.replace(line, ""), "default.yaml")

    assert older.outcomes[Kind.STEP_FAILED] == the_default().outcomes[Kind.STEP_FAILED]


def test_a_failed_step_is_put_before_a_person_and_before_nobody_else() -> None:
    text = TEXT.replace("step_failed: {then: ask}", "step_failed: {then: judge}")
    with pytest.raises(BadConfig, match=r"outcomes\.step_failed\.then: must be ask"):
        parse(text, "default.yaml")
