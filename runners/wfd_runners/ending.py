"""The ends of runs: without a terminal event, and after one."""

from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

from wfd.domain.outcome import EndedBy, Kind, Outcome
from wfd.ports import End
from wfd_runners.fields import clip

NO_BINARY = frozenset({126, 127})  # what shells and wrappers exit with when they cannot exec
MAX_MESSAGE = 500


def cut_short(end: End, *, was_silent: bool, cause: Callable[[str], Kind | None]) -> Outcome:
    """What a run without a terminal event came to.

    `cause` knows the CLI's own words of failure; `was_silent` says that stdout held no
    event at all.
    """
    if end.ended_by is not EndedBy.NONE:
        return ended(end.ended_by)
    words = end.stderr.strip()
    kind = cause(words) if words else None
    if kind is not None:
        return Outcome(kind, clip(words, MAX_MESSAGE))
    if was_silent and end.exit_code in NO_BINARY:
        return Outcome(Kind.NOT_FOUND, clip(words, MAX_MESSAGE) or "the binary cannot be run")
    return Outcome(Kind.PROTOCOL, _unfinished(end.exit_code, words))


def ended(by: EndedBy) -> Outcome:
    """The outcome when somebody of ours ended the process and it said nothing against it."""
    match by:
        case EndedBy.STOP:
            return Outcome(Kind.INTERRUPTED, "the daemon was stopped")
        case EndedBy.CANCEL:
            return Outcome(Kind.CANCELLED, "cancelled")
        case EndedBy.TIMEOUT:
            return Outcome(Kind.TIMED_OUT, "it took longer than it may")
        case EndedBy.STALL:
            return Outcome(Kind.STALLED, "it fell silent")
        case EndedBy.STARTUP:
            return Outcome(Kind.STALLED, "it said nothing after its start")
        case EndedBy.LIMIT:
            # An agent that fills a disk with output is in a loop: a PM should look.
            return Outcome(Kind.FAILED, "its transcript outgrew the cap")
        case EndedBy.BUDGET:
            return Outcome(Kind.INTERRUPTED, "a cap was reached while it ran")
        case EndedBy.NONE:
            return Outcome(Kind.PROTOCOL, "it ended without a result")
    assert_never(by)


def remarks(end: End, denied: Sequence[str] = ()) -> str:
    """What a person should know of a run that succeeded: tools denied, an odd end after it."""
    return "; ".join(_remarks(end, denied))


def _remarks(end: End, denied: Sequence[str]) -> Iterator[str]:
    if denied:
        calls = "1 tool call was" if len(denied) == 1 else f"{len(denied)} tool calls were"
        yield f"{calls} denied: {', '.join(dict.fromkeys(denied))}"
    if end.ended_by is not EndedBy.NONE:
        yield f"ended after its result ({end.ended_by})"
    elif end.exit_code:
        yield f"exit code {end.exit_code} after its result"


def _unfinished(exit_code: int | None, words: str) -> str:
    how = f"it ended without a result ({_exit(exit_code)})"
    return clip(f"{how}: {words}" if words else how, MAX_MESSAGE)


def _exit(code: int | None) -> str:
    if code is None:
        return "exit unknown"
    return f"signal {-code}" if code < 0 else f"exit {code}"
