"""Five ways in which agents lie. None of them ends in `complete`."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.conftest import Bench

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
COMPLETE = {"structured": {"decision": "complete", "reason": "All is done, trust me."}}
PASS = {"structured": {"verdict": "pass", "findings": [], "summary": "fine"}}
IMPLEMENT = {
    "structured": {
        "decision": "insert_job",
        "job": {"type": "implement", "harness": None, "context": "Do it"},
        "reason": "next",
    }
}
REVIEW = {
    "structured": {
        "decision": "insert_job",
        "job": {"type": "review", "harness": None, "context": "Look at it"},
        "reason": "next",
    }
}
RETRY = {"structured": {"decision": "retry", "changes": "Try harder.", "reason": "again"}}
FAIL = {
    "structured": {
        "verdict": "fail",
        "summary": "no",
        "findings": [
            {"type": "security", "file": "greeting.txt", "line": 1, "detail": "greets strangers"}
        ],
    }
}

LIES = {
    "done with a red check": (
        {"implement": [[EDIT, {"result": "All green!"}]], "pm": [[IMPLEMENT], [COMPLETE]]},
        "gates are open: checks",
    ),
    "done with an empty diff": (
        {"implement": [[{"result": "Done."}]], "pm": [[IMPLEMENT], [COMPLETE]]},
        "gates are open",
    ),
    "a finding ignored": (
        {
            "implement": [[EDIT]],
            "review": [[FAIL]],
            "pm": [[IMPLEMENT], [REVIEW], [COMPLETE]],
        },
        "review",
    ),
    "a verdict in prose": (
        {
            "implement": [[EDIT]],
            "review": [[{"result": "Looks great to me, ship it!"}]],
            "pm": [[IMPLEMENT], [REVIEW], [COMPLETE]],
        },
        "review",
    ),
    "an endless retry": (
        {"implement": [[EDIT]], "pm": [[IMPLEMENT], [RETRY]]},
        "tried already",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_ends_in_a_refusal_and_a_block(bench: "Bench", lie: str) -> None:
    script, why = LIES[lie]
    red = "red" in lie or "retry" in lie
    bench.configures(checks={"suite": "false" if red else "true"})
    bench.plays(dict(script))
    async with bench.running() as engine:
        one = await engine.create("Greet")
        assignment = await engine.settled(one)
        refusals = [d for d in await engine.decisions(one) if d.kind == "refuse"]
    assert assignment.state == "blocked"
    assert len(refusals) == 2, "asked again once, with the reason"
    assert why in refusals[0].reason
    assert assignment.reason is not None
    assert "refused twice" in assignment.reason


async def test_a_pm_that_talks_prose_is_shown_to_a_person_and_nothing_is_lost(
    bench: "Bench",
) -> None:
    bench.plays({"implement": [[EDIT]], "pm": [[IMPLEMENT], [{"result": "I feel good today."}]]})
    async with bench.running() as engine:
        one = await engine.create("Greet")
        assignment = await engine.settled(one)
    assert assignment.state == "blocked"
    assert assignment.reason is not None
    assert "I feel good today." in assignment.reason
    assert bench.git("show", "wfd/A1:greeting.txt") == "hi"


async def test_the_second_ask_of_a_pm_is_told_why_the_first_was_refused(bench: "Bench") -> None:
    bench.configures(checks={"suite": "false"})
    bench.plays({"implement": [[EDIT]], "pm": [[IMPLEMENT], [COMPLETE]]})
    async with bench.running() as engine:
        one = await engine.create("Greet")
        await engine.settled(one)
        last = (await engine.runs(one))[-1]
    prompt = bench.place.run_folder(last.id).prompt.read_text()
    assert "suite is red" in prompt


async def test_an_honest_pm_that_reviews_an_empty_assignment_may_say_so(bench: "Bench") -> None:
    nothing = {"structured": {"decision": "complete", "reason": "nothing_to_change: it is so"}}
    bench.plays({"review": [[PASS]], "pm": [[REVIEW], [nothing]]})
    async with bench.running() as engine:
        one = await engine.create("Greet")
        assignment = await engine.settled(one)
    assert assignment.state == "complete"
