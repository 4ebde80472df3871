"""Streams that are cut, that fall silent, and answers that never begin."""

from typing import TYPE_CHECKING

import pytest
from tests.e2e_cli.pm import COMPLETE, structured
from tests.fakes.model_server.turns import Cut, Hang, Say, Turn, Write

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
