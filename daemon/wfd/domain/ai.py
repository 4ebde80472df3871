"""An AI: a configured instance of a harness, the account whose limits it shares, its troubles."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wfd.domain.ids import RunId
from wfd.domain.job import HAND, MERGE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Origin(StrEnum):
    CONFIGURED = "configured"  # `ais` of the daemon's configuration
    REGISTERED = "registered"  # `wfctl ai register`
    IMPLIED = "implied"  # a harness that nobody has defined an AI of that name for


@dataclass(frozen=True)
class Ai:
    name: str
    harness: str
    account: str
    model: str | None = None
    labels: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    limit: int | None = None  # runs at once
    # the agent's variable -> the daemon's, whose value it gets; None: it does not get one
    env: Mapping[str, str | None] = field(default_factory=dict)
    pass_env: tuple[str, ...] = ()  # names or patterns let through, as its harness is set to
    binary: str | None = None
    max_turns: int | None = None
    origin: Origin = Origin.IMPLIED

    @property
    def is_defined(self) -> bool:
        """A person has said that it is there, so it may take over for another."""
        return self.origin is not Origin.IMPLIED


BY_HAND = Ai(HAND, HAND, HAND)  # nobody's: a person, or an agent that somebody else runs
MERGING = Ai(MERGE, MERGE, MERGE)  # nobody's: the daemon's own work


@dataclass(frozen=True)
class AiRow:
    """What the store keeps of an AI, wherever it is defined."""

    name: str
    definition: str | None  # JSON, of one that was registered
    labels: str  # JSON: what was added to and taken from those of its definition, as +x and -y
    is_enabled: bool
    failures: int  # of its infrastructure, in a row
    broken_until: int | None  # from then on one run may try; None: it is not broken
    broken_reason: str | None
    probes: int  # tries that failed while it was broken
    last_used_at: int | None


@dataclass(frozen=True)
class Hold:
    """An account on which nothing may start: its usage limit is reached."""

    id: int
    account: str
    until: int  # UTC milliseconds
    is_reset_known: bool  # else `until` is when one run may try
    reason: str
    probes: int  # tries that met the limit still
    run_id: RunId | None
    created_at: int


def is_reserved(name: str) -> bool:
    """Whether it means no AI: work by hand, and the daemon's own merges."""
    return name in (HAND, MERGE)


def is_name(text: str) -> bool:
    """Whether it can name an AI, an account, a label or a capability: no comma, no space."""
    return _NAME.fullmatch(text) is not None
