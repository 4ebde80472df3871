"""What a model may do when it is asked, as a script says it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Say:
    """Text, streamed in several pieces."""

    text: str


@dataclass(frozen=True)
class Think:
    text: str


@dataclass(frozen=True)
class Shell:
    """A call of the CLI's own shell tool."""

    command: str


@dataclass(frozen=True)
class Write:
    """A call of the CLI's own file-writing tool; the path is relative to the workspace."""

    path: str
    text: str


@dataclass(frozen=True)
class Answer:
    """A structured answer: through a tool where the request offers one for it, else as JSON."""

    value: object


@dataclass(frozen=True)
class Call:
    """A call of a tool by the CLI's own name for it, whether it is offered or not."""

    tool: str
    given: Mapping[str, object] = field(default_factory=dict)


Part = Say | Think | Shell | Write | Answer | Call


@dataclass(frozen=True, init=False)
class Turn:
    """One response with these parts, in order."""

    parts: tuple[Part, ...]
    tokens_in: int
    tokens_out: int

    def __init__(self, *parts: Part, tokens_in: int = 1200, tokens_out: int = 42) -> None:
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "tokens_in", tokens_in)
        object.__setattr__(self, "tokens_out", tokens_out)


@dataclass(frozen=True)
class Fail:
    """An HTTP error in the form of the API that is asked.

    `kind` is anthropic's error type, openai's type and code, google's status; by default the one
    that goes with the HTTP status. `body` replaces the whole form. With status 200 the error
    comes inside a stream that has begun, as when a model fails half-way.
    """

    status: int
    message: str
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object | None = None


@dataclass(frozen=True)
class Cut:
    """Some of the text, and then the connection is gone."""

    text: str


@dataclass(frozen=True)
class Hang:
    """Silence until the client goes or the server closes, after headers and text if any."""

    text: str = ""
    headers: bool = True


Step = Turn | Fail | Cut | Hang

# By role. A role's main requests take its steps in order; the last one repeats.
Script = Mapping[str, Sequence[Step]]
