import os
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from wfd.domain.errors import BadInput
from wfd.domain.template import Writes
from wfd.ports import Ask
from wfd_runners.claude.harness import Claude

ASK = Ask(Path("/w"), Path("/r"), session_id="5b4b1d4e-1111-4222-8333-444444444444")


def _value(argv: tuple[str, ...], option: str) -> str:
    return argv[argv.index(option) + 1]


def test_a_repository_cannot_bring_its_own_settings_or_servers() -> None:
    argv = Claude().launch(ASK).argv
    assert _value(argv, "--setting-sources") == "user"
    assert "--strict-mcp-config" in argv


def test_a_run_starts_a_session_of_our_choice_or_resumes_one() -> None:
    fresh = Claude().launch(ASK).argv
    resumed = Claude().launch(replace(ASK, resume="abc")).argv
    assert _value(fresh, "--session-id") == ASK.session_id
    assert "--resume" not in fresh
    assert _value(resumed, "--resume") == "abc"
    assert "--session-id" not in resumed


def test_caps_model_and_schema_are_passed_on() -> None:
    ask = replace(ASK, model="opus", max_turns=7, budget_usd=0.00001, schema={"type": "object"})
    argv = Claude().launch(ask).argv
    assert _value(argv, "--model") == "opus"
    assert _value(argv, "--max-turns") == "7"
    assert _value(argv, "--max-budget-usd") == "0.000010"
    assert _value(argv, "--json-schema") == '{"type":"object"}'


def test_a_budget_is_never_rounded_down_to_nothing() -> None:
    for left in (0.0, 0.000_000_1):
        argv = Claude().launch(replace(ASK, budget_usd=left)).argv
        assert _value(argv, "--max-budget-usd") == "0.000001"


def test_only_a_pm_is_left_with_the_tools_that_read() -> None:
    option = "--tools=Read,Glob,Grep"
    assert option in Claude().launch(replace(ASK, is_pm=True)).argv
    assert not [word for word in Claude().launch(ASK).argv if word.startswith("--tools")]


def test_tools_that_leave_the_workspace_or_promise_something_for_later_are_off() -> None:
    for is_pm in (True, False):
        argv = Claude().launch(replace(ASK, is_pm=is_pm)).argv
        [option] = [word for word in argv if word.startswith("--disallowedTools")]
        off = set(option.partition("=")[2].split(","))
        assert {"EnterWorktree", "ExitWorktree", "CronCreate", "ScheduleWakeup"} <= off
        assert not off & {"Bash", "Edit", "Write", "Read", "Agent", "Task", "StructuredOutput"}


def test_long_instructions_are_cut_to_one_argument_and_say_so() -> None:
    argv = Claude().launch(replace(ASK, instructions="ü\0" * 100_000)).argv
    words = _value(argv, "--append-system-prompt")
    assert len(words.encode()) < 128 * 1024 - 1
    assert "\0" not in words
    assert words.rstrip().endswith("more bytes of the repository's instructions]")


def test_a_schema_that_fits_no_argument_is_refused() -> None:
    with pytest.raises(BadInput, match="JSON Schema"):
        Claude().launch(replace(ASK, schema={"title": "x" * 200_000}))


def test_what_one_run_notes_to_itself_reaches_no_other() -> None:
    assert Claude().launch(ASK).env["CLAUDE_CODE_DISABLE_AUTO_MEMORY"] == "1"


def test_root_is_told_that_it_is_contained_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert Claude().launch(ASK).env["IS_SANDBOX"] == "1"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "IS_SANDBOX" not in Claude().launch(ASK).env


def test_the_keys_of_a_cloud_pass_only_where_claude_uses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CLAUDE_CODE_USE_BEDROCK", raising=False)
    assert "AWS_*" not in Claude().launch(ASK).pass_env
    monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    assert "AWS_*" in Claude().launch(ASK).pass_env


def test_the_names_of_models_pass_as_a_gateway_needs_them() -> None:
    passed = Claude().launch(ASK).pass_env
    for name in ("ANTHROPIC_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL"):
        assert any(fnmatchcase(name, pattern) for pattern in passed)


def test_another_binary_takes_the_place_of_claude() -> None:
    assert Claude().launch(replace(ASK, binary="/opt/claude")).argv[0] == "/opt/claude"


def test_only_those_who_judge_or_plan_have_no_files_brought_in() -> None:
    name = "CLAUDE_CODE_DISABLE_ATTACHMENTS"
    assert name not in Claude().launch(ASK).env
    assert Claude().launch(replace(ASK, writes=Writes.NEVER)).env[name] == "1"
