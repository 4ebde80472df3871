"""The stream of `codex exec --json`: what its lines mean, and how it ended."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic_core import to_json

from wfd.domain.outcome import Conclusion, Kind, Outcome, Usage
from wfd.domain.signal import (
    Finished,
    Noise,
    Retrying,
    Said,
    SessionStarted,
    Signal,
    Thought,
    ToolCalled,
    ToolReturned,
)
from wfd.ports import End
from wfd_runners.codex.causes import by_words
from wfd_runners.codex.stderr import sentence
from wfd_runners.ending import Complaint, cut_short, remarks, with_reset
from wfd_runners.event import event_of
from wfd_runners.fields import clip, mapping, mappings, parse, text, whole
from wfd_runners.noise import MAX_NOISE, no_event, noise

MAX_SUMMARY = 2_000
MAX_MESSAGE = 500

# States of an agent that the run has begun and that goes on by itself.
AT_WORK = ("pending_init", "running")

FAILED = ("failed", "declined")  # no set, since a status may be what no set can be asked for

# "Reconnecting... 2/5 (cause)", and "Reconnecting... waiting for network (cause)"
RETRY = "Reconnecting... "
_ATTEMPT = re.compile(r"(\d{1,9})/\d")


@dataclass(frozen=True)
class _Turn:
    """The end of a turn, as codex told it."""

    kind: Kind
    message: str
    usage: Usage = field(default_factory=Usage)


class CodexCodec:
    """One run's stream. Holds what it has seen, does no IO."""

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._answer = ""  # the agent's last message
        self._tools = 0
        self._open: dict[str, str] = {}  # tools that were told when they started, by their ids
        self._agents: dict[str, str] = {}  # what agents of its own were told to do, while they work
        self._complaint: Complaint | None = None  # told last, until something goes on
        self._warning = ""  # the last item that is an error
        self._end: _Turn | None = None
        self._between_turns = False
        self._is_silent = True

    # --- reading --------------------------------------------------------------

    def read(self, line: bytes) -> Sequence[Signal]:
        event = event_of(line)
        if event is None:
            return no_event(line)
        self._is_silent = False
        if self._is_anothers(event):
            return noise("of another thread")
        match event.get("type"):  # what comes most often first
            case "item.completed":
                return self._complete(mapping(event, "item"))
            case "item.started":
                return self._begin(mapping(event, "item"))
            case "thread.started":
                return self._start(event)
            case "turn.started":
                self._between_turns = False
                self._complaint = None
                return noise("turn.started")
            case "error":
                return self._complain(text(event, "message") or "")
            case "turn.completed":
                return self._finish(self._completed(event))
            case "turn.failed":
                return self._finish(_failed(event))
            case other:
                return noise(other)

    @property
    def is_finished(self) -> bool:
        """A turn has ended, and no further one has begun."""
        return self._between_turns

    @property
    def tokens(self) -> int | None:
        """Of the whole thread; codex tells none before its turn is over."""
        return self._end.usage.tokens if self._end else None

    def _is_anothers(self, event: Mapping[str, object]) -> bool:
        """Whether an agent of the run's own says it: its error and its end are not the run's."""
        thread = text(event, "thread_id")
        if thread is None or self._session_id in (None, thread):
            return False
        return event.get("type") not in ("item.started", "item.completed") or (
            mapping(event, "item").get("type") in ("agent_message", "error")
        )

    def _start(self, event: Mapping[str, object]) -> Sequence[Signal]:
        self._session_id = text(event, "thread_id") or self._session_id
        if self._session_id is None:
            return noise("thread.started")
        return (SessionStarted(self._session_id),)

    def _begin(self, item: Mapping[str, object]) -> Sequence[Signal]:
        self._complaint = None
        called = _call(item)
        if called is None:
            return noise(item.get("type"))
        self._tools += 1
        self._open[called.tool_id] = f"{called.name} {called.summary}"
        return (called,)

    def _complain(self, message: str) -> Sequence[Signal]:
        """An error at the top of the stream: `turn.failed` follows if it ends the turn."""
        signal = _complaint(message)
        is_retry = isinstance(signal, Retrying)
        words = signal.message if isinstance(signal, Retrying) else _readable(message)
        self._complaint = Complaint(by_words(words if is_retry else message), words, is_retry)
        return (signal,)

    def _complete(self, item: Mapping[str, object]) -> Sequence[Signal]:
        if item.get("type") != "error":  # a warning: the turn goes on, or does not
            self._complaint = None
        match item.get("type"):
            case "agent_message":
                self._answer = text(item, "text") or ""
                return (Said(self._answer),) if self._answer else noise("agent_message")
            case "reasoning":
                return (Thought(text(item, "text") or ""),)
            case "error":
                self._warning = text(item, "message") or "error"
                return noise(self._warning)
            case "collab_tool_call":
                self._hear_of_agents(item)
        return self._returned(item)

    def _returned(self, item: Mapping[str, object]) -> Sequence[Signal]:
        tool_id = text(item, "id") or ""
        if self._open.pop(tool_id, None) is not None:
            return (_return(tool_id, item),)
        called = _call(item)
        if called is None:
            return noise(text(item, "type") or "")
        self._tools += 1
        return (called, _return(tool_id, item))

    def _completed(self, event: Mapping[str, object]) -> _Turn:
        usage = _usage(mapping(event, "usage"))
        if self._answer.strip():
            return _Turn(Kind.SUCCEEDED, "", usage)
        told = self._complaint.message if self._complaint else self._warning
        if self._tools or usage.tokens or not told:
            return _Turn(Kind.FAILED, "empty answer", usage)
        kind = Kind.USAGE if "hook" in told.lower() else by_words(told)
        message = clip(f"no model was asked: {told}", MAX_MESSAGE)
        return _Turn(kind or Kind.FAILED, message, usage)

    def _hear_of_agents(self, item: Mapping[str, object]) -> None:
        for agent, told in mapping(item, "agents_states").items():
            is_at_work = isinstance(told, dict) and told.get("status") in AT_WORK
            if is_at_work:
                self._agents.setdefault(agent, text(item, "prompt") or agent)
            else:
                self._agents.pop(agent, None)

    def _finish(self, end: _Turn) -> Sequence[Signal]:
        self._end = end
        self._between_turns = True
        return (Finished(end.kind is Kind.SUCCEEDED, end.message),)

    # --- concluding -----------------------------------------------------------

    def conclude(self, end: End) -> Conclusion:
        outcome = self._cut_short(end) if self._end is None else self._outcome(self._end, end)
        return Conclusion(
            outcome,
            session_id=self._session_id,
            text=self._answer,
            usage=self._end.usage if self._end else Usage(),
            tools=self._tools,
        )

    def _cut_short(self, end: End) -> Outcome:
        return cut_short(
            end,
            was_silent=self._is_silent,
            cause=by_words,
            say=sentence,
            complaint=self._complaint,
        )

    def _outcome(self, told: _Turn, end: End) -> Outcome:
        if told.kind is Kind.SUCCEEDED:
            unfinished = [*self._open.values(), *self._agents.values()]
            return Outcome(told.kind, remarks(end, stopped=unfinished))
        return with_reset(Outcome(told.kind, told.message), end.now)


def _complaint(message: str) -> Signal:
    """An error at the top of the stream, which ends nothing: `turn.failed` follows if it does."""
    if not message.startswith(RETRY):
        return Noise(clip(message, MAX_NOISE))
    words = message.removeprefix(RETRY)
    attempt = _ATTEMPT.match(words)
    cause = words.partition("(")[2].removesuffix(")")
    return Retrying(
        attempt=int(attempt[1]) if attempt else None,
        delay_ms=None,
        message=clip(cause or words, MAX_NOISE),
    )


def _failed(event: Mapping[str, object]) -> _Turn:
    told = text(mapping(event, "error"), "message") or "failed without a message"
    return _Turn(by_words(told) or Kind.FAILED, clip(_readable(told), MAX_MESSAGE))


def _readable(message: str) -> str:
    """The sentence in the body of a refused request, which comes as naked JSON."""
    body = parse(message.encode()) or {}
    return text(mapping(body, "error"), "message") or text(body, "detail") or message


def _usage(told: Mapping[str, object]) -> Usage:
    """Tokens of the thread so far; what went in counts what was cached."""
    counts = (whole(told, f"{name}_tokens") for name in ("input", "cached_input", "output"))
    return Usage(*(None if count is None else max(0, count) for count in counts))


# --- tools --------------------------------------------------------------------


def _call(item: Mapping[str, object]) -> ToolCalled | None:
    """The tool that an item is, with the one thing that tells a reader what it does."""
    name = summary = ""
    match item.get("type"):
        case "command_execution":
            name, summary = "command_execution", text(item, "command") or ""
        case "file_change":
            name, summary = "file_change", ", ".join(map(_change, mappings(item, "changes")))
        case "web_search":
            name, summary = "web_search", text(item, "query") or ""
        case "collab_tool_call":
            name, summary = text(item, "tool") or "collab_tool_call", text(item, "prompt") or ""
        case "mcp_tool_call":
            name = f"mcp__{text(item, 'server') or '?'}__{text(item, 'tool') or '?'}"
            given = to_json(item.get("arguments"), inf_nan_mode="null")
            summary = given.decode("utf-8", "replace")
        case _:
            return None
    return ToolCalled(text(item, "id") or "", name, clip(summary, MAX_SUMMARY))


def _change(change: Mapping[str, object]) -> str:
    return f"{text(change, 'kind')} {text(change, 'path')}"


def _return(tool_id: str, item: Mapping[str, object]) -> ToolReturned:
    return ToolReturned(tool_id, _result(item), item.get("status") in FAILED)


def _result(item: Mapping[str, object]) -> str:
    if item.get("type") == "command_execution":
        return text(item, "aggregated_output") or ""
    if "result" not in item and "error" not in item:
        return ""
    content = mappings(mapping(item, "result"), "content")
    words = [text(part, "text") or "" for part in content]
    return "\n".join(words) or text(mapping(item, "error"), "message") or ""
