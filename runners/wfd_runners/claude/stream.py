"""The stream of `claude -p --output-format stream-json`: what its lines mean, how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic_core import to_json

from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.signal import (
    Finished,
    LimitSeen,
    Retrying,
    Said,
    SessionStarted,
    Signal,
    Thought,
    ToolCalled,
    ToolReturned,
)
from wfd.ports import End
from wfd_runners.claude.causes import by_words
from wfd_runners.claude.result import Result, Word
from wfd_runners.claude.told import Told
from wfd_runners.ending import cut_short, ended, remarks
from wfd_runners.fields import clip, items, mapping, mappings, number, parse, text, whole
from wfd_runners.noise import MAX_NOISE, no_event, noise
from wfd_runners.reset_times import reset_time

MAX_SUMMARY = 2_000
SYNTHETIC = "<synthetic>"  # the model of a message that the CLI itself wrote
ANSWER_TOOL = "StructuredOutput"  # carries the answer, so it is not counted as work

# What an open task is called in `status` once it is over.
TASK_OVER = frozenset({"completed", "failed", "stopped", "killed", "cancelled", "canceled"})

# The one field of a tool's input that tells a reader what it does.
TELLING = ("command", "file_path", "notebook_path", "path", "pattern", "url", "query", "skill")


class ClaudeCodec:
    """One run's stream. Holds what it has seen, does no IO."""

    def __init__(self) -> None:
        self._session_id: str | None = None
        self._model: str | None = None
        self._version: str | None = None
        self._words = ""  # the agent's last words
        self._word: Word | None = None  # set while the CLI's own words are the last ones
        self._tools = 0
        self._told = Told()
        self._reset_at: int | None = None
        self._open_tasks: set[str] = set()
        self._result: Result | None = None
        self._between_turns = False
        self._is_silent = True

    # --- reading --------------------------------------------------------------

    def read(self, line: bytes) -> Sequence[Signal]:
        event = parse(line)
        if event is None:
            return no_event(line)
        self._is_silent = False
        match event.get("type"):
            case "assistant":
                return self._assistant(event)
            case "user":
                return _returned(event) or noise("user")
            case "system":
                return self._system(event)
            case "rate_limit_event":
                return self._limit(mapping(event, "rate_limit_info"))
            case "result":
                return self._finish(event)
            case other:
                return noise(other)

    @property
    def is_finished(self) -> bool:
        """A result came, no task runs in the background, and no further turn has begun."""
        return self._between_turns and not self._open_tasks

    @property
    def tokens(self) -> int | None:
        return self._told.usage.tokens

    def _system(self, event: Mapping[str, object]) -> Sequence[Signal]:
        subtype = text(event, "subtype") or ""
        match subtype:
            case "init":
                return self._init(event)
            case "api_retry":
                return (_retry(event),)
            case "model_fallback":
                self._model = text(event, "fallback_model") or self._model
            case "task_started" | "task_updated" | "task_notification":
                self._task(event, is_new=subtype == "task_started")
        return noise(f"system/{subtype}")

    def _init(self, event: Mapping[str, object]) -> Sequence[Signal]:
        self._between_turns = False
        self._word = None
        self._session_id = text(event, "session_id") or self._session_id
        self._model = text(event, "model") or self._model
        self._version = text(event, "claude_code_version") or self._version
        if self._session_id is None:
            return noise("system/init")
        return (SessionStarted(self._session_id, self._model, self._version),)

    def _task(self, event: Mapping[str, object], *, is_new: bool) -> None:
        task = text(event, "task_id")
        if task is None:
            return
        if is_new:
            self._open_tasks.add(task)
        status = text(event, "status") or text(mapping(event, "patch"), "status")
        if status in TASK_OVER:
            self._open_tasks.discard(task)

    def _assistant(self, event: Mapping[str, object]) -> Sequence[Signal]:
        message = mapping(event, "message")
        if message.get("model") == SYNTHETIC:
            return self._synthetic(event, message)
        self._word = None
        self._told.add(message)
        is_main = text(event, "parent_tool_use_id") is None
        signals: list[Signal] = []
        for block in items(message, "content"):
            if isinstance(block, dict):
                signals += self._block(block, is_main)
        return signals or noise("assistant")

    def _synthetic(
        self, event: Mapping[str, object], message: Mapping[str, object]
    ) -> Sequence[Signal]:
        words = "\n".join(text(block, "text") or "" for block in mappings(message, "content"))
        self._word = Word(words, text(event, "error"))
        return noise(words)

    def _block(self, block: Mapping[str, object], is_main: bool) -> Sequence[Signal]:
        match block.get("type"):
            case "tool_use":
                name = text(block, "name") or "?"
                self._tools += name != ANSWER_TOOL
                return (ToolCalled(text(block, "id") or "", name, _summary(block)),)
            case "text":
                words = text(block, "text") or ""
                if is_main and words:
                    self._words = words
                return (Said(words),) if words else ()
            case "thinking":
                return (Thought(text(block, "thinking") or ""),)
        return ()

    def _limit(self, info: Mapping[str, object]) -> Sequence[Signal]:
        status = text(info, "status") or "unknown"
        # A rejected window that is paid for as overage stops nothing.
        is_rejected = status == "rejected" and info.get("isUsingOverage") is not True
        seconds = whole(info, "resetsAt")
        reset_at = None if seconds is None else seconds * 1000
        if is_rejected:
            self._reset_at = reset_at
        name = text(info, "rateLimitType") or "usage"
        return (LimitSeen(is_rejected, reset_at, clip(f"{name} limit: {status}", MAX_NOISE)),)

    def _finish(self, event: Mapping[str, object]) -> Sequence[Signal]:
        result = Result.of(event, self._word)
        # The end of a turn that was broken off takes nothing back from one that had ended.
        if self._result is None or not result.is_aborted:
            self._result = result
        self._between_turns = True
        return (Finished(result.is_ok, result.message, result.cost_usd),)

    # --- concluding -----------------------------------------------------------

    def conclude(self, end: End) -> Conclusion:
        result = self._result
        if result is None:
            outcome = cut_short(end, was_silent=self._is_silent, cause=by_words)
            return self._conclusion(outcome)
        outcome = self._outcome(result, end)
        return self._conclusion(outcome, result)

    def _outcome(self, result: Result, end: End) -> Outcome:
        # Our own signal makes the CLI print a result that says it was aborted: not a result
        # that came before the end, but the end itself.
        if result.is_aborted and end.ended_by is not EndedBy.NONE:
            return ended(end.ended_by)
        if result.kind is Kind.SUCCEEDED:
            return Outcome(Kind.SUCCEEDED, remarks(end, result.denied))
        if result.kind is Kind.RATE_LIMITED:
            return Outcome(result.kind, result.message, self._reset(result, end.now))
        return Outcome(result.kind, result.message)

    def _reset(self, result: Result, now: int) -> int | None:
        at = self._reset_at or reset_time(result.message, now)
        # A reset that has passed says nothing about the limit that was hit.
        return at if at is not None and at > now else None

    def _conclusion(self, outcome: Outcome, result: Result | None = None) -> Conclusion:
        common = Conclusion(
            outcome,
            session_id=self._session_id,
            text=self._words,
            usage=self._told.usage,
            tools=self._tools,
            cli_version=self._version,
            model=self._model,
        )
        if result is None:
            return common
        return replace(
            common,
            session_id=None if result.is_session_unknown else self._session_id or result.session_id,
            text=result.answer or self._words,
            structured=result.structured,
            usage=self._told.at_least(result.usage),
            cost_usd=result.cost_usd,
            turns=result.turns,
        )


def _retry(event: Mapping[str, object]) -> Retrying:
    status = whole(event, "error_status")
    words = text(event, "error") or "unknown"
    delay = number(event, "retry_delay_ms")
    return Retrying(
        attempt=whole(event, "attempt"),
        delay_ms=None if delay is None else whole(event, "retry_delay_ms"),
        message=clip(words if status is None else f"{status} {words}", MAX_NOISE),
    )


def _returned(event: Mapping[str, object]) -> Sequence[Signal]:
    signals: list[Signal] = []
    for block in items(mapping(event, "message"), "content"):
        if isinstance(block, dict) and block.get("type") == "tool_result":
            tool_id, is_error = text(block, "tool_use_id") or "", block.get("is_error") is True
            signals.append(ToolReturned(tool_id, _content(block), is_error))
    return signals


def _content(block: Mapping[str, object]) -> str:
    """A tool's result, which is a string or a list of blocks."""
    words = text(block, "content")
    if words is not None:
        return words
    return "\n".join(text(part, "text") or "" for part in mappings(block, "content"))


def _summary(block: Mapping[str, object]) -> str:
    given = mapping(block, "input")
    for key in TELLING:
        words = given.get(key)
        if words and isinstance(words, str):
            return clip(words, MAX_SUMMARY)
    return clip(to_json(given, inf_nan_mode="null").decode("utf-8", "replace"), MAX_SUMMARY)
