"""The stream of `gemini --output-format stream-json`: what its lines mean, how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from wfd.domain.outcome import Conclusion, Kind, Outcome, Usage
from wfd.domain.signal import (
    Finished,
    Said,
    SessionStarted,
    Signal,
    ToolCalled,
    ToolReturned,
)
from wfd.ports import End
from wfd_runners.ending import Complaint, cut_short, remarks, with_reset
from wfd_runners.event import event_of
from wfd_runners.fields import clip, mapping, text, whole
from wfd_runners.gemini.causes import by_exit, by_words, readable
from wfd_runners.gemini.stderr import sentence
from wfd_runners.noise import no_event, noise

MAX_SUMMARY = 2_000
MAX_MESSAGE = 500

# How a tool fails that the agent may not use.
DENIED = ("policy_violation", "tool_not_registered")

# The one parameter of a tool that tells a reader what it does.
TELLING = ("command", "file_path", "dir_path", "pattern", "url", "query", "prompt")


@dataclass(frozen=True)
class _Result:
    """The terminal event. `kind` is None when its words alone do not tell."""

    kind: Kind | None
    message: str
    usage: Usage


class GeminiCodec:
    """One run's stream. Holds what it has seen, does no IO."""

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._model: str | None = None
        self._answer: list[str] = []  # what the agent said since its last tool
        self._complaint = ""  # of the CLI itself, until the agent says something again
        self._names: dict[str, str] = {}  # of tools, by the ids of their calls
        self._open: dict[str, str] = {}  # tools that have not returned, by the same ids
        self._tools = 0
        self._denied: list[str] = []  # names of tools, one for each call
        self._result: _Result | None = None
        self._is_silent = True

    # --- reading --------------------------------------------------------------

    def read(self, line: bytes) -> Sequence[Signal]:
        event = event_of(line)
        if event is None:
            return no_event(line)
        self._is_silent = False
        match event.get("type"):  # what comes most often first
            case "message":
                return self._message(event)
            case "tool_use":
                return self._called(event)
            case "tool_result":
                return self._returned(event)
            case "init":
                return self._start(event)
            case "error":  # ends nothing by itself; a result follows if it does
                self._complaint = text(event, "message") or "error"
                return noise(self._complaint)
            case "result":
                return self._finish(event)
            case other:
                return noise(other)

    @property
    def is_finished(self) -> bool:
        return self._result is not None

    @property
    def tokens(self) -> int | None:
        """gemini tells none before its result."""
        return self._result.usage.tokens if self._result else None

    def _start(self, event: Mapping[str, object]) -> Sequence[Signal]:
        self._session_id = text(event, "session_id") or self._session_id
        self._model = text(event, "model") or self._model
        if self._session_id is None:
            return noise("init")
        return (SessionStarted(self._session_id, self._model),)

    def _message(self, event: Mapping[str, object]) -> Sequence[Signal]:
        words = event.get("content")
        if event.get("role") != "assistant" or not isinstance(words, str) or not words:
            return noise(text(event, "role") or "message")  # the prompt comes back as the user's
        self._answer.append(words)
        self._complaint = ""
        return (Said(words),)

    def _called(self, event: Mapping[str, object]) -> Sequence[Signal]:
        tool_id, name = text(event, "tool_id") or "", text(event, "tool_name") or "?"
        self._answer.clear()
        self._tools += 1
        self._complaint = ""
        self._names[tool_id] = name
        summary = _summary(mapping(event, "parameters"))
        self._open[tool_id] = f"{name} {summary}"
        return (ToolCalled(tool_id, name, summary),)

    def _returned(self, event: Mapping[str, object]) -> Sequence[Signal]:
        tool_id, words = text(event, "tool_id") or "", text(event, "output") or ""
        self._open.pop(tool_id, None)
        self._answer.clear()
        if "error" in event:
            error = mapping(event, "error")
            words = words or text(error, "message") or ""
            if error.get("type") in DENIED:
                self._denied.append(self._names.get(tool_id, "?"))
        return (ToolReturned(tool_id, words, event.get("status") == "error"),)

    def _finish(self, event: Mapping[str, object]) -> Sequence[Signal]:
        usage = _usage(mapping(event, "stats"))
        kind, message = self._verdict(event, usage)
        self._result = _Result(kind, message, usage)
        return (Finished(kind is Kind.SUCCEEDED, message),)

    def _verdict(self, event: Mapping[str, object], usage: Usage) -> tuple[Kind | None, str]:
        if event.get("status") != "success":
            told = text(mapping(event, "error"), "message") or self._complaint
            message = readable(told) or "failed without a message"
            return by_words(told), clip(message, MAX_MESSAGE)
        # A loop is a success to the CLI, after one line that says what it was.
        if self._complaint:
            return Kind.FAILED, clip(self._complaint, MAX_MESSAGE)
        said = self._text().strip()
        if not said:
            return Kind.FAILED, "empty answer"
        if usage.tokens == 0 and not self._tools:  # a command or a hook has answered
            kind = Kind.USAGE if "hook" in said.lower() else by_words(said)
            return kind or Kind.FAILED, clip(f"no model was asked: {said}", MAX_MESSAGE)
        return Kind.SUCCEEDED, ""

    def _text(self) -> str:
        return "".join(self._answer)

    # --- concluding -----------------------------------------------------------

    def conclude(self, end: End) -> Conclusion:
        result = self._result
        return Conclusion(
            self._cut_short(end) if result is None else self._outcome(result, end),
            session_id=self._session_id,
            text=self._text(),
            usage=result.usage if result else Usage(),
            tools=self._tools,
            model=self._model,
        )

    def _cut_short(self, end: End) -> Outcome:
        def cause(words: str) -> Kind | None:
            return by_words(words) or by_exit(end.exit_code)

        complaint = None
        if self._complaint:
            complaint = Complaint(by_words(self._complaint), readable(self._complaint))
        return cut_short(
            end, was_silent=self._is_silent, cause=cause, say=sentence, complaint=complaint
        )

    def _outcome(self, result: _Result, end: End) -> Outcome:
        kind = result.kind or by_exit(end.exit_code) or Kind.FAILED
        if kind is Kind.SUCCEEDED:
            return Outcome(kind, remarks(end, self._denied, [*self._open.values()]))
        return with_reset(Outcome(kind, result.message), end.now)


def _summary(given: Mapping[str, object]) -> str:
    for key in TELLING:
        words = given.get(key)
        if words and isinstance(words, str):
            return clip(words, MAX_SUMMARY)
    return clip(to_json(given, inf_nan_mode="null").decode("utf-8", "replace"), MAX_SUMMARY)


def _usage(stats: Mapping[str, object]) -> Usage:
    """Tokens of this process alone, resumed or not; what went in counts what was cached."""
    counts = (whole(stats, name) for name in ("input_tokens", "cached", "output_tokens"))
    return Usage(*(None if count is None else max(0, count) for count in counts))
