"""The house rules of a namespace, as a command meets them: gates, caps, names that exist."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from wfd.domain.ai import Ai
from wfd.domain.namespace import Namespace
from wfd.domain.question import FOR_EVER, Patience
from wfd.rules.policy import NO_DAILY, Caps, DailyCaps, Gates

MAX_TEXT = 200_000  # characters of a north star, a context or a note
MAX_REASON = 10_000  # characters of a reason, which every later prompt repeats


@dataclass(frozen=True)
class House:
    gates: Gates
    caps: Caps
    checks: tuple[str, ...]  # names of the configured checks
    types: tuple[str, ...]  # job types that have a template
    harnesses: tuple[str, ...]
    daily: DailyCaps = NO_DAILY
    patience: Patience = FOR_EVER  # with questions that nobody answers
    ais: Mapping[str, Ai] = field(default_factory=dict)  # that are configured
    harness_ais: Mapping[str, Ai] = field(default_factory=dict)  # harnesses with own settings
    jobs: int = 4  # runs of the machine at once
    hold_probes: int = 24
    breaker_probes: int = 24

    @cached_property
    def known_ais(self) -> dict[str, Ai]:
        """Those that are configured, and each harness where none has its name; sorted by name."""
        found = {name: self.implied(name) for name in self.harnesses} | dict(self.ais)
        return dict(sorted(found.items()))

    def implied(self, harness: str) -> Ai:
        """A harness as the AI that it is where nobody has defined one of its name."""
        return self.harness_ais.get(harness) or Ai(harness, harness, harness)


# of no namespace: the machine's own, as for what belongs to none
HouseOf = Callable[[Namespace | None], House]
