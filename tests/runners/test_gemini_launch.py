import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wfd.ports import Ask, Launch
from wfd_runners.gemini.harness import Gemini

RUN = Path("/r/R7")
ASK = Ask(Path("/w"), RUN, session_id="5b4b1d4e-1111-4222-8333-444444444444")
EARLIER = "0b0b2f3a-5a52-4f0e-9d70-6f6f4f1d2c3b"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The home of a person who has set nothing, and its `.gemini`."""
    for name in list(os.environ):
        if name.startswith(("GEMINI_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gemini").mkdir()
    return tmp_path


def _value(argv: tuple[str, ...], option: str) -> str:
    return argv[argv.index(option) + 1]


def _settings(launch: Launch) -> Mapping[str, Any]:
    held = json.loads(launch.files[RUN / ".gemini/settings.json"])
    assert isinstance(held, dict)
    return held


def _chooses(home: Path, kind: str) -> None:
    auth = json.dumps({"auth": {"selectedType": kind}})
    settings = f'{{ // mine, from "https://x"\n "security": {auth} /* so far */ }}'
    (home / ".gemini/settings.json").write_text(settings)


# --- the repository -----------------------------------------------------------


def test_the_folder_is_not_trusted_and_the_run_has_a_home_of_its_own() -> None:
    for ask in (ASK, replace(ASK, is_pm=True)):
        launch = Gemini().launch(ask)
        assert launch.env["GEMINI_CLI_TRUST_WORKSPACE"] == "false"
        assert launch.env["GEMINI_CLI_HOME"] == str(RUN)
        # its reports of failed requests hold the conversation
        temporary = Path(launch.env["TMPDIR"])
        assert RUN in temporary.parents
        assert temporary in {file.parent for file in launch.files}, "a folder that is there"
        assert not {"--skip-trust", "--yolo", "yolo"} & set(launch.argv)


def test_an_untrusted_folder_stops_nothing_and_the_repositorys_variables_are_not_read() -> None:
    settings = _settings(Gemini().launch(ASK))
    assert settings["security"]["folderTrust"]["enabled"] is False
    assert settings["advanced"]["ignoreLocalEnv"] is True
    assert settings["hooksConfig"]["enabled"] is False


def test_a_repository_hides_no_file_and_an_at_sign_searches_for_none() -> None:
    filtering = _settings(Gemini().launch(ASK))["context"]["fileFiltering"]
    assert filtering == {"respectGeminiIgnore": False, "enableRecursiveFileSearch": False}


def test_instructions_lie_in_the_home_and_import_nothing_from_outside_it() -> None:
    launch = Gemini().launch(replace(ASK, instructions="Be brief."))
    assert launch.files[RUN / ".gemini/GEMINI.md"] == "Be brief."
    assert _settings(launch)["context"]["memoryBoundaryMarkers"] == []
    assert RUN / ".gemini/GEMINI.md" not in Gemini().launch(replace(ASK, instructions=" ")).files


# --- what the agent may do ----------------------------------------------------


def test_only_a_pm_is_left_without_the_policy_that_allows_tools() -> None:
    policy = RUN / "gemini-policy.toml"
    launch = Gemini().launch(ASK)
    assert f"--policy={policy}" in launch.argv
    # a rule without a pattern would leave git commands refused
    assert 'argsPattern = "."' in launch.files[policy]
    pm = Gemini().launch(replace(ASK, is_pm=True))
    assert policy not in pm.files
    assert not [word for word in pm.argv if word.startswith("--policy")]
    assert _value(pm.argv, "--approval-mode") == "default"


def test_turns_are_capped_where_asked_and_attempts_always() -> None:
    settings = _settings(Gemini().launch(replace(ASK, max_turns=7)))
    assert settings["model"]["maxSessionTurns"] == 7
    assert settings["general"]["maxAttempts"] == 3
    assert "maxSessionTurns" not in _settings(Gemini().launch(ASK))["model"]


# --- model and session --------------------------------------------------------


def test_the_model_is_the_one_asked_for_then_the_persons_then_the_clis(home: Path) -> None:
    assert "--model" not in Gemini().launch(ASK).argv
    (home / ".gemini/settings.json").write_text('{"model": {"name": "flash"}}')
    assert _value(Gemini().launch(ASK).argv, "--model") == "flash"
    assert _value(Gemini().launch(replace(ASK, model="pro")).argv, "--model") == "pro"


def _record(runs: Path, run: str, stem: str, text: str = "{}") -> Path:
    chats = runs / run / ".gemini/tmp/A7/chats"
    chats.mkdir(parents=True, exist_ok=True)
    file = chats / f"session-{stem}-{EARLIER[:8]}.jsonl"
    file.write_text(text)
    return file


def test_a_session_goes_on_from_the_home_of_the_run_that_recorded_it(tmp_path: Path) -> None:
    ask = replace(ASK, run_dir=tmp_path / "R8", resume=EARLIER)
    recorded = _record(tmp_path, "R7", "2026-11-20T12-00", "{}\n{}\n")
    _record(tmp_path, "R7", "2026-11-20T12-01")  # the stub beside it
    argv = Gemini().launch(ask).argv
    assert _value(argv, "--session-file") == str(recorded)
    assert "--session-id" not in argv


def test_a_session_that_no_run_recorded_is_left_to_the_cli_to_refuse(tmp_path: Path) -> None:
    recorded = _record(tmp_path, "R7", "2026-11-20T12-00")
    for unknown in (ASK.session_id, "*", f"../{EARLIER}", "latest"):
        ask = replace(ASK, run_dir=tmp_path / "R8", resume=unknown)
        argv = Gemini().launch(ask).argv
        assert _value(argv, "--resume") == unknown
        assert str(recorded) not in argv


# --- login --------------------------------------------------------------------


def test_a_key_in_the_environment_is_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "s3cret")
    launch = Gemini().launch(ASK)
    assert Gemini().login(os.environ) == "GEMINI_API_KEY is set"
    assert _settings(launch)["security"]["auth"] == {"selectedType": "gemini-api-key"}
    assert "GEMINI_API_KEY" in launch.pass_env
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in launch.pass_env
    assert not [text for text in launch.files.values() if "s3cret" in text]


@pytest.mark.parametrize("line", ["GEMINI_API_KEY=k", "export GEMINI_API_KEY = 'k' # mine"])
def test_a_key_in_the_persons_own_file_of_variables_is_carried_over(home: Path, line: str) -> None:
    (home / ".gemini/.env").write_text(f"# keys\nOTHER=1\n{line}\n")
    launch = Gemini().launch(ASK)
    assert Gemini().login(os.environ) == "GEMINI_API_KEY is set"
    assert launch.env["GEMINI_API_KEY"] == "k"
    assert "OTHER" not in launch.env


def test_a_key_in_the_environment_stands_above_the_one_in_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".gemini/.env").write_text("GEMINI_API_KEY=old\n")
    monkeypatch.setenv("GEMINI_API_KEY", "new")
    assert "GEMINI_API_KEY" not in Gemini().launch(ASK).env


def test_a_login_in_a_browser_is_read_where_it_lies(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/of/something/else")
    _chooses(home, "oauth-personal")
    assert Gemini().login(os.environ) is None
    tokens = home / ".gemini/oauth_creds.json"
    tokens.write_text("{}")
    launch = Gemini().launch(ASK)
    assert Gemini().login(os.environ) == f"logged in with Google, by {tokens}"
    assert launch.env["GOOGLE_APPLICATION_CREDENTIALS"] == str(tokens)
    assert _settings(launch)["security"]["auth"] == {"selectedType": "oauth-personal"}


def test_what_the_settings_choose_stands_above_the_variables(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    _chooses(home, "vertex-ai")
    assert Gemini().login(os.environ) is None
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "l")
    launch = Gemini().launch(ASK)
    assert Gemini().login(os.environ) == "a project and a location of Vertex AI are set"
    assert "GEMINI_API_KEY" not in launch.pass_env
    assert "GOOGLE_CLOUD_PROJECT" in launch.pass_env


def test_another_binary_takes_the_place_of_gemini() -> None:
    assert Gemini().launch(replace(ASK, binary="/opt/gemini")).argv[0] == "/opt/gemini"


def test_a_pm_is_given_nothing_but_tools_that_read() -> None:
    reading = _settings(Gemini().launch(replace(ASK, is_pm=True)))["tools"]["core"]
    assert set(reading) == {"list_directory", "read_file", "grep_search", "glob"}
    assert "tools" not in _settings(Gemini().launch(ASK))


# --- the prompt ---------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a b.md").touch()
    (tmp_path / "steer.md").touch()
    return tmp_path


@pytest.mark.parametrize(
    "reference",
    ["@steer.md", "@notes", "@./steer.md", '@"notes/a b.md"', "@notes/a\\ b.md", "@notes/../notes"],
)
def test_a_reference_to_what_is_there_is_not_followed(reference: str, workspace: Path) -> None:
    told = Gemini().tame(f"It says: {reference}\n", workspace)
    assert told == f"It says: \\{reference}\n"


@pytest.mark.parametrize(
    "words",
    [
        "@pytest.fixture\ndef x():",
        "a@b.c",
        "@",
        "@ steer.md",
        "\\@steer.md",
        f"@{'x' * 9999}",
        "@\0",
    ],
)
def test_what_refers_to_nothing_stays_as_it_is(words: str, workspace: Path) -> None:
    assert Gemini().tame(words, workspace) == words


def test_a_sentence_that_ends_in_a_reference_is_found_out_too(workspace: Path) -> None:
    assert Gemini().tame("See @steer.md. Then (@steer.md), go", workspace) == (
        "See \\@steer.md. Then (\\@steer.md), go"
    )
