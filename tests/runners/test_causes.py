"""What words of failure mean, whichever CLI says them; an agent's own words mean nothing."""

import json
from collections.abc import Callable

import pytest

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.ports import End
from wfd_runners import harnesses
from wfd_runners.causes import is_limit

NOW = 1_795_176_000_000  # 2026-11-20T12:00Z
Event = dict[str, object]
Tells = dict[str, Callable[[str], list[Event]]]

LIMITS = (
    "Weekly limit reached · resets 10am (Asia/Seoul)",
    "You've used all your included credits",
    "5-hour limit reached",
    "Your quota is exhausted",
    "You have exceeded your monthly allowance",
    "Your plan's message cap has been hit. Retry after 2h",
    "Opus weekly limit hit",
    "You are out of messages until 5pm",
    "Daily limit for uploads of files: resets at 5pm",
    "Request was throttled",
    "429 Too Many Requests",
)
NO_LIMITS = (
    "maximum context length limit exceeded",
    "Memory limit exceeded",
    "the file size limit was exceeded",
    "Maximum number of turns (5) reached, which is the limit",
    "time limit reached",
    "the limit of max_tokens was reached",
    "something that nobody has seen",
    "It broke down; please try again in 5 minutes",
)
TOLD: Tells = {  # how each CLI tells of a failure
    "claude": lambda words: [
        {
            "type": "assistant",
            "message": {"model": "<synthetic>", "content": [{"type": "text", "text": words}]},
        },
        {"type": "result", "subtype": "success", "is_error": True, "result": words},
    ],
    "codex": lambda words: [{"type": "turn.failed", "error": {"message": words}}],
    "gemini": lambda words: [{"type": "result", "status": "error", "error": {"message": words}}],
}
SAID: Tells = {  # how each tells of an agent's answer, which is a success
    "claude": lambda words: [
        {
            "type": "assistant",
            "message": {"model": "opus", "content": [{"type": "text", "text": words}]},
        },
        {"type": "result", "subtype": "success", "is_error": False, "result": words},
    ],
    "codex": lambda words: [
        {"type": "item.completed", "item": {"type": "agent_message", "text": words}},
        {"type": "turn.completed", "usage": {"input_tokens": 9, "output_tokens": 9}},
    ],
    "gemini": lambda words: [
        {"type": "message", "role": "assistant", "content": words},
        {"type": "result", "status": "success", "stats": {"input_tokens": 9, "output_tokens": 9}},
    ],
}


def _conclude(cli: str, events: list[Event], stderr: str = "") -> Conclusion:
    codec = harnesses()[cli].codec()
    for event in events:
        codec.read(json.dumps(event).encode())
    return codec.conclude(End(1 if stderr else 0, EndedBy.NONE, stderr, NOW))


@pytest.mark.parametrize("words", LIMITS)
@pytest.mark.parametrize("cli", TOLD)
def test_a_limit_in_words_that_nobody_has_seen_holds_the_account(cli: str, words: str) -> None:
    assert _conclude(cli, TOLD[cli](words)).outcome.kind is Kind.RATE_LIMITED


@pytest.mark.parametrize("words", NO_LIMITS)
def test_a_limit_that_no_waiting_lifts_is_none_of_the_account(words: str) -> None:
    assert not is_limit(words)


@pytest.mark.parametrize("words", ["usage ", "resets ", "out of ", "limit |", "1 "])
def test_a_failure_of_millions_of_characters_is_read_only_at_its_beginning(words: str) -> None:
    assert not is_limit(words * 500_000 + "weekly limit reached")


@pytest.mark.parametrize("words", LIMITS)
@pytest.mark.parametrize("cli", SAID)
def test_an_agent_that_writes_about_limits_has_reached_none(cli: str, words: str) -> None:
    outcome = _conclude(cli, SAID[cli](f"The page now says: {words}")).outcome
    assert (outcome.kind, outcome.reset_at) == (Kind.SUCCEEDED, None)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Failed to authenticate: OAuth session expired and could not be refreshed", Kind.AUTH),
        ("Your session has expired. Please log in.", Kind.AUTH),
        ("request failed: 401 Unauthorized", Kind.AUTH),
        ("spawn /bin/sh EAGAIN", Kind.TRANSIENT),
        ("fork: Cannot allocate memory", Kind.TRANSIENT),
        ("EMFILE: too many open files, open '/x'", Kind.TRANSIENT),
        ("getaddrinfo EAI_AGAIN api.example.org", Kind.TRANSIENT),
        ("Temporary failure in name resolution", Kind.TRANSIENT),
    ],
)
@pytest.mark.parametrize("cli", TOLD)
def test_lost_logins_networks_and_full_machines_are_known_in_a_stream_and_on_stderr(
    cli: str, words: str, kind: Kind
) -> None:
    assert _conclude(cli, TOLD[cli](words)).outcome.kind is kind
    assert _conclude(cli, [], stderr=f"Error: {words}\n").outcome.kind is kind


@pytest.mark.parametrize("cli", TOLD)
def test_a_refusal_to_begin_is_misuse_by_the_line_that_tells_why(cli: str) -> None:
    outcome = _conclude(cli, [], stderr="the frobnicator must be set\n").outcome
    assert (outcome.kind, outcome.message) == (Kind.USAGE, "the frobnicator must be set")
    trace = "x:1\n  throw e;\n  ^\n\nTypeError: y is no function\n    at z (x:1:2)\n\nNode.js v22\n"
    outcome = _conclude(cli, [], stderr=trace).outcome
    assert (outcome.kind, outcome.message) == (Kind.USAGE, "TypeError: y is no function")


@pytest.mark.parametrize("cli", ["claude", "codex", "gemini"])
@pytest.mark.parametrize("code", [-6, -9, 134, 137, 143, None])
def test_one_that_was_killed_at_its_start_has_refused_nothing(cli: str, code: int | None) -> None:
    end = End(code, EndedBy.NONE, "some words\n", NOW)
    assert harnesses()[cli].codec().conclude(end).outcome.kind is Kind.PROTOCOL
