"""Every recording of Claude Code comes to what it meant.

The kinds below were decided by reading each recording and how it was made. The files
`<case>.expected.json` hold the details; `UPDATE_GOLDEN=1` rewrites them, and the diff is read.
"""

import json
import os
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.domain.signal import Finished, LimitSeen, Retrying, SessionStarted, Signal
from wfd.ports import End
from wfd_runners.claude import Claude, ClaudeCodec
from wfd_runners.reading import conclude_file

GOLDEN = Path(__file__).parent.parent / "golden" / "claude"
NOW = 1_795_176_000_000  # 2026-11-20T12:00:00Z, the day of the recordings
RESET = 1_795_180_000_000  # 13:06:40Z

MEANT = {
    "bg_tool": Kind.SUCCEEDED,  # two results; the second is the answer
    "conn_refused_max1": Kind.TRANSIENT,
    "denied_default": Kind.SUCCEEDED,
    "disconnect_forever": Kind.TRANSIENT,
    "disconnect_once": Kind.SUCCEEDED,
    "err_401": Kind.AUTH,
    "err_401_max0": Kind.AUTH,
    "err_404_model": Kind.USAGE,
    "err_429_forever": Kind.RATE_LIMITED,
    "err_429_long": Kind.RATE_LIMITED,
    "err_429_unified": Kind.RATE_LIMITED,
    "err_500_twice": Kind.SUCCEEDED,
    "err_529_fallback": Kind.SUCCEEDED,
    "err_529_twice": Kind.SUCCEEDED,
    "err_no_key": Kind.AUTH,
    "hang_after_headers_400s": Kind.PROTOCOL,
    "hang_watchdog": Kind.PROTOCOL,
    "max_budget": Kind.FAILED,
    "max_turns": Kind.FAILED,
    "mcp": Kind.SUCCEEDED,
    "no_persist": Kind.SUCCEEDED,
    "ok_unified_warning": Kind.SUCCEEDED,
    "prompt_dash": Kind.USAGE,
    "prompt_too_long": Kind.POISONED,
    "resume_1": Kind.SUCCEEDED,
    "resume_2": Kind.SUCCEEDED,
    "resume_unknown": Kind.POISONED,
    "root_refused": Kind.USAGE,
    "sigint_stream": Kind.PROTOCOL,  # a signal of nobody's that we know
    "sigkill_group_bg": Kind.PROTOCOL,
    "sigterm_stream": Kind.PROTOCOL,
    "sigterm_tool": Kind.PROTOCOL,
    "slash_clear": Kind.FAILED,
    "slash_unknown": Kind.FAILED,
    "stdin_12mb": Kind.USAGE,
    "stdin_300k": Kind.SUCCEEDED,
    "structured": Kind.SUCCEEDED,
    "structured_as_text": Kind.SUCCEEDED,  # without `structured`: the engine decides
    "structured_bad_schema": Kind.USAGE,
    "structured_never": Kind.FAILED,
    "structured_never_text": Kind.SUCCEEDED,  # as above
    "success_partial": Kind.SUCCEEDED,
    "success_stdin": Kind.SUCCEEDED,
    "success_text": Kind.SUCCEEDED,
    "success_thinking": Kind.SUCCEEDED,
    "success_tools": Kind.SUCCEEDED,
    "tool_parallel": Kind.SUCCEEDED,
    "unicode": Kind.SUCCEEDED,
    "usage_error": Kind.USAGE,
    "usage_error_badmode": Kind.USAGE,
}

# Recordings that an outside signal or the recorder's own clock ended, before any result.
CUT_SHORT = (
    "hang_after_headers_400s",
    "hang_watchdog",
    "sigint_stream",
    "sigkill_group_bg",
    "sigterm_stream",
    "sigterm_tool",
)
ENDED_BY_US = {
    EndedBy.STOP: Kind.INTERRUPTED,
    EndedBy.CANCEL: Kind.CANCELLED,
    EndedBy.TIMEOUT: Kind.TIMED_OUT,
    EndedBy.STALL: Kind.STALLED,
    EndedBy.STARTUP: Kind.STALLED,
    EndedBy.LIMIT: Kind.FAILED,
}


def _read(case: str, ended_by: EndedBy = EndedBy.NONE) -> tuple[list[Signal], Conclusion]:
    transcript, stderr = GOLDEN / f"{case}.jsonl", GOLDEN / f"{case}.stderr"
    return conclude_file(
        Claude(),
        transcript if transcript.exists() else Path(os.devnull),
        exit_code=_exit_code(case),
        stderr=stderr.read_text() if stderr.exists() else "",
        now=NOW,
        ended_by=ended_by,
    )


def _exit_code(case: str) -> int:
    code = json.loads((GOLDEN / f"{case}.meta.json").read_bytes())["exit_code"]
    assert isinstance(code, int)
    return code


def _details(signals: list[Signal], conclusion: Conclusion) -> dict[str, object]:
    names = (type(signal).__name__ for signal in signals)
    counted = [(name, len(list(same))) for name, same in groupby(names)]
    facts = (SessionStarted, Retrying, LimitSeen, Finished)
    return {
        "signals": [name if n == 1 else f"{name} x{n}" for name, n in counted],
        "facts": [[type(s).__name__, asdict(s)] for s in signals if isinstance(s, facts)],
        "conclusion": asdict(conclusion),
    }


def test_every_recording_has_a_meaning() -> None:
    assert set(MEANT) == {path.name.split(".")[0] for path in GOLDEN.glob("*.meta.json")}


@pytest.mark.parametrize("case", MEANT)
def test_a_recording_comes_to_what_it_meant(case: str) -> None:
    signals, conclusion = _read(case)
    assert conclusion.outcome.kind is MEANT[case]
    details = json.loads(json.dumps(_details(signals, conclusion)))
    expected = GOLDEN / f"{case}.expected.json"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(json.dumps(details, indent=1, ensure_ascii=False) + "\n")
    assert details == json.loads(expected.read_bytes())


@pytest.mark.parametrize("case", CUT_SHORT)
@pytest.mark.parametrize(("ended_by", "kind"), ENDED_BY_US.items())
def test_a_run_that_we_cut_short_is_called_by_our_reason(
    case: str, ended_by: EndedBy, kind: Kind
) -> None:
    assert _read(case, ended_by)[1].outcome.kind is kind


@pytest.mark.parametrize("case", [case for case in MEANT if case not in CUT_SHORT])
def test_a_result_that_came_before_we_ended_the_run_stands(case: str) -> None:
    if (GOLDEN / f"{case}.jsonl").exists():
        assert _read(case, EndedBy.STALL)[1].outcome.kind is MEANT[case]


def test_the_limit_with_a_reset_carries_it_and_the_ones_without_do_not() -> None:
    assert _read("err_429_unified")[1].outcome.reset_at == RESET
    assert _read("err_429_long")[1].outcome.reset_at is None


def test_a_warning_about_a_limit_is_no_failure() -> None:
    signals, conclusion = _read("ok_unified_warning")
    assert LimitSeen(False, RESET, "five_hour limit: allowed_warning") in signals
    assert conclusion.outcome.kind is Kind.SUCCEEDED


def test_the_session_of_a_failed_resume_is_not_kept() -> None:
    assert _read("resume_unknown")[1].session_id is None
    assert _read("resume_2")[1].session_id == "11111111-2222-4333-8444-555555555555"


def test_a_structured_answer_is_parsed_and_a_missing_one_is_none() -> None:
    structured = _read("structured")[1].structured
    assert isinstance(structured, dict)
    assert structured["decision"] == "insert_job"
    assert _read("structured_never_text")[1].structured is None


def test_an_interrupted_turn_is_unmeasured_and_not_free() -> None:
    conclusion = _read("sigint_stream")[1]
    assert conclusion.cost_usd is None
    assert conclusion.usage.tokens_in is None


def test_denied_tools_are_named() -> None:
    assert _read("denied_default")[1].outcome.message == "2 tool calls were denied: Bash, Write"


# --- recordings that were damaged ---------------------------------------------

LINES = {
    path.name.removesuffix(".jsonl"): path.read_bytes().split(b"\n")
    for path in sorted(GOLDEN.glob("*.jsonl"))
}


def _conclude(lines: list[bytes], exit_code: int | None) -> tuple[list[Signal], Conclusion]:
    codec = ClaudeCodec()
    signals = [signal for line in lines for signal in codec.read(line)]
    return signals, codec.conclude(End(exit_code, EndedBy.NONE, "", NOW))


def _succeeds_only_by_a_result(lines: list[bytes], exit_code: int | None) -> None:
    signals, conclusion = _conclude(lines, exit_code)
    ends = [signal for signal in signals if isinstance(signal, Finished)]
    if conclusion.outcome.kind is Kind.SUCCEEDED:
        assert any(end.ok for end in ends)
    if not ends:
        assert conclusion.outcome.kind is Kind.PROTOCOL


@pytest.mark.parametrize("case", LINES)
def test_a_recording_cut_at_any_line_succeeds_only_by_its_result(case: str) -> None:
    for n in range(len(LINES[case]) + 1):
        _succeeds_only_by_a_result(LINES[case][:n], 0)


@pytest.mark.parametrize("case", LINES)
def test_a_recording_read_backwards_succeeds_only_by_its_result(case: str) -> None:
    _succeeds_only_by_a_result(LINES[case][::-1], None)


@given(case=st.sampled_from(sorted(LINES)), data=st.data())
def test_a_recording_cut_at_any_byte_succeeds_only_by_its_result(
    case: str, data: st.DataObject
) -> None:
    whole = b"\n".join(LINES[case])
    end = data.draw(st.integers(0, len(whole)))
    _succeeds_only_by_a_result(whole[:end].split(b"\n"), 0)


@given(case=st.sampled_from(sorted(LINES)), data=st.data())
def test_a_recording_with_flipped_bytes_succeeds_only_by_its_result(
    case: str, data: st.DataObject
) -> None:
    whole = bytearray(b"\n".join(LINES[case]))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=20)):
        whole[at] ^= data.draw(st.integers(1, 255))
    _succeeds_only_by_a_result(bytes(whole).split(b"\n"), 0)
