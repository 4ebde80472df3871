"""What is said of an AI, and of why a run went to it."""

import json

from wfd.edge.ai_words import hindered, route_words


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


def test_what_keeps_jobs_from_an_ai_is_told_with_what_lifts_it() -> None:
    held = {"name": "work", "stand": "held", "why": "usage limit", "until_ms": None}
    assert hindered(held, 0) == (
        "it is held: usage limit; 'wfctl ai resume work' lets jobs start on it"
    )
    disabled = {**held, "stand": "disabled"}
    assert hindered(disabled, 0) == "it is disabled; 'wfctl ai enable work' lets jobs start on it"
    assert hindered({**held, "stand": "free"}, 0) is None
    assert hindered({**held, "stand": "full"}, 0) is None
