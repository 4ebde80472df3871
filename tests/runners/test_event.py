"""Events among what a terminal, a hook or a file's beginning puts around them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd_runners import harnesses
from wfd_runners.event import event_of

EVENT = {"type": "result", "subtype": "success", "result": "é \x1b[1m {x}"}
LINE = json.dumps(EVENT, ensure_ascii=False).encode()
AROUND = [
    b"\x1b[?2004h",
    b"\x1b[2J\x1b[3J\x1b[H",
    b"\x1b]0;work: ready\x07",
    b"\x1b]8;;http://x/{y}\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1b(B\x1b7",
    b"\xef\xbb\xbf",
    b"\x00\x00",
    b"\r",
    b" ",
]


@given(before=st.lists(st.sampled_from(AROUND)), after=st.lists(st.sampled_from(AROUND)))
def test_what_a_terminal_would_not_show_is_no_part_of_the_line(
    before: list[bytes], after: list[bytes]
) -> None:
    assert event_of(b"".join(before) + LINE + b"".join(after)) == EVENT


@pytest.mark.parametrize("before", [b"hook: all is well ", b"]0;title without an end", b"50% \xff"])
def test_plain_words_may_stand_before_an_event(before: bytes) -> None:
    assert event_of(before + LINE) == EVENT


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b"warning: {x} " + LINE,
        b'{"type":"user","message":{"content":[' + LINE,
        b'words {"text": "x"}',
        LINE[:-1],
        LINE + LINE,
        b"\x1b]0;" + LINE,
    ],
)
def test_a_part_of_something_else_is_no_event(line: bytes) -> None:
    told = event_of(line)
    assert told is None or line == b"\x1b]0;" + LINE


@given(line=st.binary())
def test_no_bytes_make_it_raise(line: bytes) -> None:
    event_of(line)
    event_of(line + LINE)


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "sim"])
def test_every_codec_reads_through_them(name: str) -> None:
    plain, wrapped = harnesses()[name].codec(), harnesses()[name].codec()
    line = b'{"type":"turn.completed","status":"success","subtype":"success","is_error":false}'
    for codec, said in ((plain, line), (wrapped, b"\x1b[?2004h\x00" + line + b"\x1b[0m\r")):
        codec.read(said)
    assert plain.is_finished == wrapped.is_finished
