"""docs/agents.md promises of each CLI what its harness does, and names all that it is given."""

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest
from tests.docs.documents import code_in, only_code, section, table, table_in, text_of

from wfd.domain.template import Writes
from wfd.engine.environment import EVERY_AGENT
from wfd.engine.prepare import INSTRUCTIONS, MAX_INSTRUCTIONS
from wfd.ports import Ask, Harness, Launch
from wfd.rules.environment import EVERYBODY, GROUPS
from wfd_runners import harnesses

NAME = "docs/agents.md"
SESSION, EARLIER = "5b4b1d4e-1111-4222-8333-444444444444", "0b0b2f3a-5a52-4f0e-9d70-6f6f4f1d2c3b"
CLIS = [harness for harness in harnesses().values() if harness.binary]

every_cli = pytest.mark.parametrize("cli", CLIS, ids=lambda cli: cli.name)


# --- what each can do ---------------------------------------------------------


def test_every_harness_has_a_column_and_a_section() -> None:
    head = table_in(text_of(NAME), "what")[0]

    assert [only_code(cell) for cell in head[1:]] == list(harnesses())
    for name in harnesses():
        assert section(NAME, f"## {name}")


def test_the_versions_are_those_that_were_tried() -> None:
    for harness, told in _promises("versions tried"):
        assert tuple(code_in(told)) == harness.tried


def test_what_it_reports_and_takes_up_again_is_what_its_harness_says() -> None:
    for harness, told in _promises("reports cost"):
        assert _is_yes(told) is harness.reports_cost
    for harness, told in _promises("resumes a session"):
        assert _is_yes(told) is harness.resumes
    for harness, told in _promises("counts the tokens of"):
        assert told.startswith("the session") is harness.usage_spans_session


def test_the_readme_promises_the_same() -> None:
    told = {only_code(row[0]): row[-1] != "no" for row in table("README.md", "harness")}

    assert told == {name: harness.reports_cost for name, harness in harnesses().items()}


def test_how_much_it_takes_and_how_it_is_ended_are_what_its_harness_says() -> None:
    for harness, told in _promises("longest prompt in bytes"):
        assert int(only_code(told)) == harness.max_prompt_bytes
    for harness, told in _promises("asked to end with"):
        assert signal.Signals[only_code(told)] == harness.graceful_signal


def test_what_it_is_capped_by_is_in_its_options(tmp_path: Path) -> None:
    for row, part in (("maxTurns", "7654"), ("stops at the cap on cost by itself", "98.76")):
        for harness, told in _promises(row):
            launch = harness.launch(_ask(tmp_path, max_turns=7654, budget_usd=98.76))
            assert _is_yes(told) is any(part in text for text in _texts(launch)), harness.name


# --- what each is given -------------------------------------------------------


@every_cli
def test_each_option_variable_setting_and_file_of_a_launch_is_told(
    cli: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GEMINI_API_KEY", "x")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    told = dict(_told(cli, "given"))
    given = {name: value for launch in _launches(cli, tmp_path) for name, value in _given(launch)}

    for name in given:
        assert any(_is_or_holds(one, name) for one in told), f"{name} is not told"
    for name, value in told.items():
        held = [given[one] for one in given if _is_or_holds(name, one)]
        assert held, f"{name} is told and not given"
        assert value is None or value in held, f"{name} is told as {value}, given as {held}"


@every_cli
def test_each_variable_that_is_passed_is_told(
    cli: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for switch in ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"):
        monkeypatch.setenv(switch, "1")
    passed: set[str] = set()
    for login in ("gemini-api-key", "vertex-ai", "oauth-personal"):
        settings = tmp_path / ".gemini" / "settings.json"
        settings.parent.mkdir(exist_ok=True)
        settings.write_text(json.dumps({"security": {"auth": {"selectedType": login}}}))
        passed |= set(cli.launch(_ask(tmp_path)).pass_env)

    ways = {"env_key", "env_http_headers", "config.toml"}  # to names of a person's own
    assert {name for name, _ in _told(cli, "passed")} - ways == passed - set(EVERY_AGENT)


def test_what_every_program_of_a_run_sees_is_told() -> None:
    told = {row[0]: tuple(code_in(row[1])) for row in table(NAME, "what for")}

    assert told == GROUPS


def test_what_only_agents_see_is_told() -> None:
    (told,) = re.findall(r"Agents alone also see (.+?)\. ", text_of(NAME), re.DOTALL)

    assert set(code_in(told)) == set(EVERY_AGENT) - set(EVERYBODY)


def test_which_instructions_count_is_told() -> None:
    told = section(NAME, "## What a repository may say")

    assert tuple(code_in(told)[:2]) == INSTRUCTIONS
    assert f"{MAX_INSTRUCTIONS // 1024} KiB" in " ".join(told.split())


def test_every_member_of_a_harness_is_told_to_who_adds_one() -> None:
    told = [name for row in table(NAME, "member") for name in code_in(row[0])]
    data = list(Harness.__annotations__)
    calls = [name for name in vars(Harness) if not name.startswith("_") and name not in data]

    assert told == [*data, *calls]


# --- reading the tables -------------------------------------------------------


def _promises(what: str) -> Iterator[tuple[Harness, str]]:
    (row,) = (row for row in table(NAME, "what") if row[0].strip("`") == what)
    yield from zip(harnesses().values(), row[1:], strict=True)


def _is_yes(told: str) -> bool:
    assert told.startswith(("yes", "no")), told
    return told.startswith("yes")


def _told(cli: Harness, heading: str) -> Iterator[tuple[str, str | None]]:
    """Each name in the first column of a table of this CLI, with the value that stands by it."""
    for row in table_in(section(NAME, f"## {cli.name}"), heading)[1:]:
        for code in code_in(row[0]):
            name, _, value = code.replace(" ", "=", 1).partition("=")
            yield name, value or None


def _is_or_holds(told: str, name: str) -> bool:
    return name == told or name.startswith(f"{told}.")


# --- reading a launch ---------------------------------------------------------


def _ask(folder: Path, **wishes: object) -> Ask:
    ask = Ask(folder / "w", folder / "R7", SESSION)
    assert set(wishes) <= {field.name for field in fields(ask)}
    return replace(ask, **wishes)  # type: ignore[arg-type]


def _launches(cli: Harness, folder: Path) -> Iterator[Launch]:
    """One of each sort, which together are given all that there is to give."""
    skill = folder / "w" / ".agents" / "skills" / "mine" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: mine\n---\n")
    chats = folder / "R6" / ".gemini" / "tmp" / "x" / "chats"
    chats.mkdir(parents=True)
    (chats / f"session-1-{EARLIER[:8]}.jsonl").write_text("{}")
    whole = _ask(folder, model="m", schema={}, instructions="i", budget_usd=1.0, max_turns=3)
    for resume in (None, EARLIER, "gone"):
        yield cli.launch(replace(whole, resume=resume))
        yield cli.launch(replace(whole, resume=resume, is_pm=True, writes=Writes.NEVER))


def _given(launch: Launch) -> Iterator[tuple[str, str]]:
    """Names with values: options, `-c key=value` by its key, variables, settings, files."""
    words = iter(launch.argv[1:])
    following = dict(zip(launch.argv, (*launch.argv[1:], ""), strict=True))
    for word in words:
        if word == "-c":
            name, _, value = next(words).partition("=")
            yield name, value
        elif word.startswith("-"):
            name, _, value = word.partition("=")
            yield name, value or following[word]
    yield from launch.env.items()
    for path, text in launch.files.items():
        yield str(path).rpartition("/R7/")[2], text
        if path.name == "settings.json":
            yield from _settings(json.loads(text))


def _settings(values: Mapping[str, object], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _settings(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", json.dumps(value)


def _texts(launch: Launch) -> Iterator[str]:
    yield from launch.argv
    yield from launch.files.values()
