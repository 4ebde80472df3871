"""What one line of an agent's stream means: a closed union, the same for every harness.

They are not frozen: one is made of each line, and a frozen one takes three times as long.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class SessionStarted:
    session_id: str
    model: str | None = None
    cli_version: str | None = None


@dataclass(slots=True)
class Said:
    text: str


@dataclass(slots=True)
class Thought:
    text: str


@dataclass(slots=True)
class ToolCalled:
    tool_id: str
    name: str
    summary: str  # the command, the path, or the input as JSON


@dataclass(slots=True)
class ToolReturned:
    tool_id: str
    text: str
    is_error: bool


@dataclass(slots=True)
class Retrying:
    """The CLI itself waits and tries again."""

    attempt: int | None
    delay_ms: int | None
    message: str


@dataclass(slots=True)
class LimitSeen:
    rejected: bool
    reset_at: int | None  # UTC milliseconds
    message: str


@dataclass(slots=True)
class Finished:
    """A terminal event. More may follow; the last one counts."""

    ok: bool
    message: str
    cost_usd: float | None = None


@dataclass(slots=True)
class Noise:
    """A line that means nothing to us: unknown events, half lines, text that is no JSON."""

    text: str


Signal = (
    SessionStarted
    | Said
    | Thought
    | ToolCalled
    | ToolReturned
    | Retrying
    | LimitSeen
    | Finished
    | Noise
)
