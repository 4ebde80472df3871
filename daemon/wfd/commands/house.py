"""The house rules of a namespace, as a command meets them: gates, caps, names that exist."""

from collections.abc import Callable
from dataclasses import dataclass

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


HouseOf = Callable[[Namespace], House]
