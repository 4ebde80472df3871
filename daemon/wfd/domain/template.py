"""A prompt template's front matter: what a job type may do and must show."""

from dataclasses import dataclass
from enum import StrEnum


class Writes(StrEnum):
    MUST = "must"  # an empty diff without a tool call is no_work
    MAY = "may"
    NEVER = "never"  # the workspace goes back to the snapshot before it


@dataclass(frozen=True)
class Template:
    type: str
    path: str
    body: str
    body_line: int  # line of the file on which the body begins, from 1
    writes: Writes = Writes.MAY
    checks: tuple[str, ...] | None = ()  # names of checks to run after it; None: all
    verdict: bool = False  # answers with {verdict, findings}
    fresh_session: bool = True  # a PM's retry of it does not resume the earlier session
    labels: tuple[str, ...] = ()  # that its AI must have
    capabilities: tuple[str, ...] = ()
