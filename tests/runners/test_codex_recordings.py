"""Facts of codex: single recordings, and lines that none of them holds."""

import json

import pytest
from tests.runners.recordings import NOW, Recording

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.domain.signal import Noise, Retrying, Said, Signal, ToolCalled, ToolReturned
from wfd.ports import End
from wfd_runners.codex.harness import CodexCodec

THREAD = {"type": "thread.started", "thread_id": "01a1f8b8"}
ANSWER = {"type": "item.completed", "item": {"type": "agent_message", "text": "Done."}}
COMPLETED = {"type": "turn.completed", "usage": {"input_tokens": 9, "cached_input_tokens": 8}}


def _read(*events: object) -> tuple[list[Signal], CodexCodec]:
    codec = CodexCodec()
    signals = [signal for event in events for signal in codec.read(json.dumps(event).encode())]
    return signals, codec


def _conclude(*events: object, exit_code: int | None = 1, stderr: str = "") -> Conclusion:
    return _read(*events)[1].conclude(End(exit_code, EndedBy.NONE, stderr, NOW))


def _failure(message: str) -> Conclusion:
    return _conclude(THREAD, {"type": "turn.failed", "error": {"message": message}})


# --- recordings ---------------------------------------------------------------


def test_a_usage_limit_carries_the_time_that_it_names() -> None:
    outcome = Recording("codex", "usage_limit_reached").read()[1].outcome
    assert outcome.reset_at == 1_795_179_960_000  # 13:06Z, an hour and six minutes on


def test_reconnecting_is_told_with_its_number_and_its_cause() -> None:
    signals = Recording("codex", "err_429_twice").read()[0]
    cause = "exceeded retry limit, last status: 429 Too Many Requests"
    retries = [signal for signal in signals if isinstance(signal, Retrying)]
    assert retries == [Retrying(1, None, cause), Retrying(2, None, cause)]


def test_a_tool_is_called_once_and_returns_once() -> None:
    signals, conclusion = Recording("codex", "tool_parallel").read()
    called = [signal for signal in signals if isinstance(signal, ToolCalled)]
    returned = [signal for signal in signals if isinstance(signal, ToolReturned)]
    assert called[1] == ToolCalled(
        "item_2", "command_execution", "/bin/bash -lc 'echo oops >&2; exit 3'"
    )
    assert returned == [
        ToolReturned("item_1", "one\n", is_error=False),
        ToolReturned("item_2", "oops\n", is_error=True),
    ]
    assert conclusion.tools == len(called) == 2


def test_a_tool_of_a_server_is_called_by_both_names_and_returns_its_text() -> None:
    signals = Recording("codex", "mcp").read()[0]
    assert ToolCalled("item_0", "mcp__wfd__decide", '{"decision":"done"}') in signals
    assert ToolReturned("item_0", 'recorded {"decision": "done"}', is_error=False) in signals


def test_a_change_of_files_names_them() -> None:
    signals = Recording("codex", "success_tools").read()[0]
    assert ToolCalled("item_1", "file_change", "add /srv/work/repo/hello.txt") in signals


def test_the_tokens_of_a_resumed_thread_are_those_of_all_its_turns() -> None:
    first, second = (Recording("codex", f"resume_{n}").read()[1] for n in (1, 2))
    assert first.session_id == second.session_id
    assert (first.usage.tokens_in, second.usage.tokens_in) == (1200, 2400)


def test_a_thread_that_is_unknown_is_no_session_to_go_on_with() -> None:
    conclusion = Recording("codex", "resume_unknown").read()[1]
    assert conclusion.outcome.kind is Kind.POISONED
    assert conclusion.session_id is None


def test_an_answer_to_a_schema_stays_text() -> None:
    conclusion = Recording("codex", "structured").read()[1]
    assert conclusion.structured is None
    assert json.loads(conclusion.text)["decision"] == "insert_job"


def test_a_refused_option_is_named_in_one_sentence() -> None:
    assert (
        Recording("codex", "usage_error").read()[1].outcome.message
        == "unexpected argument '--no-such-flag' found"
    )
    assert Recording("codex", "config_error").read()[1].outcome.message == (
        "Error loading config.toml:"
        " /home/agent/.codex/config.toml:13:10: unclosed array, expected `]`"
    )


# --- the stream ---------------------------------------------------------------


def test_waiting_for_a_network_is_a_retry_without_a_number() -> None:
    message = "Reconnecting... waiting for network (Connection failed: error (os error 111))"
    assert _read({"type": "error", "message": message})[0] == [
        Retrying(None, None, "Connection failed: error (os error 111)")
    ]


def test_a_warning_is_no_failure() -> None:
    warning = {"type": "item.completed", "item": {"type": "error", "message": "Falling back"}}
    signals, codec = _read(THREAD, warning, ANSWER, COMPLETED)
    assert signals[1:3] == [Noise("Falling back"), Said("Done.")]
    assert codec.conclude(End(0, EndedBy.NONE, "", NOW)).outcome.kind is Kind.SUCCEEDED


def test_a_tool_that_was_never_told_to_have_started_is_called_when_it_returns() -> None:
    search = {"id": "item_0", "type": "web_search", "query": "the weather"}
    signals = _read({"type": "item.completed", "item": search})[0]
    assert signals == [
        ToolCalled("item_0", "web_search", "the weather"),
        ToolReturned("item_0", "", is_error=False),
    ]


def test_another_turn_takes_back_that_the_run_is_finished() -> None:
    codec = _read(THREAD, ANSWER, COMPLETED)[1]
    assert codec.is_finished
    codec.read(b'{"type":"turn.started"}')
    assert not codec.is_finished


def test_the_last_turn_decides() -> None:
    failed = {"type": "turn.failed", "error": {"message": "Quota exceeded."}}
    assert _conclude(ANSWER, COMPLETED, failed).outcome.kind is Kind.RATE_LIMITED
    assert _conclude(ANSWER, failed, COMPLETED).outcome.kind is Kind.SUCCEEDED


def test_a_last_message_without_words_is_an_empty_answer() -> None:
    blank = {"type": "item.completed", "item": {"type": "agent_message", "text": " \n"}}
    outcome = _conclude(ANSWER, blank, COMPLETED, exit_code=0).outcome
    assert (outcome.kind, outcome.message) == (Kind.FAILED, "empty answer")


def test_an_exit_that_contradicts_the_stream_is_remarked() -> None:
    outcome = _conclude(ANSWER, COMPLETED, exit_code=101).outcome
    assert (outcome.kind, outcome.message) == (Kind.SUCCEEDED, "exit code 101 after its result")


# --- what failures mean -------------------------------------------------------

FULL = "Input exceeds the maximum length of 1048576 characters."


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("unexpected status 402 Payment Required: pay, url: http://x/v1/responses", Kind.AUTH),
        ("unexpected status 403 Forbidden: your quota exceeded the sky", Kind.AUTH),
        ("Access blocked by Cloudflare. (status 403 Forbidden), url: http://x", Kind.AUTH),
        ("unexpected status 404 Not Found: not found, url: http://x", Kind.USAGE),
        ("unexpected status 413 Payload Too Large: too large", Kind.POISONED),
        ("unexpected status 529 <unknown>: busy", Kind.TRANSIENT),
        ("exceeded retry limit, last status: 503 Service Unavailable", Kind.TRANSIENT),
        ("Connection failed: error sending request", Kind.TRANSIENT),
        ("The model `m` does not exist or you do not have access to it.", Kind.USAGE),
        ("You’ve hit your usage limit for o9. Switch to another model now", Kind.RATE_LIMITED),
        ("Quota exceeded. Check your plan and billing details.", Kind.RATE_LIMITED),
        ("rate limit exceeded: Rate limit reached for m on tokens.", Kind.RATE_LIMITED),
        ("Your workspace is out of credits. Add credits to continue.", Kind.AUTH),
        ("To use Codex with your ChatGPT plan, upgrade to Plus: https://x", Kind.AUTH),
        ("Your access token could not be refreshed. Please log out", Kind.AUTH),
        ("Incomplete response returned, reason: max_output_tokens", Kind.FAILED),
        (
            "stream disconnected before completion: Incomplete response returned,"
            " reason: content_filter",
            Kind.FAILED,
        ),
        ("Invalid prompt: flagged by usage policy", Kind.FAILED),
        ("something that nobody has seen", Kind.FAILED),
    ],
)
def test_a_sentence_of_failure_has_its_kind(message: str, kind: Kind) -> None:
    outcome = _failure(message).outcome
    assert (outcome.kind, outcome.message) == (kind, message)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ({"error": {"message": "bad", "type": "invalid_request_error"}}, Kind.POISONED, "bad"),
        ({"detail": "The x model is not supported."}, Kind.USAGE, "The x model is not supported."),
    ],
)
def test_a_request_that_was_refused_is_told_by_the_sentence_in_its_body(
    body: object, kind: Kind, message: str
) -> None:
    outcome = _failure(json.dumps(body)).outcome
    assert (outcome.kind, outcome.message) == (kind, message)


def test_only_a_limit_has_a_reset() -> None:
    assert _failure("at capacity, try again at 1:06 PM.").outcome.reset_at is None
    outcome = _failure("rate limit exceeded: Please try again in 1.898s.").outcome
    assert outcome.reset_at == NOW + 1898


@pytest.mark.parametrize(
    ("events", "stderr", "kind"),
    [
        ([], "No prompt provided via stdin.\n", Kind.USAGE),
        ([THREAD], f"Error: turn/start: turn/start failed: {FULL} (code -32602)\n", Kind.USAGE),
        ([], "error: something of a later version\n\nUsage: codex\n", Kind.USAGE),
        ([], "Error: Missing optional dependency @openai/codex-linux-x64.", Kind.NOT_FOUND),
        ([THREAD], "thread 'main' panicked at src/main.rs", Kind.PROTOCOL),
    ],
)
def test_without_an_end_stderr_tells_what_was_wrong(
    events: list[object], stderr: str, kind: Kind
) -> None:
    assert _conclude(*events, stderr=stderr).outcome.kind is kind


def test_an_option_of_another_version_that_it_refuses_is_misuse_in_any_words() -> None:
    stderr = "error: something of a later version\n\nUsage: codex\n"
    outcome = _conclude(exit_code=2, stderr=stderr).outcome
    assert (outcome.kind, outcome.message) == (Kind.USAGE, "something of a later version")


def test_what_its_log_quotes_on_stderr_is_no_cause() -> None:
    log = (
        "2026-11-20T11:30:29.031290Z ERROR codex_core::tools::router: error=exec failed:"
        " unexpected status 401 Unauthorized: Quota exceeded.\n"
    )
    outcome = _conclude(THREAD, exit_code=-9, stderr=log).outcome
    assert (outcome.kind, outcome.message) == (
        Kind.PROTOCOL,
        "it ended without a result (signal 9)",
    )
