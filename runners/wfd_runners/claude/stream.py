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
from wfd_runners.claude.causes import by_code, by_words
from wfd_runners.claude.result import Before, Result, Word
from wfd_runners.claude.tasks import Tasks
from wfd_runners.claude.told import Told
from wfd_runners.ending import Complaint, cut_short, ended, remarks, with_reset
from wfd_runners.event import event_of
from wfd_runners.fields import clip, items, mapping, mappings, number, text, whole
from wfd_runners.noise import MAX_NOISE, no_event, noise
from wfd_runners.reset_times import of_epoch

MAX_SUMMARY = 2_000
SYNTHETIC = "<synthetic>"  # the model of a message that the CLI itself wrote
ANSWER_TOOL = "StructuredOutput"  # carries the answer, so it is not counted as work

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
        self._tasks = Tasks()
        self._trouble: Complaint | None = None  # why it waits, until its model answers
        self._notice = ""  # why the CLI did not go on with a prompt
        self._has_turn = False  # a model has answered
        self._result: Result | None = None
        self._between_turns = False
        self._is_silent = True

    # --- reading --------------------------------------------------------------

    def read(self, line: bytes) -> Sequence[Signal]:
        event = event_of(line)
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
            case "result" if _is_main(event):
                return self._finish(event)
            case other:
                return noise(other)

    @property
    def is_finished(self) -> bool:
        """A result came, no task runs in the background, and no further turn has begun."""
        return self._between_turns and not self._tasks.are_open

    @property
    def tokens(self) -> int | None:
        return self._told.usage.tokens

    def _system(self, event: Mapping[str, object]) -> Sequence[Signal]:
        subtype = text(event, "subtype") or ""
        match subtype:
            case "init" if _is_main(event):
                return self._init(event)
            case "api_retry":
                if _is_main(event):
                    self._trouble = _cause_of_retry(event)
                return (_retry(event),)
            case "informational" if event.get("prevent_continuation") is True:
                self._notice = text(event, "content") or self._notice
            case "model_fallback":
                self._model = text(event, "fallback_model") or self._model
            case "task_started" | "task_updated" | "task_notification":
                self._tasks.hear(event, is_new=subtype == "task_started")
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

    def _assistant(self, event: Mapping[str, object]) -> Sequence[Signal]:
        message = mapping(event, "message")
        is_main = _is_main(event)
        if message.get("model") == SYNTHETIC:
            return self._synthetic(event, message, is_main)
        if is_main:
            self._word = self._trouble = None
            self._has_turn = True
            self._tasks.agent_goes_on()
        self._told.add(message)
        signals: list[Signal] = []
        for block in items(message, "content"):
            if isinstance(block, dict):
                signals += self._block(block, is_main)
        return signals or noise("assistant")

    def _synthetic(
        self, event: Mapping[str, object], message: Mapping[str, object], is_main: bool
    ) -> Sequence[Signal]:
        words = "\n".join(text(block, "text") or "" for block in mappings(message, "content"))
        if is_main:
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
        reset_at = of_epoch(whole(info, "resetsAt"))
        message = clip(f"{text(info, 'rateLimitType') or 'usage'} limit: {status}", MAX_NOISE)
        if is_rejected:
            self._reset_at = reset_at
            self._trouble = Complaint(Kind.RATE_LIMITED, message, goes_on=True)
        return (LimitSeen(is_rejected, reset_at, message),)

    def _finish(self, event: Mapping[str, object]) -> Sequence[Signal]:
        before = Before(self._word, self._words, self._notice, self._has_turn)
        result = Result.of(event, before)
        # The end of a turn that was broken off takes nothing back from one that had ended.
        if self._result is None or not result.is_aborted:
            self._result = result
        self._between_turns = True
        return (Finished(result.is_ok, result.message, result.cost_usd),)

    # --- concluding -----------------------------------------------------------

    def conclude(self, end: End) -> Conclusion:
        result = self._result
        if result is None:
            outcome = cut_short(
                end, was_silent=self._is_silent, cause=by_words, complaint=self._complaint()
            )
            return self._conclusion(with_reset(outcome, end.now, self._reset_at))
        outcome = self._outcome(result, end)
        return self._conclusion(outcome, result)

    def _outcome(self, result: Result, end: End) -> Outcome:
        # Our own signal makes the CLI print a result that says it was aborted: not a result
        # that came before the end, but the end itself.
        if result.is_aborted and end.ended_by is not EndedBy.NONE:
            return ended(end.ended_by)
        if result.kind is Kind.SUCCEEDED:
            return Outcome(Kind.SUCCEEDED, remarks(end, result.denied, self._tasks.unfinished))
        return with_reset(Outcome(result.kind, result.message), end.now, self._reset_at)

    def _complaint(self) -> Complaint | None:
        """What it told last, if that was a failure."""
        if self._word is None:
            return self._trouble
        kind = by_code(self._word.error, None) or by_words(self._word.text)
        return Complaint(kind, self._word.text)

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


def _is_main(event: Mapping[str, object]) -> bool:
    """Whether it is of the run itself, and not of an agent that the run has begun."""
    return text(event, "parent_tool_use_id") is None


def _cause_of_retry(event: Mapping[str, object]) -> Complaint:
    status, words = whole(event, "error_status"), text(event, "error") or "unknown"
    kind = by_code(words, status) or by_words(words)
    return Complaint(kind, _told_of(words, status), goes_on=True)


def _told_of(words: str, status: int | None) -> str:
    return clip(words if status is None else f"{status} {words}", MAX_NOISE)


def _retry(event: Mapping[str, object]) -> Retrying:
    status = whole(event, "error_status")
    words = text(event, "error") or "unknown"
    delay = number(event, "retry_delay_ms")
    return Retrying(
        attempt=whole(event, "attempt"),
        delay_ms=None if delay is None else whole(event, "retry_delay_ms"),
        message=_told_of(words, status),
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
