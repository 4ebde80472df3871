"""What an agent says and does, as a person watches it."""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, assert_never

import click

from wfd.domain.signal import (
    Finished,
    LimitSeen,
    Noise,
    Retrying,
    Said,
    SessionStarted,
    Signal,
    Thought,
    ToolCalled,
    ToolReturned,
)
from wfd.edge.document import to_json
from wfd.edge.words import ago, iso, money, one_line, plural, tame
from wfd.rules.retrying import tries_again

if TYPE_CHECKING:
    from wfd.ports import Harness

_WORDS = re.compile(r"(?<!^)(?=[A-Z])")
_MAX_RESULT = 200  # characters of a line
_MAX_LINES = 8


def shown(signal: Signal, now: int) -> str | None:
    """One signal for a person; None for what says nothing."""
    match signal:
        case SessionStarted():
            facts = [one_line(x) for x in (signal.model, signal.cli_version) if x]
            return click.style(f"session {one_line(signal.session_id)} {' '.join(facts)}", dim=True)
        case Said():
            return tame(signal.text).rstrip("\n") or None
        case Thought():
            return click.style(tame(signal.text), dim=True, italic=True) if signal.text else None
        case ToolCalled():
            name = click.style(one_line(signal.name), fg="cyan")
            return f"{name} {one_line(signal.summary, _MAX_RESULT)}"
        case ToolReturned():
            colour = "red" if signal.is_error else "bright_black"
            return click.style(_result(signal.text), fg=colour)
        case Retrying():
            return click.style(f"the CLI {one_line(tries_again(signal))}", fg="yellow")
        case LimitSeen():
            return click.style(_limit(signal, now), fg="yellow")
        case Finished():
            colour = "green" if signal.ok else "red"
            cost = "" if signal.cost_usd is None else f" ({money(signal.cost_usd)})"
            return click.style(f"{'finished' if signal.ok else 'ended'}{cost}", fg=colour) + (
                "" if signal.ok else f" {one_line(signal.message)}"
            )
        case Noise():
            return None
        case _:
            assert_never(signal)


def on_stderr(harness: "Harness", lines: Iterable[bytes]) -> Iterator[Signal]:
    """What an agent says on stderr besides its stream."""
    for line in lines:
        signal = harness.read_stderr(line.decode("utf-8", "replace"))
        if signal is not None:
            yield signal


def shown_from_stderr(signal: Signal, now: int) -> str | None:
    """`shown`, with a mark: such a line has no place of its own in the stream."""
    text = shown(signal, now)
    return None if text is None else f"{click.style('stderr', dim=True)} {text}"


def document(signal: Signal) -> dict[str, object]:
    """{"signal": "tool_called", …its fields}"""
    name = _WORDS.sub("_", type(signal).__name__).lower()
    fields = {f.name: getattr(signal, f.name) for f in dataclasses.fields(signal)}
    if isinstance(signal, LimitSeen) and signal.reset_at is not None:
        fields["reset_at"] = iso(signal.reset_at)
    made = to_json(fields)
    assert isinstance(made, dict)
    return {"signal": name, **made}


def _result(text: str) -> str:
    """The first lines of what a tool gave back, set in."""
    lines = [_clipped(line) for line in tame(text).strip("\n").split("\n")]
    more = len(lines) - _MAX_LINES
    shown_lines = lines[:_MAX_LINES] + ([f"… {plural(more, 'more line')}"] if more > 0 else [])
    return "\n".join(f"  {line}" for line in shown_lines) if text.strip() else "  done"


def _clipped(line: str) -> str:
    """A line with its indentation, which means something in code and in a diff."""
    return line.rstrip() if len(line) <= _MAX_RESULT else f"{line[: _MAX_RESULT - 1]}…"


def _limit(signal: LimitSeen, now: int) -> str:
    until = "" if signal.reset_at is None else f", resets {ago(signal.reset_at, now)}"
    what = "limit reached" if signal.rejected else "limit is near"
    return f"{what}{until}: {one_line(signal.message)}"
