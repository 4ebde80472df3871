"""docs/troubleshooting.md quotes what the code says, and its jq lines run."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.docs.documents import ROOT, code_in, only_code, table, text_of

from wfd.domain.outcome import Kind
from wfd_runners import harnesses
from wfd_runners.claude import causes as claude
from wfd_runners.codex import causes as codex
from wfd_runners.gemini import causes as gemini

NAME = "docs/troubleshooting.md"
LOG = [
    {
        "event": "run.closed", "level": "info", "run_id": 2, "job_id": 1, "type": "implement",
        "outcome": "succeeded", "duration_ms": 12, "next": "judge", "cost_usd": 0.02,
    },
    {
        "event": "run.closed", "level": "info", "run_id": 3, "job_id": 2, "type": "pm",
        "outcome": "lost", "duration_ms": 7, "next": "again", "cost_usd": None,
    },
    {"event": "command.done", "level": "info", "command": "answer", "question_id": 5},
    {"event": "config.refused", "level": "error", "error": "x", "kept": "the last good one"},
]  # fmt: skip
SAYS = {
    "one line for each run that ended": ["R2 J1 implement succeeded 12ms judge", "R3 J2 pm lost"],
    "what went wrong": ["config.refused"],
    "how often each outcome came": ["1 lost", "1 succeeded"],
    "reported cost by job type": ["implement 0.02", "pm 0"],
    "what people did, and what was refused": ['"command":"answer","question_id":5'],
    "all that is said of one run": ['"run_id":2'],
}

SAID_BY_THE_CODE = [
    "the daemon is not running; start it with: wfd start",
    "the daemon takes no more calls at the moment; try again",
    "is in no repository",
    "the agent could not log in",
    "the agent's program is not there",
    "it cannot start",
    "the delivery of its work",
    "has changed since a person accepted it",
    "is gone, and it was accepted before",
    "has changed since it was accepted, and init does not accept a change",
    "that is not of this assignment",
    "is checked out in",
    "was moved by somebody else",
    "correct harnessDefaults",
    "the PM's decision was refused twice, at last because",
    "the PM could not decide:",
    "the cap on jobs is reached",
    "the cap on wall time is reached",
    "the cap on cost is reached",
    "the cap on tokens is reached",
    "the cap on the PM's share is reached",
    "it resumes by itself when the day ends",
    "verdicts have failed it since a person last decided",
    "has found the same twice",
    "has complained of the same places",
    "was reached while it ran",
    "nothing else is open",
    "the work of these jobs is not merged:",
    "that would be a cycle:",
    "it cannot continue:",
    "paused by a person",
    "these processes survive every kill",
    "and a run may only read",
    "run.not_closed",
    "run.waits_for_room",
    "disk.short",
    "store.failed",
    "the store could not be written",
    "was deleted or replaced while wfd had it open",
    "there is no room in",
    "run.retrying",
    "it only tried again for",
    "it may still carry the command out",
    "login: none found in this shell and its home",
    "could not be started:",
    "the prompt has",
    "folders of skills lie in the workspace",
    "tool calls were",
    "in time; its branch is kept",
    "has nothing to override: ",
    "was finished already",
    "could not be made ready:",
    "watchdog.silent",
    "notification.failed",
    "notification.given_up",
    "notification.not_repeated",
    "notification.not_followed",
    "notification.not_saved",
    "is not set where the daemon was started",
    "others may read",
    "it answered",
]
MEANS_NO_LOGIN = {
    "claude": claude.by_words,
    "codex": codex.by_words,
    "gemini": gemini.by_words,
}


@pytest.mark.parametrize("sentence", SAID_BY_THE_CODE)
def test_a_sentence_that_is_quoted_is_one_that_the_code_says(sentence: str) -> None:
    assert sentence in one_line(text_of(NAME))
    assert sentence in source()


def test_each_sentence_of_a_cli_that_cannot_log_in_is_read_as_that() -> None:
    rows = table(NAME, "agent")

    assert {only_code(agent) for agent, _, _ in rows} == set(MEANS_NO_LOGIN)
    for agent, says, _ in rows:
        for sentence in code_in(says):
            assert MEANS_NO_LOGIN[only_code(agent)](sentence) is Kind.AUTH, sentence


def test_the_names_of_all_harnesses_are_quoted() -> None:
    assert f"known: {', '.join(sorted(harnesses()))}; correct harnessDefaults" in text_of(NAME)


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not there")
@pytest.mark.parametrize("title", SAYS)
def test_a_line_of_jq_tells_what_its_title_says(title: str, tmp_path: Path) -> None:
    (tmp_path / "wfd.log").write_text("".join(f"{json.dumps(line)}\n" for line in LOG))
    command = jq_lines()[next(known for known in jq_lines() if known.startswith(title))]
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == len(SAYS[title])
    for said in SAYS[title]:
        assert said in done.stdout


def test_every_line_of_jq_is_tried() -> None:
    assert len(jq_lines()) == len(SAYS)


def jq_lines() -> dict[str, str]:
    """Each command by the comment above it."""
    return dict(re.findall(r"^# (.+)\n(jq .+)$", text_of(NAME), re.MULTILINE))


def source() -> str:
    """All source text, with literals that go on from line to line joined."""
    files = (file for room in ("daemon", "runners") for file in sorted((ROOT / room).rglob("*.py")))
    text = "\n".join(file.read_text() for file in files)
    return re.sub(r'"\s*\n\s*f?"', "", text)


def one_line(text: str) -> str:
    return " ".join(text.split())
