import json

import pytest

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.domain.signal import Noise, Retrying, Said, SessionStarted, ToolCalled, ToolReturned
from wfd.ports import End
from wfd_runners.claude.harness import ClaudeCodec
from wfd_runners.claude.stream import SYNTHETIC

NOW = 1_795_176_000_000
OK = {"type": "result", "subtype": "success", "is_error": False, "result": "Fine.", "num_turns": 1}


def _conclude(
    *events: object,
    exit_code: int | None = 0,
    ended_by: EndedBy = EndedBy.NONE,
    stderr: str = "",
) -> Conclusion:
    codec = ClaudeCodec()
    for event in events:
        codec.read(json.dumps(event).encode())
    return codec.conclude(End(exit_code, ended_by, stderr, NOW))


def _assistant(*blocks: object, model: str = "opus", error: str | None = None) -> dict[str, object]:
    extra = {} if error is None else {"error": error}
    return {"type": "assistant", "message": {"model": model, "content": list(blocks)}, **extra}


def _text(words: str) -> object:
    return {"type": "text", "text": words}


def _failure(words: str, status: int | None = None, error: str | None = None) -> tuple[object, ...]:
    result = {**OK, "is_error": True, "result": words, "api_error_status": status}
    return _assistant(_text(words), model="<synthetic>", error=error), result


def test_the_result_outranks_the_exit_code_and_the_message_says_so() -> None:
    outcome = _conclude(OK, exit_code=1).outcome
    assert outcome.kind is Kind.SUCCEEDED
    assert "exit code 1" in outcome.message


def test_an_unknown_exit_code_never_contradicts_the_stream() -> None:
    assert _conclude(OK, exit_code=None).outcome.message == ""


def test_a_cli_that_hung_after_its_result_and_was_ended_has_succeeded() -> None:
    outcome = _conclude(OK, exit_code=-9, ended_by=EndedBy.STALL).outcome
    assert outcome.kind is Kind.SUCCEEDED
    assert "after its result" in outcome.message


ABORTED = {
    "type": "result",
    "subtype": "error_during_execution",
    "is_error": True,
    "terminal_reason": "aborted_tools",
    "total_cost_usd": 0,
}


def test_the_result_that_our_own_signal_brought_about_is_no_result() -> None:
    assert _conclude(ABORTED, ended_by=EndedBy.TIMEOUT).outcome.kind is Kind.TIMED_OUT


def test_an_aborted_second_turn_takes_nothing_back_from_the_first() -> None:
    assert _conclude(OK, ABORTED, ended_by=EndedBy.STOP).outcome.kind is Kind.SUCCEEDED


@pytest.mark.parametrize(
    ("words", "status", "error", "kind"),
    [
        ("Credit balance is too low", 400, "billing_error", Kind.AUTH),
        ("API Error: 403 Forbidden", 403, None, Kind.AUTH),
        ("API Error: 500 Internal server error", 500, "server_error", Kind.TRANSIENT),
        ("API Error: 529 Overloaded", None, None, Kind.TRANSIENT),
        ("API Error: Request timed out", None, None, Kind.TRANSIENT),
        ("You've hit your weekly limit · resets 3pm (UTC)", None, "rate_limit", Kind.RATE_LIMITED),
        ("API Error: 400 tool_use ids must be unique", 400, "invalid_request", Kind.POISONED),
        ("something that nobody has seen", None, None, Kind.FAILED),
    ],
)
def test_a_failure_is_called_by_its_status_code_or_words(
    words: str, status: int | None, error: str | None, kind: Kind
) -> None:
    assert _conclude(*_failure(words, status, error)).outcome.kind is kind


@pytest.mark.parametrize("is_error", [True, None, "false"])
def test_success_that_does_not_deny_an_error_has_failed(is_error: object) -> None:
    assert _conclude({**OK, "is_error": is_error}).outcome.kind is Kind.FAILED


def test_a_limit_read_as_done_is_still_a_limit() -> None:
    words = "You've hit your session limit · resets 1:06pm (UTC)"
    said = _assistant(_text(words), model="<synthetic>", error="rate_limit")
    outcome = _conclude(said, {**OK, "result": words}).outcome
    assert outcome.kind is Kind.RATE_LIMITED
    assert outcome.reset_at == 1_795_179_960_000  # 13:06 UTC


def test_the_words_of_an_agent_that_failed_are_no_cause() -> None:
    words = "The page now says: weekly limit reached, resets at 5pm"
    outcome = _conclude(_assistant(_text(words)), {**OK, "is_error": True, "result": words}).outcome
    assert outcome.kind is Kind.FAILED


def test_a_limit_that_was_told_before_the_cli_was_killed_is_its_cause() -> None:
    for resets_at in (1_795_180_000, 1_795_180_000_000):
        info = {"status": "rejected", "resetsAt": resets_at, "rateLimitType": "seven_day"}
        limit = {"type": "rate_limit_event", "rate_limit_info": info}
        outcome = _conclude(limit, exit_code=-15).outcome
        assert (outcome.kind, outcome.reset_at) == (Kind.RATE_LIMITED, 1_795_180_000_000)
        goes_on = _conclude(limit, _assistant(_text("On.")), exit_code=-15).outcome
        assert goes_on.kind is Kind.PROTOCOL


def test_a_success_of_no_turn_is_none_and_of_a_hook_is_a_persons_to_mend() -> None:
    free = {**OK, "num_turns": 0, "usage": {"input_tokens": 0, "output_tokens": 0}}
    assert _conclude({**free, "result": "All is done."}).outcome.kind is Kind.FAILED
    limit = {**free, "result": "Monthly limit reached, resets Dec 1"}
    assert _conclude(limit).outcome.kind is Kind.RATE_LIMITED
    outcome = _conclude(
        {**free, "result": "Blocked by hook: no.\n\nOriginal prompt: Do it."}
    ).outcome
    assert (outcome.kind, outcome.message) == (
        Kind.USAGE,
        "no model was asked: Blocked by hook: no.",
    )
    real = _conclude(_assistant(_text("I wrote a hook.")), {**free, "result": "I wrote a hook."})
    assert real.outcome.kind is Kind.SUCCEEDED


def test_what_a_sub_agent_meets_is_no_end_of_the_run_and_its_work_counts() -> None:
    inner = {"parent_tool_use_id": "t"}
    tool = {"type": "tool_use", "id": "u", "name": "Bash", "input": {}}
    message = {"id": "m", "model": "opus", "content": [tool], "usage": {"input_tokens": 7}}
    work = {"type": "assistant", "message": message, **inner}
    died = {**_assistant(_text("API Error: 401"), model=SYNTHETIC, error="rate_limit"), **inner}
    retry = {"type": "system", "subtype": "api_retry", "error_status": 401, **inner}
    ends = {**OK, "is_error": True, "result": "dead", **inner}
    outcome = _conclude(work, died, retry, ends, exit_code=-9)
    assert outcome.outcome.kind is Kind.PROTOCOL
    assert (outcome.tools, outcome.usage.tokens_in) == (1, 7)
    good = _conclude(_assistant(_text("Fine.")), work, died, ends, OK, ends)
    assert good.outcome.kind is Kind.SUCCEEDED


def test_tasks_that_the_agent_ended_itself_are_no_remark() -> None:
    begun = {"type": "system", "subtype": "task_started", "task_id": "a", "description": "serve"}
    killed = {"type": "system", "subtype": "task_updated", "task_id": "a"}
    killed["patch"] = {"status": "killed"}  # type: ignore[assignment]
    said = _assistant(_text("Fine."))
    assert _conclude(begun, killed, said, OK).outcome.message == ""
    assert "serve" in _conclude(begun, said, killed, OK).outcome.message
    assert "serve" in _conclude(begun, said, OK).outcome.message


def test_a_reset_that_has_passed_is_no_reset() -> None:
    info = {"status": "rejected", "resetsAt": 1_795_000_000}
    limit = {"type": "rate_limit_event", "rate_limit_info": info}
    assert _conclude(limit, *_failure("limit", 429)).outcome.reset_at is None


@pytest.mark.parametrize("answer", ["", "  \n", "(no content)"])
def test_an_empty_answer_has_failed(answer: str) -> None:
    assert _conclude({**OK, "result": answer}).outcome.kind is Kind.FAILED


def test_a_refusal_has_failed() -> None:
    assert _conclude({**OK, "stop_reason": "refusal"}).outcome.kind is Kind.FAILED


def test_tokens_are_summed_over_models_and_count_the_cache() -> None:
    one = {"inputTokens": 1, "cacheReadInputTokens": 20, "outputTokens": 3}
    two = {"inputTokens": 4, "cacheCreationInputTokens": 500, "outputTokens": 6}
    usage = _conclude({**OK, "modelUsage": {"a": one, "b": two}}).usage
    assert (usage.tokens_in, usage.tokens_cached, usage.tokens_out) == (525, 20, 9)


def test_what_was_not_reported_is_none() -> None:
    conclusion = _conclude(OK)
    assert conclusion.cost_usd is None
    assert conclusion.usage.tokens_in is None


def test_the_answer_tool_counts_as_no_work_and_a_subagent_has_not_the_last_word() -> None:
    tool = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}
    answer = {**tool, "name": "StructuredOutput"}
    inner = {"type": "assistant", "parent_tool_use_id": "t", "message": {"content": [_text("in")]}}
    conclusion = _conclude(_assistant(_text("out")), _assistant(tool, answer), inner)
    assert conclusion.tools == 1
    assert conclusion.text == "out"


def test_a_missing_binary_behind_a_wrapper_is_not_found() -> None:
    conclusion = _conclude(exit_code=127, stderr="env: 'node': No such file or directory")
    assert conclusion.outcome.kind is Kind.NOT_FOUND


def test_a_background_task_keeps_the_run_unfinished_until_it_is_over() -> None:
    codec = ClaudeCodec()

    def read(event: object) -> None:
        codec.read(json.dumps(event).encode())

    read({"type": "system", "subtype": "task_started", "task_id": "b1"})
    read(OK)
    assert not codec.is_finished
    over = {"type": "system", "subtype": "task_updated", "task_id": "b1"}
    read({**over, "patch": {"status": "completed"}})
    assert codec.is_finished
    read({"type": "system", "subtype": "init", "session_id": "s"})
    assert not codec.is_finished
    read(OK)
    assert codec.is_finished


def test_half_a_surrogate_pair_and_broken_utf8_do_not_cost_the_event() -> None:
    codec = ClaudeCodec()
    half = (
        rb'{"type":"assistant","message":{"content":[{"type":"text","text":"a\ud83d b\\ud83d"}]}}'
    )
    assert codec.read(half) == [Said("a\ufffd b\\ud83d")]
    broken = b'{"type":"assistant","message":{"content":[{"type":"text","text":"\xff"}]}}'
    assert codec.read(broken) == [Said("\ufffd")]


def test_each_event_becomes_its_signal() -> None:
    codec = ClaudeCodec()
    init = {"type": "system", "subtype": "init", "session_id": "s", "model": "m"}
    retry = {"type": "system", "subtype": "api_retry", "attempt": 2, "retry_delay_ms": 519.9}
    tool = {"type": "tool_use", "id": "t", "name": "Write", "input": {"file_path": "/a", "x": 1}}
    block = {"type": "tool_result", "tool_use_id": "t", "is_error": True}
    user = {"type": "user", "message": {"content": [{**block, "content": [_text("no")]}]}}
    read = [
        *codec.read(json.dumps(init).encode()),
        *codec.read(json.dumps({**retry, "error_status": 529, "error": "overloaded"}).encode()),
        *codec.read(json.dumps(_assistant(tool)).encode()),
        *codec.read(json.dumps(user).encode()),
        *codec.read(b'{"type":"new_in_a_later_version"}'),
    ]
    assert read == [
        SessionStarted("s", "m", None),
        Retrying(2, 519, "529 overloaded"),
        ToolCalled("t", "Write", "/a"),
        ToolReturned("t", "no", True),
        Noise("new_in_a_later_version"),
    ]


def test_numbers_beyond_all_reason_are_not_reported() -> None:
    line = b'{"type":"result","subtype":"success","is_error":false,"result":"x","total_cost_usd":'
    for number in (b"1e999", b"NaN", b"-1", b"9" * 400, b"true"):
        codec = ClaudeCodec()
        codec.read(line + number + b"}")
        conclusion = codec.conclude(End(0, EndedBy.NONE, "", NOW))
        assert conclusion.cost_usd is None
