"""A cap on tokens with the real CLIs: heeded while a run goes on where the CLI tells, and kept."""

from typing import TYPE_CHECKING

from tests.e2e_cli.pm import COMPLETE, structured
from tests.fakes.model_server.turns import Say, Shell, Turn, Write

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

FIRST = Turn(Write("greeting.txt", "hello\n"), tokens_in=3000)
LONG = Turn(Shell("sleep 120"), tokens_in=3000)
LAST = Turn(Say("Greets now."), tokens_in=3000)


def test_a_run_is_ended_at_its_budget_while_it_streams_and_goes_on_when_that_is_raised(
    stage: "Stage",
) -> None:
    tells_meanwhile = stage.cli.name == "claude"
    stage.plays(implement=[FIRST, LONG, LAST] if tells_meanwhile else [FIRST, LAST])
    one = stage.begins(caps={"tokens": 5000})

    assert stage.ends(one) == "paused"

    (run,) = stage.runs(one)
    ended = ("interrupted", "budget") if tells_meanwhile else ("succeeded", "none")
    assert (run.outcome, run.ended_by) == ended
    used = stage.daemon.assignment(one).tokens
    assert used is not None
    assert 6000 <= used < 7000, "each message once"
    assert "the cap on tokens is reached" in str(stage.daemon.assignment(one).reason)
    assert stage.shown(one, "greeting.txt") == "hello"

    stage.plays(implement=[LAST], pm=[structured(COMPLETE)])
    stage.daemon.registers(caps={"tokens": 5_000_000})
    stage.daemon.send("update_assignment", assignment=one, status="active")

    assert stage.ends(one) == "complete"

    if tells_meanwhile:
        again = stage.runs(one)[-1]
        assert (again.resumed, again.outcome) == (run.session_id, "succeeded")
        assert stage.daemon.jobs(one)[0].attempts == 1


def test_a_cli_that_is_given_a_budget_ends_itself_there_and_asks(stage: "Stage") -> None:
    """One that reports no cost knows no budget: tokens and time bound it."""
    if not stage.cli.reports_cost:
        return
    stage.plays(implement=[FIRST, FIRST, FIRST, LAST])
    one = stage.begins(caps={"costUsd": 0.001})

    assert stage.ends(one) == "paused"

    (run,) = stage.runs(one)
    assert (run.outcome, run.ended_by) == ("interrupted", "budget")
    assert "the cap on cost is reached" in str(stage.daemon.assignment(one).reason)
    assert stage.daemon.jobs(one)[0].resume_session == run.session_id
