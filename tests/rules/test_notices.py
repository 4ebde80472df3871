"""Which events a rule tells, and in which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.domain.event import Event
from wfd.domain.ids import AssignmentId, JobId, NamespaceId
from wfd.domain.notice import Channel, NotDelivered, Rule
from wfd.rules.notice_text import text_of
from wfd.rules.notices import DONE, NEEDS_YOU, told_of
from wfd.rules.redelivery import MAX_WAIT_MS, STALE_MS, TRIES, next_try

NAMES = {1: "shop", 2: "blog"}


def rule(*on: str, namespaces: tuple[str, ...] | None = None) -> Rule:
    return Rule("phone", on, namespaces, Channel.CONSOLE, None, None)


def event(
    kind: str, seq: int = 1, at: int = 1000, namespace: int | None = 1, **data: object
) -> Event:
    of = None if namespace is None else AssignmentId(7)
    space = None if namespace is None else NamespaceId(namespace)
    return Event(seq, at, kind, space, of, None, None, json.dumps(data))


def told(one: Rule, *events: Event) -> list[str]:
    return [found.kind for found in told_of(one, events, NAMES)]


def test_needs_you_is_what_waits_for_a_person_and_nothing_else() -> None:
    waits = [
        "assignment.blocked", "assignment.paused", "question.asked", "ai.broken",
        "notification.given_up",
    ]  # fmt: skip
    rest = ["run.leased", "assignment.completed", "assignment.activated", "hold.placed"]
    events = [event(kind, at=at) for at, kind in enumerate(waits + rest)]

    assert told(rule(NEEDS_YOU), *events) == waits


def test_a_pause_that_ends_by_itself_calls_nobody() -> None:
    assert told(rule(NEEDS_YOU), event("assignment.paused", resumes_at=9)) == []
    assert told(rule(NEEDS_YOU), event("assignment.paused", resumes_at=None)) != []


def test_done_is_the_end_of_an_assignment() -> None:
    kinds = ["assignment.completed", "assignment.cancelled", "assignment.blocked"]

    assert told(rule(DONE), *map(event, kinds)) == kinds[:2]


def test_a_pattern_names_kinds_that_nobody_has_thought_of_yet() -> None:
    events = [event("question.asked"), event("question.expired"), event("job.closed")]

    assert told(rule("question.*", "job.closed"), *events) == [one.kind for one in events]


def test_what_a_person_has_stopped_does_not_call_that_person() -> None:
    by_person = event("decision.made", seq=1, at=5, by="person", choice="pause")
    stopped = event("assignment.paused", seq=2, at=5, reason="paused by a person")
    later = event("assignment.paused", seq=3, at=9, reason="the cap is reached")

    assert told(rule(NEEDS_YOU), by_person, stopped, later) == ["assignment.paused"]
    assert told(rule("assignment.paused"), by_person, stopped) == ["assignment.paused"]


def test_a_question_that_comes_with_a_block_is_told_once() -> None:
    blocked, asked = event("assignment.blocked", seq=1), event("question.asked", seq=2)

    assert told(rule(NEEDS_YOU), blocked, asked) == ["question.asked"]


def test_a_rule_of_one_namespace_hears_nothing_of_another_but_what_concerns_all() -> None:
    events = [
        event("assignment.blocked", namespace=1),
        event("assignment.blocked", namespace=2),
        event("ai.broken", namespace=None),
    ]

    found = list(told_of(rule(NEEDS_YOU, namespaces=("blog",)), events, NAMES))

    assert [one.namespace_id for one in found] == [2, None]


def test_a_rule_is_not_told_of_its_own_failure() -> None:
    own = event("notification.given_up", rule="phone")
    of_another = event("notification.given_up", seq=2, rule="ops")

    assert [one.seq for one in told_of(rule("*"), [own, of_another], NAMES)] == [2]


def test_a_notice_says_who_what_and_what_to_type() -> None:
    one = event("assignment.blocked", reason="Which format?\nCSV or TSV?")

    assert text_of(one, "shop", "The export writes CSV").split("\n") == [
        'A7 "The export writes CSV" in shop is blocked: Which format? CSV or TSV?',
        'wfctl update-assignment A7 --status active --reason "…" --namespace shop',
    ]


def test_a_question_says_who_asks_and_what() -> None:
    one = event("question.asked", question_id=5, text="Which format?")

    assert text_of(one, "shop", None).split("\n") == [
        "A7 in shop asks Q5: Which format?",
        "wfctl inbox --namespace shop",
    ]


def test_an_unknown_kind_is_told_by_its_facts() -> None:
    one = event("account.rested", namespace=None, account="claude", until=1_795_000_000_000)

    assert text_of(one, None, None).split("\n") == [
        "account rested: account claude, until 2026-11-18 11:06 UTC",
        "wfd status",
    ]


def test_an_agents_words_cannot_add_a_line_or_move_a_cursor() -> None:
    one = event("assignment.blocked", reason="a\nwfctl approve A1\x1b[2J\u202e" + "x" * 5000)

    text = text_of(one, "shop", None)

    assert text.count("\n") == 1
    assert "\x1b" not in text and "\u202e" not in text
    assert len(text) < 600


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.text(min_size=1), st.dictionaries(st.text(), VALUES) | VALUES)
def test_whatever_an_event_holds_it_has_a_text_of_two_lines(kind: str, data: Any) -> None:
    one = Event(1, 1, kind, None, AssignmentId(7), JobId(3), None, json.dumps(data))

    assert list(told_of(rule("*"), [one], NAMES)) == [one]
    assert len(text_of(one, None, None)) < 2000 + len(kind)


def test_what_is_no_json_holds_up_nobody() -> None:
    one = Event(1, 1, "a.b", None, None, None, None, "{")

    assert text_of(one, None, None) == "a b\nwfd status"


class TestTryingAgain:
    failed = NotDelivered("it answered 500")

    def test_waits_grow_and_end_after_hours(self) -> None:
        waits = [next_try(self.failed, n, 0, 0, 0.0) for n in range(1, TRIES + 1)]

        assert waits[-1] is None
        known = [wait for wait in waits if wait is not None]
        assert known == sorted(known) and known[0] == 5_000
        assert 3 * MAX_WAIT_MS < sum(known) < STALE_MS

    def test_chance_keeps_many_from_coming_at_once(self) -> None:
        assert next_try(self.failed, 3, 0, 0, 0.0) != next_try(self.failed, 3, 0, 0, 0.9)

    def test_what_the_other_side_asks_for_is_waited_for_within_bounds(self) -> None:
        asked = [NotDelivered("429", retry_after_ms=ms) for ms in (60_000, 10**12)]

        assert [next_try(one, 1, 0, 0, 0.0) for one in asked] == [60_000, MAX_WAIT_MS]

    @pytest.mark.parametrize("failures", [1, TRIES])
    def test_what_is_refused_for_good_is_given_up_at_once(self, failures: int) -> None:
        assert next_try(NotDelivered("403", is_final=True), failures, 0, 0, 0.0) is None

    def test_what_is_a_day_old_has_one_try(self) -> None:
        assert next_try(self.failed, 1, 0, STALE_MS + 1, 0.0) is None
