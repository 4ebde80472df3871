"""What wfd doctor tells of the agent CLIs that it finds."""

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.edge.shelf import Call


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def _install(name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def _finding(wfd: Call, name: str) -> dict[str, str]:
    found = json.loads(wfd("doctor", "--json").out)["findings"]
    return next(one for one in found if one["what"] == f"harness {name}")


def test_an_agent_of_a_tried_version_and_with_a_key_is_well(
    repository: Path, wfd: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install("claude", "2.1.197 (Claude Code)", tmp_path, monkeypatch)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "s3cret")

    found = _finding(wfd, "claude")

    assert found["level"] == "ok"
    assert found["detail"].startswith(f"2.1.197 ({tmp_path / 'bin' / 'claude'}); login: ")
    assert "ANTHROPIC_API_KEY" in found["detail"]
    assert "s3cret" not in str(found)
    assert re.search(r"contained by: (bwrap|unshare|subreaper)$", found["detail"])


@pytest.mark.parametrize(
    ("version", "told"), [("2.1.96", "older than"), ("2.1.1000", "newer than"), ("3.0", "newer")]
)
def test_a_version_outside_the_tried_range_is_warned_of(
    version: str,
    told: str,
    repository: Path,
    wfd: Call,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _install("claude", version, tmp_path, monkeypatch)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "s3cret")

    found = _finding(wfd, "claude")

    assert found["level"] == "warn"
    assert told in found["way_out"]
    assert "2.1.197" in found["way_out"]


def test_an_agent_without_a_login_is_warned_of_until_it_has_one(
    repository: Path, wfd: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install("claude", "2.1.197", tmp_path, monkeypatch)
    assert _finding(wfd, "claude")["level"] == "warn"
    assert "/login" in _finding(wfd, "claude")["way_out"]

    (home / ".claude").mkdir()
    (home / ".claude" / ".credentials.json").write_text("{}")

    assert _finding(wfd, "claude")["level"] == "ok"


def _levels(wfd: Call) -> dict[str, str]:
    found = json.loads(wfd("doctor", "--json").out)["findings"]
    return {one["what"]: one["level"] for one in found if one["what"].startswith(("harness", "AI"))}


def _accepts(repository: Path, wfd: Call, **keys: object) -> None:
    if not (repository / ".wfd").exists():
        assert wfd("init").code == 0
    (repository / ".wfd" / "config.json").write_text(json.dumps(keys))
    assert wfd("trust").code == 0


def _has_git_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(shutil.which("git") or "")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_what_the_repository_has_accepted_decides_which_agents_must_be_there(
    repository: Path, wfd: Call, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _has_git_alone(tmp_path, monkeypatch)
    _accepts(repository, wfd, harnessDefaults={"default": "sim"})
    assert _levels(wfd) == {
        "harness claude": "warn", "harness codex": "warn",
        "harness gemini": "warn", "harness sim": "ok",
    }  # fmt: skip
    assert wfd("doctor").code == 0
    text = '{"harnessDefaults": {"default": "codex"}}'
    (repository / ".wfd" / "config.json").write_text(text)
    assert _levels(wfd)["harness codex"] == "warn", "nobody has accepted that"
    _accepts(repository, wfd, harnessDefaults={"review": "codex"})
    assert _levels(wfd)["harness codex"] == "fail"
    assert _levels(wfd)["harness claude"] == "fail", "it does all that is not named"


def test_an_ai_that_a_default_names_must_be_there_with_its_own_program(
    repository: Path, wfd: Call, wfctl: Call, home: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _has_git_alone(tmp_path, monkeypatch)
    (tmp_path / "config").mkdir()
    ais = {"work": {"harness": "claude"}, "own": {"harness": "codex", "binary": "/nowhere/codex"}}
    own = tmp_path / "config" / "config.json"
    own.write_text(json.dumps({"ais": {**ais, "clod": {"harness": "claude"}}}))
    _accepts(repository, wfd, harnessDefaults={"default": "work", "review": "own", "plan": "clod"})
    own.write_text(json.dumps({"ais": ais}))  # one that was there when the file was accepted
    assert _levels(wfd) == {
        "AI clod": "fail", "AI own": "fail", "harness claude": "fail", "harness codex": "warn",
        "harness gemini": "warn", "harness sim": "ok",
    }  # fmt: skip
    assert wfctl("ai", "register", "clod", "--harness", "sim").code == 0
    assert "AI clod" not in _levels(wfd), "one that was registered is known"


def test_the_configuration_of_the_daemon_is_refused_where_the_daemon_refuses_it(
    repository: Path, wfd: Call, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text('{"ais": {"x": {"harness": "clod"}}}')
    found = json.loads(wfd("doctor", "--json").out)["findings"]
    [told] = [one for one in found if one["what"] == "configuration"]
    assert told["level"] == "fail"
    assert "ais.x.harness" in told["detail"]
