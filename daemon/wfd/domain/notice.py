"""A notice: what a rule tells a person, or a program, of one event."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.variable import is_variable


class Channel(StrEnum):
    CONSOLE = "console"  # a line of the daemon's log
    WEBHOOK = "webhook"
    APPRISE = "apprise"  # desktop and chat services


@dataclass(frozen=True)
class Rule:
    """Which events are told, and where to."""

    name: str
    on: tuple[str, ...]  # names of sets, and patterns of kinds
    namespaces: tuple[str, ...] | None  # None: all of them
    to: Channel
    url: str | None  # a URL without a secret, or where the daemon finds one
    signing_key: str | None  # where the daemon finds it


@dataclass(frozen=True)
class Notice:
    id: int  # of the event: the same each time that it is told
    kind: str
    namespace: str | None
    assignment: int | None
    job: int | None
    run: int | None
    question: int | None  # Q5, where a question is asked or closed
    text: str  # one or two lines: what waits, and what to type
    at: int  # UTC milliseconds; when it happened


@dataclass(frozen=True)
class NotDelivered:
    reason: str
    is_final: bool = False  # it will not go better the next time
    retry_after_ms: int | None = None  # what the other side has asked for


def is_place(text: str) -> bool:
    """Whether it tells where a secret lies: the name of a variable, or the path of a file."""
    return is_variable(text) or text.startswith(("/", "~/"))
