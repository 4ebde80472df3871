"""Which events a rule tells."""

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from wfd.domain.event import Event
from wfd.domain.notice import Rule

NEEDS_YOU = "needs_you"
DONE = "done"
GIVEN_UP = "notification.given_up"

SETS: Mapping[str, tuple[str, ...]] = {
    NEEDS_YOU: (
        "assignment.blocked",
        "assignment.paused",
        "question.asked",  # also of an AI that nothing mends by itself
        "ai.broken",
        GIVEN_UP,
    ),
    DONE: ("assignment.completed", "assignment.cancelled"),
}
STOPPED = ("assignment.blocked", "assignment.paused")


def is_known(wanted: str) -> bool:
    """Whether it is a set, or can be a pattern of kinds: these have a dot, or stand for more."""
    return wanted in SETS or "." in wanted or "*" in wanted


def told_of(rule: Rule, events: Sequence[Event], namespaces: Mapping[int, str]) -> Iterator[Event]:
    """Those of `events` that the rule tells, in their order.

    What concerns no namespace concerns every rule. `events` must hold all that one transaction
    wrote, or nothing of it.
    """
    explained = _explained(events)
    for event in events:
        if not _is_of(rule, event, namespaces) or _is_own(rule, event):
            continue
        if any(_matches(event, wanted, explained) for wanted in rule.on):
            yield event


def data_of(event: Event) -> dict[str, object]:
    """What it tells; nothing of what is no object of JSON: it must hold up no other event."""
    try:
        found = json.loads(event.data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def question_of(event: Event) -> int | None:
    found = data_of(event).get("question_id")
    return found if isinstance(found, int) else None


def _matches(event: Event, wanted: str, explained: set[tuple[object, int]]) -> bool:
    if wanted not in SETS:
        return fnmatchcase(event.kind, wanted)
    if event.kind not in SETS[wanted]:
        return False
    if event.kind not in STOPPED:
        return True
    ends_by_itself = data_of(event).get("resumes_at") is not None
    return not ends_by_itself and _moment(event) not in explained


def _explained(events: Sequence[Event]) -> set[tuple[object, int]]:
    """When an assignment was stopped by a person, or together with a question that tells why.

    One transaction has one time, so that what it wrote can be found by it.
    """
    return {
        _moment(event)
        for event in events
        if event.kind == "question.asked"
        or (event.kind == "decision.made" and data_of(event).get("by") == "person")
    }


def _moment(event: Event) -> tuple[object, int]:
    return event.assignment_id, event.at


def _is_of(rule: Rule, event: Event, namespaces: Mapping[int, str]) -> bool:
    if rule.namespaces is None or event.namespace_id is None:
        return True
    return namespaces.get(event.namespace_id) in rule.namespaces


def _is_own(rule: Rule, event: Event) -> bool:
    """A rule that could not tell something cannot tell that either."""
    return event.kind == GIVEN_UP and data_of(event).get("rule") == rule.name
