import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from wfd.domain.errors import BadInput
from wfd.domain.template import Writes
from wfd.ports import Ask
from wfd_runners.codex.harness import Codex

ASK = Ask(Path("/w"), Path("/r"), session_id="5b4b1d4e-1111-4222-8333-444444444444")
FREE = "--dangerously-bypass-approvals-and-sandbox"

PROVIDERS = """
model_provider = "mine"
[model_providers.mine]
env_key = "MY_KEY"
env_http_headers = { "X-Team" = "MY_TEAM" }
[model_providers.other]
env_key = "OTHER_KEY"
[model_providers.odd]
env_key = "* all of them"
[shell_environment_policy]
exclude = ["MY_SECRET_*"]
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    return tmp_path


def _value(argv: tuple[str, ...], option: str) -> str:
    return argv[argv.index(option) + 1]


def _settings(ask: Ask) -> dict[str, object]:
    """The -c options of a launch, read as codex reads them."""
    argv = Codex().launch(ask).argv
    given = [argv[at + 1] for at, word in enumerate(argv) if word == "-c"]
    pairs = (setting.partition("=") for setting in given)
    return {key: tomllib.loads(f"x = {value}")["x"] for key, _, value in pairs}


def test_the_prompt_comes_on_stdin_of_a_fresh_thread_or_of_one_to_go_on_with() -> None:
    assert Codex().launch(ASK).argv[-1] == "-"
    assert "resume" not in Codex().launch(ASK).argv
    assert Codex().launch(replace(ASK, resume="01a1")).argv[-3:] == ("resume", "01a1", "-")


def test_all_options_stand_before_resume_which_does_not_know_them() -> None:
    ask = replace(ASK, resume="01a1", model="m", schema={}, is_pm=True)
    argv = Codex().launch(ask).argv
    assert all(argv.index(word) < argv.index("resume") for word in ("-C", "-s", "-m", "-c"))


def test_only_a_pm_is_kept_from_writing_and_from_the_web() -> None:
    pm = replace(ASK, is_pm=True)
    assert _value(Codex().launch(pm).argv, "-s") == "read-only"
    assert FREE not in Codex().launch(pm).argv
    assert _settings(pm)["web_search"] == "disabled"
    assert FREE in Codex().launch(ASK).argv
    assert "web_search" not in _settings(ASK)


def test_a_workspace_is_not_trusted_even_if_its_user_trusts_it(tmp_path: Path) -> None:
    real = tmp_path / 'a "b".c'
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    settings = _settings(replace(ASK, workspace=tmp_path / "link"))
    assert settings["projects"] == {str(real): {"trust_level": "untrusted"}}


def test_nothing_in_a_workspace_instructs_the_agent() -> None:
    settings = _settings(ASK)
    assert settings["project_doc_max_bytes"] == 0
    assert settings["skills.include_instructions"] is False
    assert settings["features.memories"] is False


def test_each_skill_of_a_workspace_is_denied_also_behind_a_link(tmp_path: Path) -> None:
    assert "skills.config" not in _settings(replace(ASK, workspace=tmp_path))
    for folder in (".agents/skills/a", ".codex/skills/deep/b", "elsewhere/c"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "SKILL.md").touch()
    (tmp_path / ".agents/skills/c").symlink_to(tmp_path / "elsewhere/c")
    denied = _settings(replace(ASK, workspace=tmp_path))["skills.config"]
    assert isinstance(denied, list)
    folders = (".agents/skills/a", "elsewhere/c", ".codex/skills/deep/b")
    paths = [str(tmp_path / folder / "SKILL.md") for folder in folders]
    assert sorted(paths) == sorted(one["path"] for one in denied)
    assert {one["enabled"] for one in denied} == {False}


def test_the_persons_own_skills_are_kept_from_those_who_judge(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    for above in ("skills", ".agents/skills"):
        (home / above / "own").mkdir(parents=True)
        (home / above / "own" / "SKILL.md").touch()
    assert "skills.config" not in _settings(ASK)
    denied = _settings(replace(ASK, writes=Writes.NEVER))["skills.config"]
    assert isinstance(denied, list)
    own = {str(home / above / "own" / "SKILL.md") for above in ("skills", ".agents/skills")}
    assert {one["path"] for one in denied} == own


def test_skills_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".agents/skills").mkdir(parents=True)
    (tmp_path / ".agents/skills/again").symlink_to(tmp_path / ".agents")
    for n in range(20):
        (tmp_path / f".agents/skills/{n}").symlink_to(tmp_path / ".agents")
    with pytest.raises(BadInput, match="folders of skills"):
        Codex().launch(replace(ASK, workspace=tmp_path))


def test_it_asks_nobody_but_the_model_and_gives_up_on_a_network() -> None:
    settings = _settings(ASK)
    assert settings["analytics.enabled"] is False
    assert settings["check_for_update_on_startup"] is False
    assert settings["features.plugins"] is False
    assert settings["features.goals"] is False
    assert settings["features.unbounded_connection_retries"] is False


@pytest.mark.parametrize(
    "words", ['Say "no" to \\ and\ttabs.\nÜ 😀 \x01\x7f', "\u2028 '''", "a\r\n"]
)
def test_instructions_reach_it_as_they_are(words: str) -> None:
    assert _settings(replace(ASK, instructions=words))["developer_instructions"] == words


@pytest.mark.parametrize(
    ("letter", "count"),
    [("x", 200_000), ("ü", 200_000), ("\n", 98_000), ('"', 98_000), ("\x01", 98_000)],
)
def test_instructions_too_long_when_quoted_are_cut_to_one_argument_and_say_so(
    letter: str, count: int
) -> None:
    ask = replace(ASK, instructions=f"{letter}\0" * count)
    assert all(len(word.encode()) < 128 * 1024 - 1 for word in Codex().launch(ask).argv)
    words = str(_settings(ask)["developer_instructions"])
    kept, _, notice = words.partition("\n[cut here: ")
    assert kept == letter * len(kept) != ""
    missing = (count - len(kept)) * len(letter.encode())
    assert notice == f"{missing} more bytes of the repository's instructions]\n"


def test_no_instructions_leave_the_users_own_alone() -> None:
    assert "developer_instructions" not in _settings(replace(ASK, instructions=" \n"))


def test_a_schema_comes_as_a_file_of_the_run() -> None:
    launch = Codex().launch(replace(ASK, schema={"type": "object"}))
    path = Path(_value(launch.argv, "--output-schema"))
    assert json.loads(launch.files[path]) == {"type": "object"}
    assert "--output-schema" not in Codex().launch(ASK).argv


def test_a_model_is_named_only_if_one_was_chosen() -> None:
    assert "-m" not in Codex().launch(ASK).argv
    assert _value(Codex().launch(replace(ASK, model="gpt-5.5")).argv, "-m") == "gpt-5.5"


def test_another_binary_takes_the_place_of_codex() -> None:
    assert Codex().launch(replace(ASK, binary="/opt/codex")).argv[0] == "/opt/codex"


# --- the user's own settings ---------------------------------------------------


def test_the_keys_that_the_users_providers_name_are_passed(home: Path) -> None:
    assert "MY_KEY" not in Codex().launch(ASK).pass_env
    (home / "config.toml").write_text(PROVIDERS)
    passed = Codex().launch(ASK).pass_env
    assert {"CODEX_HOME", "CODEX_API_KEY", "MY_KEY", "MY_TEAM", "OTHER_KEY"} <= set(passed)
    assert not [name for name in passed if "*" in name]


def test_no_key_of_a_model_is_seen_by_tools_nor_what_the_user_hides(home: Path) -> None:
    (home / "config.toml").write_text(PROVIDERS)
    hidden = _settings(ASK)["shell_environment_policy.exclude"]
    assert isinstance(hidden, list)
    assert {"CODEX_API_KEY", "MY_KEY", "MY_SECRET_*"} <= set(hidden)


@pytest.mark.parametrize(
    "text", [b"[broken", b"\xff\xfe", b"model_providers = 3", b"x = []", b"x=" + b"[" * 5000]
)
def test_settings_that_are_broken_or_odd_break_no_launch(home: Path, text: bytes) -> None:
    (home / "config.toml").write_bytes(text)
    assert "CODEX_API_KEY" in Codex().launch(ASK).pass_env


def test_a_login_is_found_where_codex_would_look_for_it(home: Path) -> None:
    where = {"CODEX_HOME": str(home)}
    assert Codex().login(where) is None
    assert Codex().login({**where, "OPENAI_API_KEY": "sk-1"}) is None  # it does not read it
    assert Codex().login({**where, "CODEX_API_KEY": "sk-1"}) == "CODEX_API_KEY is set"
    (home / "auth.json").write_text("{}")
    assert Codex().login(where) == f"logged in, by {home / 'auth.json'}"


def test_a_home_of_no_special_name_is_looked_into(home: Path) -> None:
    (home / ".codex").mkdir()
    (home / ".codex" / "auth.json").write_text("{}")
    assert Codex().login({"HOME": str(home)}) is not None


def test_the_login_of_a_provider_of_the_users_own_is_its_key(home: Path) -> None:
    where = {"CODEX_HOME": str(home), "CODEX_API_KEY": "sk-1"}
    (home / "config.toml").write_text(PROVIDERS)
    assert Codex().login(where) is None
    file = home / "config.toml"
    assert Codex().login({**where, "MY_KEY": "1"}) == f"MY_KEY is set, as {file} asks for"
    file.write_text('model_provider = "local"\n[model_providers.local]\nname = "local"\n')
    assert Codex().login({"CODEX_HOME": str(home)}) == f"{file} names a provider that needs no key"
