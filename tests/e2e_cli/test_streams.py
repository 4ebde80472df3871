"""Streams that are cut, that fall silent, and answers that never begin."""

from typing import TYPE_CHECKING

import pytest
from tests.e2e_cli.pm import COMPLETE, structured
from tests.fakes.model_server.turns import Cut, Hang, Say, Shell, Turn, Write

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

WORK = [Turn(Write("greeting.txt", "hello\n")), Turn(Say("Greets now."))]
STALL_MS = 7_000  # longer than a CLI takes from its first line to its first request


def test_a_stream_that_is_cut_once_costs_the_job_no_attempt(stage: "Stage") -> None:
    stage.plays(implement=[Cut("This text is cut"), *WORK], pm=[structured(COMPLETE)])
    one = stage.begins()

    assert stage.ends(one) == "complete"

    # claude and codex ask again by themselves; gemini gives up, and the policy asks again
    assert stage.outcomes(one) in (["succeeded"], ["transient", "succeeded"])
    assert stage.daemon.jobs(one)[0].attempts == 1
    assert stage.shown(one, "greeting.txt") == "hello"
    if stage.cli.name == "codex":  # claude says nothing of it
        assert stage.runs(one)[0].retries == 1
        assert stage.daemon.logged("run.retrying")


@pytest.mark.parametrize(
    "silence", [Hang("Let me think"), Hang(headers=False)], ids=["mid-stream", "no headers"]
)
def test_a_model_that_falls_silent_is_a_stall_and_the_next_try_goes_on(
    stage: "Stage", silence: Hang
) -> None:
    stage.plays(implement=[silence], pm=[structured(COMPLETE)])
    one = stage.begins(stallMs=STALL_MS)
    stage.daemon.until(lambda: stage.asked("implement"), "the model asked")
    stage.plays(implement=WORK, pm=[structured(COMPLETE)])

    assert stage.ends(one) == "complete"

    first, second = stage.runs(one)
    assert (first.outcome, first.ended_by) == ("stalled", "stall")
    assert second.outcome == "succeeded"
    assert stage.shown(one, "greeting.txt") == "hello"


def test_an_agent_that_never_stops_is_ended_at_its_time_and_goes_on(stage: "Stage") -> None:
    # each step another one, or gemini sees the loop itself
    steps = [Turn(Say(f"Step {n}."), Shell(f"echo {n} >> steps.txt; sleep 0.5")) for n in range(99)]
    stage.plays(implement=steps, pm=[structured(COMPLETE)])
    one = stage.begins(timeoutMs={"default": 60_000, "implement": 9_000})
    stage.daemon.until(lambda: stage.outcomes(one)[:1] == ["timed_out"], "timed out")
    stage.plays(implement=WORK, pm=[structured(COMPLETE)])

    assert stage.ends(one) == "complete"

    first, second = stage.runs(one)[0], stage.runs(one)[-1]
    assert first.ended_by == "timeout"
    assert second.resumed is not None
    assert "Step 0." in stage.asked("implement")[-1].texts
    assert stage.shown(one, "steps.txt").startswith("0\n1"), "what was done until then is kept"
