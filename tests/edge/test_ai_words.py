"""What is said of an AI, and of why a run went to it."""

import json

from wfd.edge.ai_words import route_words


def route(rule: str, *passed: dict[str, object]) -> str:
    return json.dumps({"rule": rule, "passed": list(passed)})


def test_nothing_is_said_of_a_run_that_went_where_its_type_goes() -> None:
    assert route_words(route("the default of plan")) is None
    assert route_words(None) is None


def test_a_choice_among_several_is_told_with_those_that_could_not_take_it() -> None:
    least = "the default of plan; the least loaded of 2"
    assert route_words(route(least)) == least
    held = {"ai": "work", "stand": "held", "why": "usage limit", "until_ms": 9}
    assert route_words(route(least, held)) == f"{least}; passed over: work (held: usage limit)"
