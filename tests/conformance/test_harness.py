"""What every harness owes the engine, whichever CLI it speaks for."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.signal import Finished, Noise, Said, SessionStarted, Signal
from wfd.ports import Ask, Codec, End, Harness, Launch
from wfd_runners import harnesses
from wfd_runners.ending import cut_short

NOW = 1_795_176_000_000
SESSION = "0b0b2f3a-5a52-4f0e-9d70-6f6f4f1d2c3b"


class PlainCodec:
    """The codec of a made-up CLI: `session X`, `say X`, `end`."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._is_done = False
        self._is_silent = True

    def read(self, line: bytes) -> list[Signal]:
        words = line.decode("utf-8", "replace")
        name, _, rest = words.partition(" ")
        match name:
            case "session":
                self._session = rest
                self._is_silent = False
                return [SessionStarted(rest)]
            case "say":
                return [Said(rest)]
            case "end":
                self._is_done = True
                return [Finished(True, "")]
        return [Noise(words[:100])]

    @property
    def is_finished(self) -> bool:
        return self._is_done

    @property
    def tokens(self) -> int | None:
        return None

    def conclude(self, end: End) -> Conclusion:
        if self._is_done:
            return Conclusion(Outcome(Kind.SUCCEEDED), session_id=self._session)
        outcome = cut_short(end, was_silent=self._is_silent, cause=lambda _: None)
        return Conclusion(outcome, session_id=self._session)


class Plain:
    """A harness that nobody but this suite knows."""

    name = "plain"
    binary = "plain"
    tried: tuple[str, ...] = ("1.0",)
    resumes = False
    reports_cost = False
    usage_spans_session = False
    max_prompt_bytes = 1000
    graceful_signal = 15
    log_in_by = "set PLAIN_KEY"

    def tame(self, prompt: str, workspace: Path) -> str:
        return prompt.replace("!", "")

    def launch(self, ask: Ask) -> Launch:
        return Launch(argv=("plain", ask.resume or ask.session_id))

    def codec(self) -> PlainCodec:
        return PlainCodec()

    def read_stderr(self, line: str) -> Signal | None:
        return None

    def login(self, environ: Mapping[str, str]) -> str | None:
        return environ.get("PLAIN_KEY")


def _event(event: dict[str, object]) -> bytes:
    return json.dumps(event).encode()


CLAUDE_STREAM = [
    _event({"type": "system", "subtype": "init", "session_id": SESSION}),
    _event({"type": "assistant", "message": {"content": [{"type": "text", "text": "Hi."}]}}),
    _event({"type": "result", "subtype": "success", "is_error": False, "result": "Hi."}),
]

CODEX_STREAM = [
    _event({"type": "thread.started", "thread_id": SESSION}),
    _event({"type": "item.completed", "item": {"type": "agent_message", "text": "Hi."}}),
    _event({"type": "turn.completed"}),
]

GEMINI_STREAM = [
    _event({"type": "init", "session_id": SESSION, "model": "flash"}),
    _event({"type": "message", "role": "assistant", "content": "Hi.", "delta": True}),
    _event({"type": "result", "status": "success", "stats": {}}),
]

# A good run of each harness, whose last line is its terminal event.
STREAMS: dict[str, list[bytes]] = {
    "claude": CLAUDE_STREAM,
    "codex": CODEX_STREAM,
    "gemini": GEMINI_STREAM,
    "sim": CLAUDE_STREAM,
    "plain": [b"session " + SESSION.encode(), b"say Hi.", b"end"],
}

every = pytest.mark.parametrize("harness", [*harnesses().values(), Plain()], ids=lambda h: h.name)

ENDS = {
    EndedBy.STOP: Kind.INTERRUPTED,
    EndedBy.CANCEL: Kind.CANCELLED,
    EndedBy.TIMEOUT: Kind.TIMED_OUT,
    EndedBy.STALL: Kind.STALLED,
    EndedBy.STARTUP: Kind.STALLED,
    EndedBy.LIMIT: Kind.FAILED,
    EndedBy.BUDGET: Kind.INTERRUPTED,
}


def _codec(harness: Harness, lines: list[bytes]) -> Codec:
    codec = harness.codec()
    for line in lines:
        codec.read(line)
    return codec


def _end(by: EndedBy = EndedBy.NONE, exit_code: int | None = 0, stderr: str = "") -> End:
    return End(exit_code, by, stderr, NOW)


def test_every_harness_has_a_good_run_to_be_tried_with() -> None:
    assert set(STREAMS) == {*harnesses(), "plain"}
    assert all(name == harness.name for name, harness in harnesses().items())


@every
def test_a_launch_has_an_argv_that_a_system_takes(harness: Harness) -> None:
    ask = Ask(Path("/w"), Path("/r"), session_id=SESSION, schema={}, instructions="a\0b" * 99_999)
    launch = harness.launch(ask)
    assert launch.argv[0]
    assert all("\0" not in word and len(word.encode()) < 128 * 1024 for word in launch.argv)
    assert harness.max_prompt_bytes > 0
    assert harness.graceful_signal > 0


@every
def test_a_launch_tells_nothing_of_the_prompt(harness: Harness) -> None:
    # `Ask` carries none: it goes through stdin, so two runs differ by their session alone.
    one = harness.launch(Ask(Path("/w"), Path("/r"), session_id="session-1"))
    two = harness.launch(Ask(Path("/w"), Path("/r"), session_id="session-2"))
    assert [word.replace("session-1", "session-2") for word in one.argv] == list(two.argv)
    assert one.files == two.files


@every
@given(words=st.text(st.sampled_from('ab.@\\" \n/')))
def test_a_prompt_of_any_words_is_tamed_once_and_stays_so(harness: Harness, words: str) -> None:
    once = harness.tame(words, Path("/"))
    assert harness.tame(once, Path("/")) == once


@every
def test_what_a_launch_writes_lies_in_the_folder_of_the_run(harness: Harness) -> None:
    ask = Ask(Path("/w"), Path("/r"), SESSION, schema={"type": "object"}, instructions="Be brief.")
    assert all(path.is_relative_to("/r") for path in harness.launch(ask).files)


@every
def test_a_harness_that_resumes_names_the_session_that_it_goes_on_with(harness: Harness) -> None:
    if harness.resumes:
        argv = harness.launch(Ask(Path("/w"), Path("/r"), SESSION, resume="before")).argv
        assert "before" in argv
        assert SESSION not in argv


GARBAGE = [
    b"",
    b"\0",
    b"null",
    b"[]",
    b"{}",
    b'"type"',
    b'{"type":',
    b'{"type":7}',
    b'{"type":"assistant","message":3}',
    b'{"type":"assistant","message":{"content":[null,{"type":"tool_use","input":[1]}]}}',
    b'{"type":"user","message":{"content":[{"type":"tool_result","content":[1,{"text":2}]}]}}',
    b'{"type":"system","subtype":"init","session_id":5}',
    b'{"type":"rate_limit_event","rate_limit_info":{"resetsAt":1e400}}',
    b'{"a":' * 5_000,
    b"\xff\xfe\x00",
    "a\u2028b\u2029c\u0085d".encode(),
]


@every
@pytest.mark.parametrize("line", GARBAGE, ids=lambda line: repr(line[:30]))
def test_garbage_is_read_without_a_word_and_ends_nothing(harness: Harness, line: bytes) -> None:
    codec = _codec(harness, [line])
    assert not codec.is_finished
    assert codec.conclude(_end()).outcome.kind is Kind.PROTOCOL


@every
def test_a_huge_line_is_read(harness: Harness) -> None:
    codec = harness.codec()
    codec.read(b"x" * 5_000_000)
    codec.read(b'{"type":"assistant","message":"' + b"x" * 5_000_000 + b'"}')
    assert not codec.is_finished


@given(lines=st.lists(st.binary(max_size=200), max_size=10))
def test_no_bytes_make_a_codec_raise(lines: list[bytes]) -> None:
    for harness in (*harnesses().values(), Plain()):
        codec = _codec(harness, lines)
        assert codec.conclude(_end(exit_code=None)).outcome.kind is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "subtype",
        "message",
        "content",
        "session_id",
        "errors",
        "usage",
        "modelUsage",
        "result",
        "rate_limit_info",
        "permission_denials",
        "total_cost_usd",
        "num_turns",
        "task_id",
        "patch",
        "is_error",
        "terminal_reason",
        "api_error_status",
        "structured_output",
        "thread_id",
        "item",
        "items",
        "error",
        "status",
        "stats",
        "models",
        "role",
        "tool_id",
        "parameters",
        "output",
        "aggregated_output",
        "exit_code",
        "changes",
        "delta",
        "severity",
    ]
)
EVENTS = st.sampled_from(
    [
        *("system", "assistant", "user", "result", "rate_limit_event"),
        *("thread.started", "turn.started", "item.started", "item.completed"),
        *("turn.completed", "turn.failed", "error"),
        *("init", "message", "tool_use", "tool_result"),
    ]
)


@given(kind=EVENTS, fields=st.dictionaries(KEYS, JSON))
def test_events_of_any_shape_make_no_codec_raise(kind: str, fields: dict[str, object]) -> None:
    line = json.dumps({**fields, "type": kind}).encode()
    for harness in (*harnesses().values(), Plain()):
        conclusion = _codec(harness, [line]).conclude(_end())
        if not (fields.get("subtype") == "success" and fields.get("is_error") is False):
            assert conclusion.outcome.kind is not Kind.SUCCEEDED


@every
@pytest.mark.parametrize(("by", "kind"), ENDS.items())
def test_without_a_terminal_event_who_ended_it_decides(
    harness: Harness, by: EndedBy, kind: Kind
) -> None:
    codec = _codec(harness, STREAMS[harness.name][:-1])
    assert codec.conclude(_end(by, exit_code=-9)).outcome.kind is kind


@every
@pytest.mark.parametrize("by", [EndedBy.NONE, *ENDS])
@pytest.mark.parametrize("exit_code", [0, -9, None])
def test_a_terminal_event_that_came_first_stands(
    harness: Harness, by: EndedBy, exit_code: int | None
) -> None:
    codec = _codec(harness, STREAMS[harness.name])
    assert codec.is_finished
    assert codec.conclude(_end(by, exit_code)).outcome.kind is Kind.SUCCEEDED


@every
@pytest.mark.parametrize("exit_code", [0, 1, -9, -15, 143, None])
def test_without_a_terminal_event_and_nobody_of_ours_it_is_a_breach_of_protocol(
    harness: Harness, exit_code: int | None
) -> None:
    for n in range(len(STREAMS[harness.name])):
        codec = _codec(harness, STREAMS[harness.name][:n])
        assert not codec.is_finished
        conclusion = codec.conclude(_end(exit_code=exit_code))
        assert conclusion.outcome.kind is Kind.PROTOCOL
        assert conclusion.cost_usd is None
        assert conclusion.usage.tokens_in is None


@every
def test_a_binary_that_is_not_there_is_not_found(harness: Harness) -> None:
    end = _end(exit_code=127, stderr="sh: no such file")
    assert harness.codec().conclude(end).outcome.kind is Kind.NOT_FOUND


@every
def test_the_session_is_known_from_its_event_on(harness: Harness) -> None:
    codec = harness.codec()
    first, *rest = STREAMS[harness.name]
    (started,) = codec.read(first)
    assert isinstance(started, SessionStarted)
    assert started.session_id == SESSION
    for line in rest:
        codec.read(line)
    assert codec.conclude(_end()).session_id == SESSION


@every
def test_two_codecs_of_one_harness_share_nothing(harness: Harness) -> None:
    _codec(harness, STREAMS[harness.name])
    assert not harness.codec().is_finished


@every
def test_a_login_is_told_without_a_file_or_a_variable_and_without_a_word_of_a_key(
    harness: Harness, tmp_path: Path
) -> None:
    bare = {"HOME": str(tmp_path)}
    assert (harness.login(bare) is None) is bool(harness.binary)
    keys = dict.fromkeys(harness.launch(Ask(Path("/w"), Path("/r"), SESSION)).pass_env, "s3cret")
    assert "s3cret" not in (harness.login(bare | keys) or "")


@every
def test_a_harness_of_a_cli_names_the_versions_that_were_tried(harness: Harness) -> None:
    assert bool(harness.tried) is bool(harness.binary)


@every
def test_a_line_of_stderr_never_makes_a_harness_raise(harness: Harness) -> None:
    for line in ("", "\0", "Attempt 1 failed with status 429", "x" * 100_000):
        harness.read_stderr(line)
