"""The ends of runs: without a terminal event, and after one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from wfd.domain.outcome import EndedBy, Kind, Outcome
from wfd.ports import End
from wfd_runners.crash import crash_line
from wfd_runners.fields import clip
from wfd_runners.reset_times import reset_time

NO_BINARY = frozenset({126, 127})  # what shells and wrappers exit with when they cannot exec
MAX_OWN_EXIT = 125  # what is above comes from a shell, a wrapper or a signal
MAX_MESSAGE = 500
MAX_NAMED = 5  # tasks in a message
MAX_NAME = 60

# Who has ended a run that hung there after its CLI had told a failure.
_HUNG = frozenset({EndedBy.STALL, EndedBy.TIMEOUT})


@dataclass(frozen=True)
class Complaint:
    """A failure that a CLI told of in its stream, and that no terminal event followed."""

    kind: Kind | None
    message: str
    goes_on: bool = False  # it said that it tries again by itself


def cut_short(
    end: End,
    *,
    was_silent: bool,
    cause: Callable[[str], Kind | None],
    say: Callable[[str], str] = str.strip,
    complaint: Complaint | None = None,
) -> Outcome:
    """What a run without a terminal event came to.

    `cause` knows the CLI's own words of failure, and `say` picks them out of its stderr;
    `was_silent` says that stdout held no event at all.
    """
    if complaint is not None and complaint.kind is not None and _is_its_end(complaint, end):
        return with_reset(Outcome(complaint.kind, clip(complaint.message, MAX_MESSAGE)), end.now)
    if end.ended_by is not EndedBy.NONE:
        return ended(end.ended_by)
    # of one that has begun an agent's tools may have printed the trace
    words = (crash_line(end.stderr) if was_silent else "") or say(end.stderr)
    kind = cause(words) if words else None
    if kind is not None:
        return with_reset(Outcome(kind, clip(words, MAX_MESSAGE)), end.now)
    if was_silent and end.exit_code in NO_BINARY:
        return Outcome(Kind.NOT_FOUND, clip(words, MAX_MESSAGE) or "the binary cannot be run")
    if was_silent and words and 0 < (end.exit_code or 0) <= MAX_OWN_EXIT:
        # it refused to begin, in words of its own that nobody has seen yet
        return Outcome(Kind.USAGE, clip(words, MAX_MESSAGE))
    told = words or (complaint.message if complaint else "")
    return Outcome(Kind.PROTOCOL, _unfinished(end.exit_code, told))


def _is_its_end(complaint: Complaint, end: End) -> bool:
    if end.ended_by is EndedBy.NONE:
        return True
    return end.ended_by in _HUNG and not complaint.goes_on


def with_reset(outcome: Outcome, now: int, known: int | None = None) -> Outcome:
    """The same, and for a limit the time that is known, or that its words name.

    One that has passed says nothing about the limit that was hit.
    """
    if outcome.kind is not Kind.RATE_LIMITED:
        return outcome
    at = known or reset_time(outcome.message, now)
    return replace(outcome, reset_at=at if at is not None and at > now else None)


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


def remarks(end: End, denied: Sequence[str] = (), stopped: Sequence[str] = ()) -> str:
    """What a person should know of a run that succeeded.

    Tools that were denied, what it had begun and did not wait for, an odd end after it.
    """
    return "; ".join(_remarks(end, denied, stopped))


def _remarks(end: End, denied: Sequence[str], stopped: Sequence[str]) -> Iterator[str]:
    if denied:
        calls = "1 tool call was" if len(denied) == 1 else f"{len(denied)} tool calls were"
        yield f"{calls} denied: {', '.join(dict.fromkeys(denied))}"
    if stopped:
        one = "1 background task was stopped when it ended, unfinished"
        many = f"{len(stopped)} background tasks were stopped when it ended, unfinished"
        names = ", ".join(clip(" ".join(name.split()), MAX_NAME) for name in stopped[:MAX_NAMED])
        more = ", …" if len(stopped) > MAX_NAMED else ""
        yield f"{one if len(stopped) == 1 else many}: {names}{more}"
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
