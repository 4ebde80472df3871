"""Facts of single recordings of Claude Code."""

from tests.runners.recordings import Recording

from wfd.domain.outcome import Kind
from wfd.domain.signal import LimitSeen

RESET = 1_795_180_000_000  # 13:06:40Z


def test_the_limit_with_a_reset_carries_it_and_the_ones_without_do_not() -> None:
    assert Recording("claude", "err_429_unified").read()[1].outcome.reset_at == RESET
    assert Recording("claude", "err_429_long").read()[1].outcome.reset_at is None


def test_a_warning_about_a_limit_is_no_failure() -> None:
    signals, conclusion = Recording("claude", "ok_unified_warning").read()
    assert LimitSeen(False, RESET, "five_hour limit: allowed_warning") in signals
    assert conclusion.outcome.kind is Kind.SUCCEEDED


def test_the_session_of_a_failed_resume_is_not_kept() -> None:
    assert Recording("claude", "resume_unknown").read()[1].session_id is None
    kept = Recording("claude", "resume_2").read()[1].session_id
    assert kept == "11111111-2222-4333-8444-555555555555"


def test_a_structured_answer_is_parsed_and_a_missing_one_is_none() -> None:
    structured = Recording("claude", "structured").read()[1].structured
    assert isinstance(structured, dict)
    assert structured["decision"] == "insert_job"
    assert Recording("claude", "structured_never_text").read()[1].structured is None


def test_an_interrupted_turn_is_unmeasured_and_not_free() -> None:
    conclusion = Recording("claude", "sigint_stream").read()[1]
    assert conclusion.cost_usd is None
    assert conclusion.usage.tokens_in == 1200, "what went in was told when its message began"


def test_denied_tools_are_named() -> None:
    message = Recording("claude", "denied_default").read()[1].outcome.message
    assert message == "2 tool calls were denied: Bash, Write"
