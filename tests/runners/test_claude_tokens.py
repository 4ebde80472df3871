"""Claude Code's tokens while it runs: a lower bound that is near the truth, and never above it."""

import json
from collections.abc import Mapping

import pytest
from tests.runners.recordings import Recording, meant

from wfd.domain.outcome import MAX_TOKENS, Conclusion, EndedBy
from wfd.ports import End
from wfd_runners.claude.stream import ClaudeCodec

END = End(None, EndedBy.NONE, "", 0)
# their streams repeat a message that was asked for again, or break one off: the result leaves out
MORE_THAN_TOLD = {"structured_never"}


def told(*messages: Mapping[str, object]) -> ClaudeCodec:
    codec = ClaudeCodec()
    for message in messages:
        content = [{"type": "text", "text": "x"}]
        event = {"type": "assistant", "message": {"content": content, **message}}
        codec.read(json.dumps(event).encode())
    return codec


def message(id_: str | None, tokens_in: int = 1000, **more: object) -> dict[str, object]:
    usage = {"input_tokens": tokens_in, "output_tokens": 2, **more}
    return {"usage": usage} if id_ is None else {"id": id_, "usage": usage}


def test_tokens_are_counted_once_per_message_however_many_events_repeat_them() -> None:
    codec = told(*[message("m1")] * 1000, message("m2"), message("m1"))
    assert codec.tokens == 2004


def test_messages_of_two_agents_that_take_turns_are_counted_once_each() -> None:
    codec = told(*[message("main"), message("sub")] * 500)
    assert codec.tokens == 2004


def test_what_was_read_from_a_cache_and_written_to_it_is_counted_too() -> None:
    cached = message("m", 1, cache_read_input_tokens=1000, cache_creation_input_tokens=100)
    codec = told(cached)
    assert codec.tokens == 1103
    assert codec.conclude(END).usage.tokens_cached == 1000


def test_nothing_told_is_not_zero() -> None:
    assert ClaudeCodec().tokens is None
    assert told({"id": "m"}, message(None)).tokens is None
    assert told({"model": "<synthetic>", **message("m")}).tokens is None


def test_no_number_that_a_stream_holds_is_too_large_to_be_kept() -> None:
    codec = told(*(message(str(n), 2**53) for n in range(3000)))
    assert codec.tokens == MAX_TOKENS
    assert (codec.conclude(END).usage.tokens_in or 0) <= MAX_TOKENS


@pytest.mark.parametrize("recording", meant("claude").kinds, ids=str)
def test_no_recording_tells_more_while_it_runs_than_it_reports_in_the_end(
    recording: Recording,
) -> None:
    codec, conclusion = _read(recording)
    reported = _reported(recording)
    if codec.tokens is None or reported is None:
        return
    assert codec.tokens <= (conclusion.usage.tokens or 0)
    if recording.case not in MORE_THAN_TOLD:
        assert codec.tokens <= reported
    assert codec.tokens * 20 > reported, "the bound is of the right order"


def _read(recording: Recording) -> tuple[ClaudeCodec, Conclusion]:
    codec = ClaudeCodec()
    for line in recording.lines():
        codec.read(line)
    return codec, codec.conclude(END)


def _reported(recording: Recording) -> int | None:
    """What the last result says by itself, read without any code of ours."""
    for line in reversed(recording.lines()):
        event = json.loads(line) if line.startswith(b"{") else {}
        if event.get("type") == "result":
            keys = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
            models = event.get("modelUsage", {}).values()
            return sum(model[key] for model in models for key in (*keys, "outputTokens")) or None
    return None
