"""What a CLI has for a person at a terminal, and what headless runs make of it."""

import json
from typing import TYPE_CHECKING

import pytest
from tests.e2e_cli.clis import CLIS
from tests.e2e_cli.pm import COMPLETE, structured
from tests.fakes.model_server.turns import Call, Fail, Say, Shell, Turn, Write

from wfd_runners.claude.harness import NOT_HERE

if TYPE_CHECKING:
    from tests.e2e_cli.conftest import Stage

WORK = [Turn(Write("greeting.txt", "hello\n")), Turn(Say("Greets now."))]
OFF = {
    "claude": set(NOT_HERE),
    "codex": {"create_goal", "update_goal"},
    "gemini": {"ask_user", "enter_plan_mode", "exit_plan_mode"},
}
only_claude = pytest.mark.parametrize("cli", CLIS[:1], ids=["claude"])


def test_no_tool_is_offered_that_leaves_the_workspace_or_promises_something_for_later(
    stage: "Stage",
) -> None:
    stage.plays(implement=WORK, pm=[structured(COMPLETE)])
    one = stage.begins()

    assert stage.ends(one) == "complete"

    for seen in [*stage.asked("implement"), *stage.asked("pm")]:
        offered = json.dumps(seen.body["tools"])
        assert not [name for name in OFF[stage.cli.name] if f'"{name}"' in offered]


@only_claude
def test_a_call_that_would_move_the_run_elsewhere_fails_and_the_work_stays_here(
    stage: "Stage",
) -> None:
    away = Turn(Call("EnterWorktree", {"name": "elsewhere"}))
    later = Turn(Call("CronCreate", {"cron": "* * * * *", "prompt": "go on"}))
    stage.plays(implement=[away, later, *WORK], pm=[structured(COMPLETE)])
    one = stage.begins()

    assert stage.ends(one) == "complete"

    (run,) = stage.runs(one)
    assert (run.outcome, run.ended_by) == ("succeeded", "none")
    assert stage.daemon.git("diff", "--name-only", "main", f"wfd/A{one}") == "greeting.txt"
    assert stage.shown(one, "greeting.txt") == "hello"


@only_claude
def test_a_hook_of_the_persons_own_that_takes_the_prompt_is_named(stage: "Stage") -> None:
    hook = {"type": "command", "command": "echo no aspell here >&2; exit 2"}
    own = stage.daemon.tmp / "home" / ".claude"
    own.mkdir(parents=True, exist_ok=True)
    hooks = {"UserPromptSubmit": [{"hooks": [hook]}]}
    (own / "settings.json").write_text(json.dumps({"hooks": hooks}))
    stage.plays(implement=WORK, pm=[structured(COMPLETE)])
    one = stage.begins()

    assert stage.ends(one) == "blocked"

    (run,) = stage.runs(one)
    assert run.outcome == "usage"
    assert "no aspell here" in str(run.message)
    assert stage.asked("implement") == []


@only_claude
def test_a_command_that_was_left_in_the_background_is_named_or_waited_for(stage: "Stage") -> None:
    given = {"command": "sleep 600", "description": "watch", "run_in_background": True}
    left = Turn(Call("Bash", given))
    stage.plays(implement=[WORK[0], left, Turn(Say("It watches."))], pm=[structured(COMPLETE)])
    one = stage.begins(timeoutMs={"default": 60_000, "implement": 20_000}, stallMs=8_000)
    stage.daemon.until(lambda: stage.outcomes(one)[:1] not in ([], ["running"]), "the run over")

    first = stage.runs(one)[0]
    assert first.outcome == "succeeded"
    assert "background task was stopped" in str(first.message)
    assert "watch" in str(first.message)


def test_a_login_that_is_refused_once_is_tried_again_and_nobody_is_asked(stage: "Stage") -> None:
    refused: list[Turn | Fail] = [stage.cli.refused_key()]
    stage.plays(implement=refused, pm=[structured(COMPLETE)])
    one = stage.begins()
    stage.daemon.until(lambda: stage.outcomes(one)[:1] == ["auth"], "refused")
    stage.plays(implement=[Turn(Shell("true")), *WORK], pm=[structured(COMPLETE)])

    assert stage.ends(one) == "complete"

    assert stage.outcomes(one) == ["auth", "succeeded"]
    assert stage.daemon.jobs(one)[0].attempts == 1
