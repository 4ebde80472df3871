"""What a client sent: the raw request, what an API reads in it, and the record of both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.fakes.model_server.turns import Say, Turn

Json = Mapping[str, object]

BLAND = Turn(Say("Yes."))


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # without its query
    headers: Mapping[str, str]  # names in lower case
    body: Json


@dataclass(frozen=True)
class Reading:
    """A request as its API understands it."""

    is_main: bool  # a step of the agent's own conversation, for which the script speaks
    is_streamed: bool = False
    model: str = ""
    workspace: str = ""  # absolute, as the client told its model
    tools: Mapping[str, Json] = field(default_factory=dict)  # as offered, by name
    prompts: Sequence[str] = ()  # what a person asked, oldest first
    texts: Sequence[str] = ()
    bland: Turn = BLAND  # the answer where it is no main request


@dataclass(frozen=True)
class Seen:
    """One request, as it is recorded."""

    api: str  # anthropic, openai, google
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: Json
    is_main: bool  # False for what a CLI asks beside its conversation
    role: str | None
    prompt: str  # the last that a person asked
    tools: tuple[str, ...]  # names of those that were offered
    texts: tuple[str, ...]  # all of the conversation, in order: asked, said, given by tools
    key: str | None  # the API key or bearer token that came with it
    at: float  # monotonic seconds
