"""A finished transcript, read again from its file."""

from collections.abc import Iterator
from pathlib import Path

from wfd.domain.outcome import Conclusion, EndedBy
from wfd.domain.signal import Signal
from wfd.ports import End, Harness


def conclude_file(
    harness: Harness,
    transcript: Path,
    exit_code: int | None = None,
    stderr: str = "",
    now: int = 0,
    ended_by: EndedBy = EndedBy.NONE,
) -> tuple[list[Signal], Conclusion]:
    """Every signal of a transcript, and what it came to.

    `now`, in UTC milliseconds, is when the run ended: "resets 1:06pm" is read against it.
    """
    codec = harness.codec()
    signals = [signal for line in _lines(transcript) for signal in codec.read(line)]
    return signals, codec.conclude(End(exit_code, ended_by, stderr, now))


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:  # ends lines at b"\n" alone: agents print U+2028 raw
        for line in file:
            yield line.rstrip(b"\n")
