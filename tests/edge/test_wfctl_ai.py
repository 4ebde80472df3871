"""wfctl ai, and what a list and a page say of a job that waits for an AI."""

import json
import re
from pathlib import Path

import pytest
from tests.edge.shelf import NOW, Call, Shelf, house_of

from wfd.engine.lease import Terms, take_work
from wfd.ports import Tx
from wfd.rules.route import Usual

HOUR = 3_600_000


@pytest.fixture
def configured(shelf: Shelf, tmp_path: Path) -> Shelf:
    folder = tmp_path / "config"
    folder.mkdir()
    ais = {"work": {"harness": "claude", "account": "firm", "labels": ["strong"], "limit": 2}}
    (folder / "config.json").write_text(json.dumps({"ais": ais}))
    return shelf


@pytest.fixture
def claude_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only program on this shell's PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "claude").write_text("#!/bin/sh\n")
    (folder / "claude").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def a_held_job(tx: Tx) -> None:
    tx.insert(
        "add_hold", account="firm", until=tx.now + 9 * HOUR, is_reset_known=True,
        reason="usage limit \x1b[2J", probes=0, run_id=None, now=tx.now,
    )  # fmt: skip
    tx.run("move_job", id=1, state="waiting", was="queued", waits_for="ai", waits_on="gone,work")


def test_the_list_has_columns_for_programs(
    configured: Shelf, wfctl: Call, claude_alone: None
) -> None:
    rows = {row.split("\t")[0]: row.split("\t") for row in wfctl("ai", "list").out.splitlines()}
    assert rows["work"] == [
        "work", "claude", "firm", "ok", "0/2", "0", "strong", "", "configured",
    ]  # fmt: skip
    assert rows["sim"][-1] == "implied"
    told = json.loads(wfctl("ai", "list", "--json").out)["ais"]
    assert {one["name"] for one in told} == {"claude", "codex", "gemini", "sim", "work"}


def test_one_whose_program_is_not_there_is_not_called_ok(
    configured: Shelf, wfctl: Call, claude_alone: None, tmp_path: Path
) -> None:
    wfctl("ai", "register", "own", "--harness", "sim", "--binary", str(tmp_path / "bin" / "own"))
    rows = {row.split("\t")[0]: row.split("\t") for row in wfctl("ai", "list").out.splitlines()}
    assert {name: row[3] for name, row in rows.items()} == {
        "claude": "ok",
        "codex": "no program 'codex' on this shell's PATH",
        "gemini": "no program 'gemini' on this shell's PATH",
        "own": f"no program '{tmp_path}/bin/own'",
        "sim": "ok",
        "work": "ok",
    }
    told = {one["name"]: one for one in json.loads(wfctl("ai", "list", "--json").out)["ais"]}
    assert (told["work"]["stand"], told["work"]["lacks"]) == ("free", None)
    assert told["codex"]["lacks"] == "no program 'codex' on this shell's PATH"
    wfctl("ai", "disable", "codex")
    assert "codex\tcodex\tcodex\tdisabled\t" in wfctl("ai", "list").out


def test_a_job_that_waits_for_an_ai_says_for_whom_until_when_and_why(
    configured: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wfd.ctl import ai, scene

    monkeypatch.setattr(scene, "utc_ms", lambda: NOW)
    monkeypatch.setattr("wfd.offline.utc_ms", lambda: NOW)
    monkeypatch.setattr(ai, "utc_ms", lambda: NOW)
    configured.write("create", namespace="blue", north_star="green", type="plan")
    configured.work(a_held_job)
    said = wfctl("job", "1").out
    assert re.search(r"waits_for\tgone; or work, held until .*\d\d:00 \(in 9h\): usage limit", said)
    assert "\x1b[2J" not in said
    assert "released_by\tthe daemon, when one of them is free" in said
    assert "or a person who knows better: 'wfctl ai resume work'" in said
    told = json.loads(wfctl("job", "1", "--json").out)
    assert told["waits"]["waits_for"].startswith("gone; or work, held until")
    assert "work\tclaude\tfirm\theld until" in wfctl("ai", "list").out


def test_one_that_only_a_person_releases_names_the_command(configured: Shelf, wfctl: Call) -> None:
    configured.write("create", namespace="blue", north_star="green", type="plan")
    configured.work(a_held_job)
    wfctl("ai", "resume", "work")
    wfctl("ai", "disable", "work")
    said = wfctl("job", "1").out
    assert "work, disabled" in said
    assert "released_by\ta person: 'wfctl ai enable work'" in said


def test_a_job_that_names_its_ai_does_not_speak_of_a_default(
    configured: Shelf, wfctl: Call
) -> None:
    wfctl("ai", "register", "spare", "--harness", "sim")
    configured.write("create", namespace="blue", north_star="green", type="plan", ai="spare")
    said = wfctl("job", "1").out
    assert "needs\tthe AI spare" in said
    assert "the default of its type" not in said


def test_a_run_is_said_to_be_of_its_ai_and_not_only_of_its_harness(
    configured: Shelf, wfctl: Call
) -> None:
    wfctl("ai", "register", "spare", "--harness", "sim")
    configured.write("create", namespace="blue", north_star="green", type="plan")
    usual = Usual("spare")
    terms = Terms(9, None, "w", 60_000, house_of(None), lambda namespace, job_type: usual)
    configured.work(lambda tx: take_work(tx, terms))
    assert "R1\tspare (sim)\trunning" in wfctl("job", "1").out


def test_a_bare_group_shows_its_help_and_nothing_before_it(configured: Shelf, wfctl: Call) -> None:
    said = wfctl("ai")
    assert said.code == 2
    assert "wfctl: Usage" not in said.err
    assert "register" in said.err, "its commands are named"


def test_the_commands_answer_with_the_plain_value_or_a_document(
    configured: Shelf, wfctl: Call
) -> None:
    assert wfctl("ai", "register", "spare", "--harness", "sim", "--env", "A=B").out == "spare\n"
    assert json.loads(wfctl("ai", "register", "spare", "--harness", "sim", "--json").out) == {
        "ai": "spare", "created": False,
    }  # fmt: skip
    assert wfctl("ai", "label", "spare", "--add", "x", "--add", "y").out == "x y\n"
    assert json.loads(wfctl("ai", "disable", "spare", "--json").out)["enabled"] is False
    assert wfctl("ai", "unregister", "spare").code == 0


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("register", "work"), 4, "under ais.work"),
        (("register", "x", "--harness", "sim", "--env", "A"), 2, "no pair A=B"),
        (("label", "work"), 2, "say --add LABEL or --remove LABEL"),
        (("resume", "clod"), 3, "no AI 'clod'"),
        (("check", "work"), 6, "the daemon is not running"),
    ],
)
def test_what_is_off_is_said_with_the_way_out(
    configured: Shelf, wfctl: Call, words: tuple[str, ...], code: int, why: str
) -> None:
    said = wfctl("ai", *words)
    assert (said.code, why in said.err) == (code, True), said


@pytest.mark.parametrize("pair", ["A=sk-ant-T0PSECRET", "sk-ant-T0PSECRET", "sk-T0PSECRET="])
def test_a_secret_in_the_place_of_a_name_is_refused_and_not_repeated(
    configured: Shelf, wfctl: Call, pair: str
) -> None:
    said = wfctl("ai", "register", "k", "--harness", "sim", "--env", pair)
    assert said.code == 2
    assert "names of variables" in said.err
    assert "T0PSECRET" not in said.out + said.err
    assert "T0PSECRET" not in wfctl("ai", "list", "--json").out


def test_an_agent_may_look_and_change_nothing(
    configured: Shelf, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFD_RUN_ID", "R1")
    assert wfctl("ai", "list").code == 0
    assert wfctl("ai", "resume", "work").code == 4
    assert wfctl("ai", "check", "work").code == 4


def test_a_configured_ai_whose_harness_nobody_knows_is_refused(
    configured: Shelf, wfctl: Call, tmp_path: Path
) -> None:
    file = tmp_path / "config" / "config.json"
    file.write_text(json.dumps({"ais": {"work": {"harness": "clod"}}}))
    said = wfctl("ai", "list")
    assert said.code == 2
    assert "'ais.work.harness': no harness 'clod' (did you mean 'codex'?)" in said.err
    file.write_text(json.dumps({"ais": {"a b": {}}}))
    assert "letters, digits" in wfctl("ai", "list").err
    file.write_text(json.dumps({"ais": {"work": {"lables": []}}}))
    assert "no key 'lables' (did you mean 'labels'?)" in wfctl("ai", "list").err
