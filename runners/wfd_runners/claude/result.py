"""The `result` event of Claude Code: its verdict on a run, and what the run used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wfd.domain.outcome import Kind, Usage
from wfd_runners.claude.causes import by_code, by_words
from wfd_runners.claude.usage import used_by
from wfd_runners.fields import clip, items, mappings, number, text, whole

MAX_MESSAGE = 500
BUDGET = "error_max_budget_usd"
NO_ANSWER = frozenset({"", "(no content)"})
PROMPT_QUOTED = "Original prompt:"  # a hook that takes a prompt has the CLI repeat all of it


@dataclass(frozen=True)
class Word:
    """What the CLI itself said in the agent's place."""

    text: str
    error: str | None


@dataclass(frozen=True)
class Before:
    """What a stream had told when its result came."""

    word: Word | None  # set while the CLI's own words were the last ones
    said: str  # the agent's last words
    notice: str  # why the CLI did not go on with a prompt
    has_turn: bool  # a model has answered in this process


@dataclass(frozen=True)
class Result:
    kind: Kind
    message: str
    is_aborted: bool  # a signal broke the turn off
    session_id: str | None
    answer: str  # "" unless it is the agent's own
    structured: object | None
    usage: Usage
    cost_usd: float | None
    turns: int | None
    denied: Sequence[str]  # names of tools

    @property
    def is_ok(self) -> bool:
        return self.kind is Kind.SUCCEEDED

    @property
    def is_session_unknown(self) -> bool:
        """The session to resume was not there: the id that came with it leads nowhere."""
        return self.kind is Kind.POISONED and "no conversation found" in self.message.lower()

    @classmethod
    def of(cls, event: Mapping[str, object], before: Before) -> "Result":
        """A result event, read beside what came before it."""
        is_aborted = _is_aborted(event)
        if not before.has_turn and before.word is None and _was_not_asked(event):
            kind, message = _unasked(text(event, "result") or before.notice)
        else:
            kind, message = _verdict(event, before, is_aborted=is_aborted)
        cost = number(event, "total_cost_usd")
        # The model's broken-off message is paid for, and the CLI reports it as nothing.
        is_measured = not (is_aborted and not cost)
        return cls(
            kind=kind,
            message=clip(message, MAX_MESSAGE),
            is_aborted=is_aborted,
            session_id=text(event, "session_id"),
            answer=(text(event, "result") or "") if kind is Kind.SUCCEEDED else "",
            structured=event.get("structured_output"),
            usage=used_by(event) if is_measured else Usage(),
            cost_usd=cost if is_measured and cost is not None and cost >= 0 else None,
            turns=whole(event, "num_turns"),
            denied=[text(d, "tool_name") or "?" for d in mappings(event, "permission_denials")],
        )


def _is_aborted(event: Mapping[str, object]) -> bool:
    if event.get("subtype") != "error_during_execution":
        return False
    reason = text(event, "terminal_reason") or ""
    return reason.startswith("aborted") or "ede_diagnostic" in _errors(event)


def _was_not_asked(event: Mapping[str, object]) -> bool:
    """A success of no turn, or one that no token went into."""
    if event.get("subtype") != "success" or event.get("is_error") is not False:
        return False
    tokens = used_by(event).tokens
    return tokens == 0 or (not tokens and whole(event, "num_turns") == 0)


def _unasked(words: str) -> tuple[Kind, str]:
    """What it means that the CLI has answered in the model's place."""
    said = " ".join(words.partition(PROMPT_QUOTED)[0].split())
    message = f"no model was asked: {said}" if said else "no model was asked, and nothing said why"
    if "hook" in said.lower():  # of the person's own, who has to see to it
        return Kind.USAGE, message
    return by_words(said) or Kind.FAILED, message


def _verdict(event: Mapping[str, object], before: Before, *, is_aborted: bool) -> tuple[Kind, str]:
    if is_aborted:
        # Nobody of ours sent the signal (or `conclude` decides otherwise): the run was cut
        # off, the agent did not fail, and a free retry could go on for ever.
        return Kind.PROTOCOL, "ended by a signal that wfd did not send"
    if event.get("subtype") != "success":
        return _failure(event, _errors(event) or str(event.get("subtype")))
    answer = text(event, "result") or ""
    if event.get("is_error") is not False:
        return _failure(event, answer or "failed without a message", before)
    if event.get("stop_reason") == "refusal":
        return Kind.FAILED, f"refused: {answer}"
    if event.get("structured_output") is not None:
        return Kind.SUCCEEDED, ""
    if answer.strip() in NO_ANSWER:
        return Kind.FAILED, "empty answer"
    if before.word is not None:  # the CLI answered itself: a command, or a limit read as done
        return _failure(event, answer, before)
    return Kind.SUCCEEDED, ""


def _failure(
    event: Mapping[str, object], message: str, before: Before | None = None
) -> tuple[Kind, str]:
    subtype = text(event, "subtype") or ""
    if subtype == BUDGET:  # which was a cap of ours: raise it, and the session goes on
        return Kind.INTERRUPTED, message
    if subtype.startswith("error_max_") or event.get("stop_reason") == "refusal":
        return Kind.FAILED, message
    if event.get("terminal_reason") == "prompt_too_long":
        return Kind.POISONED, message
    status = whole(event, "api_error_status")
    word = before.word if before else None
    kind = by_code(word.error if word else None, status)
    # An agent that fails may have written about limits and logins, and none of it is a cause.
    is_agents = before is not None and word is None and message == before.said
    if kind is None and not is_agents:
        kind = by_words(message)
    if kind is not None:
        return kind, message
    # The API refuses the conversation as such: only a fresh session can help.
    return (Kind.POISONED if status == 400 else Kind.FAILED), message


def _errors(event: Mapping[str, object]) -> str:
    return "; ".join(error for error in items(event, "errors") if isinstance(error, str))
