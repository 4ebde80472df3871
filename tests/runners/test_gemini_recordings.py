"""Facts of single recordings of Gemini CLI, and of what else it is known to say."""

import json

import pytest
from tests.runners.recordings import NOW, Recording, conclude

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.domain.signal import Retrying, Said
from wfd.ports import End
from wfd_runners.gemini.harness import Gemini, GeminiCodec

QUOTA = "\nPlease wait and try again later. To increase your limits, request a quota increase"


def _failed(message: str, exit_code: int | None = 1) -> Conclusion:
    """What a run comes to whose result is this error."""
    result = {"type": "result", "status": "error", "error": {"message": message}, "stats": {}}
    return conclude("gemini", [json.dumps(result).encode()], exit_code)[1]


def _silent(stderr: str, exit_code: int) -> Conclusion:
    return GeminiCodec().conclude(End(exit_code, EndedBy.NONE, stderr, NOW))


def test_the_answer_is_what_was_said_after_the_last_tool() -> None:
    signals, conclusion = Recording("gemini", "success_tools").read()
    assert conclusion.text == "Created hello.txt and checked it."
    assert Said("I will w") in signals


def test_tokens_are_those_of_one_run_though_it_goes_on_with_a_session() -> None:
    first, second = (Recording("gemini", f"resume_{n}").read()[1] for n in (1, 2))
    assert first.session_id == second.session_id
    assert first.usage == second.usage
    assert not Gemini().usage_spans_session


def test_denied_tools_are_named() -> None:
    message = Recording("gemini", "denied_default").read()[1].outcome.message
    assert message == "2 tool calls were denied: run_shell_command, write_file"


def test_a_loop_is_no_success_though_the_cli_calls_it_one() -> None:
    outcome = Recording("gemini", "loop_detect").read()[1].outcome
    assert (outcome.kind, outcome.message) == (Kind.FAILED, "Loop detected, stopping execution")


def test_a_complaint_that_the_agent_worked_on_after_is_no_failure() -> None:
    events: list[dict[str, object]] = [
        {"type": "error", "severity": "warning", "message": "Agent execution blocked: x"},
        {"type": "message", "role": "assistant", "content": "Done."},
        {"type": "result", "status": "success", "stats": {}},
    ]
    lines = [json.dumps(event).encode() for event in events]
    assert conclude("gemini", lines, 0)[1].outcome.kind is Kind.SUCCEEDED
    assert conclude("gemini", [lines[1], lines[0], lines[2]], 0)[1].outcome.kind is Kind.FAILED


def test_a_success_without_a_word_after_the_last_tool_is_an_empty_answer() -> None:
    events: list[dict[str, object]] = [
        {"type": "message", "role": "assistant", "content": "I will look."},
        {"type": "tool_use", "tool_id": "1", "tool_name": "glob", "parameters": {}},
        {"type": "tool_result", "tool_id": "1", "status": "success"},
        {"type": "result", "status": "success", "stats": {}},
    ]
    outcome = conclude("gemini", [json.dumps(event).encode() for event in events], 0)[1].outcome
    assert (outcome.kind, outcome.message) == (Kind.FAILED, "empty answer")


def test_a_result_of_a_status_that_nobody_knows_is_no_success() -> None:
    for status in ({}, {"status": "stopped"}):
        said = b'{"type":"message","role":"assistant","content":"Done."}'
        result = json.dumps({"type": "result", **status}).encode()
        outcome = conclude("gemini", [said, result], 0)[1].outcome
        assert (outcome.kind, outcome.message) == (Kind.FAILED, "failed without a message")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ('[API Error: {"error":{"code":400,"message":"API key not valid."}}]', Kind.AUTH),
        ('[API Error: {"error":{"code":403,"message":"It was leaked: quota."}}]', Kind.AUTH),
        (
            '[API Error: {"error":{"code":400,"message":"The input token count (2000000) exceeds'
            ' the maximum number of tokens allowed (1048576)."}}]',
            Kind.POISONED,
        ),
        ('[API Error: {"error":{"code":400,"message":"Bad turn."}}]', Kind.POISONED),
        ("[API Error: models/nope is not found for API version v1beta.]", Kind.USAGE),
        ("[API Error: The model is overloaded.]", Kind.TRANSIENT),
        ("The model response was blocked due to safety settings.", Kind.FAILED),
        ("The model returned an empty response. This may be transient.", Kind.FAILED),
        ("Nobody knows.", Kind.FAILED),
    ],
)
def test_a_failure_is_known_by_its_words(message: str, kind: Kind) -> None:
    assert _failed(message).outcome.kind is kind


@pytest.mark.parametrize(
    ("exit_code", "kind"),
    [
        (144, Kind.POISONED),
        (145, Kind.AUTH),
        (173, Kind.RATE_LIMITED),
        (247, Kind.TRANSIENT),
        (41, Kind.AUTH),
        (53, Kind.FAILED),
        (1, Kind.FAILED),
        (None, Kind.FAILED),
    ],
)
def test_where_no_word_tells_the_exit_code_does(exit_code: int | None, kind: Kind) -> None:
    assert _failed("Nobody knows.", exit_code).outcome.kind is kind


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please retry in 37.5s.\nSuggested retry after 37.5s.", 37.5),
        ("Please retry in 3h12m5s.", 11525),
        ("Your quota will reset after 3h12m5s.", 11525),
        ("You have exhausted your daily quota on this model.", None),
    ],
)
def test_a_limit_carries_its_end_where_it_is_told(words: str, seconds: float | None) -> None:
    outcome = _failed(f"[API Error: Quota exceeded. {words}]{QUOTA}", 173).outcome
    assert outcome.kind is Kind.RATE_LIMITED
    assert outcome.reset_at == (None if seconds is None else NOW + seconds * 1000)
    assert "[API" not in outcome.message
    assert "Please wait" not in outcome.message


# --- stderr -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "signal"),
    [
        (
            'Attempt 2 failed with status 503. Retrying with backoff... _ApiError: {"error":{}}',
            Retrying(2, None, "status 503"),
        ),
        (
            "Attempt 1 failed. Retrying with backoff... Error: fetch failed",
            Retrying(1, None, "Error: fetch failed"),
        ),
        ("Attempt 1 failed: Slow down. Retrying after 4209ms...", Retrying(1, 4209, "Slow down")),
        (
            "Suggested retry after 37.5s.. Retrying after 42098ms...",
            Retrying(None, 42098, "Suggested retry after 37.5s."),
        ),
        ("x. Retrying after 999999999ms...", Retrying(None, 360_000, "x")),
        ("Attempt 3 failed: The model is overloaded.. Max attempts reached", None),
        ("    at retryWithBackoff (file:///x.js:1:2)", None),
        ("Ripgrep is not available. Falling back to GrepTool.", None),
    ],
)
def test_only_a_next_attempt_is_read_from_stderr(line: str, signal: Retrying | None) -> None:
    assert Gemini().read_stderr(line) == signal


def test_what_a_tool_made_the_cli_print_is_no_cause() -> None:
    stderr = "Error executing tool run_shell_command: api key not valid\n"
    assert _silent(stderr, 0).outcome.kind is Kind.PROTOCOL


def test_a_cause_is_told_without_chatter_and_without_the_trace() -> None:
    stderr = (
        "Warning: 256-color support not detected.\n"
        "Error authenticating: FatalAuthenticationError: Manual authorization is required\n"
        "    at initOauthClient (file:///x.js:1:2) {\n"
        "  exitCode: 41\n"
        "}\n"
    )
    outcome = _silent(stderr, 41).outcome
    assert outcome.kind is Kind.AUTH
    assert outcome.message.endswith("Manual authorization is required")


def test_words_that_are_unknown_leave_it_to_the_exit_code() -> None:
    assert _silent("Something new about the settings.", 52).outcome.kind is Kind.USAGE
    assert _silent("Something new.", 53).outcome.kind is Kind.FAILED
    assert _silent("Something new.", 139).outcome.kind is Kind.PROTOCOL
