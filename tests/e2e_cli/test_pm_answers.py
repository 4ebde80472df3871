"""A PM may answer in a schema or in a fence; what is neither is refused, and a person asked."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.e2e_cli.clis import Cli
from tests.e2e_cli.pm import COMPLETE, PASS, Value, decision, fenced, insert, structured
from tests.fakes.model_server.turns import Say, Turn, Write

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

WORK = [Turn(Write("greeting.txt", "hello\n")), Turn(Say("Greets now."))]
DANCE: Value = decision("dance")


def _schema(_: Cli, value: Value) -> list[Turn]:
    return [structured(value)]


def _fence(cli: Cli, value: Value) -> list[Turn]:
    return cli.in_words(fenced(value))


@pytest.mark.parametrize("said", [_schema, _fence])
def test_a_decision_and_a_verdict_are_read_from_a_schema_or_a_fence(
    stage: "Stage", said: Callable[[Cli, Value], list[Turn]]
) -> None:
    cli = stage.cli
    stage.plays(
        implement=WORK,
        review=said(cli, PASS),
        pm=[*said(cli, insert("review", "Look at it.")), *said(cli, COMPLETE)],
    )
    one = stage.begins(gates={"review": True, "uat": False})

    assert stage.ends(one) == "complete"

    assert stage.outcomes(one, "pm") == ["succeeded", "succeeded"]
    assert [e.ok for e in stage.daemon.evidence(one) if e.kind == "verdict"] == [True]


@pytest.mark.parametrize(
    "answer",
    [Turn(Say("I think that we are done here, well done all.")), structured(DANCE)],
    ids=["prose", "invalid"],
)
def test_a_pm_without_a_valid_decision_is_asked_again_and_then_a_person(
    stage: "Stage", answer: Turn
) -> None:
    stage.plays(implement=WORK, pm=[answer])
    one = stage.begins()

    assert stage.ends(one) == "blocked"

    assert stage.outcomes(one) == ["succeeded"]
    asked = {run.job_id for run in stage.runs(one, "pm")}
    # claude holds an answer against the schema itself, and gives up after some tries
    gave_up = stage.outcomes(one, "pm") == ["failed"]
    assert len(asked) == (1 if gave_up else 2), "no oftener than that"
    assert stage.shown(one, "greeting.txt") == "hello", "nothing of the work is lost"


def test_a_pm_that_is_refused_once_may_still_decide(stage: "Stage") -> None:
    stage.plays(
        implement=WORK,
        pm=[*stage.cli.in_words(fenced(DANCE)), *stage.cli.in_words(fenced(COMPLETE))],
    )
    one = stage.begins()

    assert stage.ends(one) == "complete"

    last = stage.runs(one, "pm")[-1]
    prompt = stage.daemon.place.run_folder(last.id).prompt.read_text()
    assert "dance" in prompt, "the second ask says why the first was refused"


READING = {
    "claude": {"Read", "Glob", "Grep", "StructuredOutput"},
    "gemini": {"read_file", "glob", "grep_search", "list_directory"},
}


def test_a_pm_has_no_tools_that_write(stage: "Stage") -> None:
    stage.plays(
        implement=WORK,
        pm=[Turn(Write("pm.txt", "mine\n")), structured(COMPLETE)],
    )
    one = stage.begins()

    assert stage.ends(one) == "complete"

    changed = stage.daemon.git("diff", "--name-only", "main", f"wfd/A{one}").split()
    assert changed == ["greeting.txt"]
    if stage.cli.name in READING:  # codex has its sandbox instead
        assert {name for seen in stage.asked("pm") for name in seen.tools} == READING[
            stage.cli.name
        ]
