"""How a run ended: a closed set of kinds, each with one policy and one counter."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    SUCCEEDED = "succeeded"
    NO_WORK = "no_work"
    FAILED = "failed"
    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    AUTH = "auth"
    USAGE = "usage"
    NOT_FOUND = "not_found"
    STEP_FAILED = "step_failed"  # one of the daemon's own, before the agent or after it
    POISONED = "poisoned"
    TIMED_OUT = "timed_out"
    STALLED = "stalled"
    PROTOCOL = "protocol"
    LOST = "lost"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


class EndedBy(StrEnum):
    """Who ended the process, when it did not end by itself."""

    NONE = "none"
    STOP = "stop"
    CANCEL = "cancel"
    TIMEOUT = "timeout"
    STALL = "stall"
    STARTUP = "startup"
    LIMIT = "limit"  # its transcript outgrew the cap
    BUDGET = "budget"  # a cap on what it may use was reached


@dataclass(frozen=True)
class Outcome:
    kind: Kind
    message: str = ""
    reset_at: int | None = None  # UTC milliseconds; only a rate limit has one


MAX_TOKENS = 2**53  # of one run; more is no measure, and a sum of them would outgrow a column


@dataclass(frozen=True)
class Usage:
    """Tokens as the CLI reported them. None is "not reported", which is not zero."""

    tokens_in: int | None = None
    tokens_cached: int | None = None
    tokens_out: int | None = None

    @property
    def tokens(self) -> int | None:
        """In and out together, what was read from a cache included: all that a model has seen."""
        if self.tokens_in is None and self.tokens_out is None:
            return None
        return min((self.tokens_in or 0) + (self.tokens_out or 0), MAX_TOKENS)


@dataclass(frozen=True)
class Conclusion:
    """All that a finished stream tells: what `Codec.conclude` returns."""

    outcome: Outcome
    session_id: str | None = None
    text: str = ""  # the agent's last answer
    structured: object | None = None  # parsed JSON of a structured answer
    usage: Usage = Usage()
    cost_usd: float | None = None
    turns: int | None = None
    tools: int = 0  # tool calls seen
    cli_version: str | None = None
    model: str | None = None
