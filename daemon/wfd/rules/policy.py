"""Policy: what follows each outcome, which gates must hold, and where it stops."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from wfd.domain.errors import BadConfig, unknown
from wfd.domain.outcome import Kind

CounterName = Literal["attempts", "no_work", "transient", "lost", "interrupted", "rate_limited"]
CAPPED: frozenset[CounterName] = frozenset({"attempts", "no_work"})  # bounded by a cap

_FORBID = ConfigDict(extra="forbid")

Count = Annotated[int, Field(ge=1)]
Millis = Annotated[int, Field(ge=1)]


class Then(StrEnum):
    JUDGE = "judge"  # a PM job looks at it
    RETRY = "retry"  # another run of the same job
    WAIT = "wait"  # its account is held until reset_at, else by backoff; then another run
    ASK = "ask"  # only a person can help
    END = "end"


@dataclass(frozen=True)
class Backoff:
    __pydantic_config__ = _FORBID

    base_ms: Millis
    factor: Annotated[float, Field(ge=1, le=100)]
    max_ms: Millis
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.0  # the share of a delay left to chance

    def delay_ms(self, n: int, roll: float) -> int:
        """How long to wait after `n` earlier waits; `roll` in [0, 1) is the chance in it.

        Jitter only shortens, so that max_ms is what it says.
        """
        # 64 steps reach any max_ms; more would overflow a float
        whole = min(self.base_ms * self.factor ** min(n, 64), self.max_ms)
        return int(whole * (1 - self.jitter * roll))


@dataclass(frozen=True)
class OutcomeRule:
    __pydantic_config__ = _FORBID

    then: Then
    counter: CounterName | None = None
    limit: Count | None = None  # None for the counters that a cap bounds
    backoff: Backoff | None = None
    resume: bool = False  # go on with the agent's session


def _unswallow_off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare `off` as false


@dataclass(frozen=True)
class Gates:
    """What must have happened since the last change before an assignment may complete."""

    __pydantic_config__ = _FORBID

    checks: Annotated[
        Literal["strict", "no_new_failures", "off"], BeforeValidator(_unswallow_off)
    ] = "strict"
    review: bool = True
    uat: bool = False


@dataclass(frozen=True)
class Caps:
    """Where an assignment stops and asks."""

    __pydantic_config__ = _FORBID

    jobs: Count = 20  # the PM's own are not counted
    attempts: Count = 3  # of one job, along its retries
    no_work: Count = 2  # runs of one job, along its retries, that did nothing
    reviews: Count = 5  # failed verdicts of whatever kind since a person last decided something
    wall_ms: Millis = 28_800_000
    cost_usd: Annotated[float, Field(gt=0)] | None = 20.0  # on reported cost; None: no cap
    tokens: Count = 100_000_000  # in and out, what was cached included, as far as reported
    pm_share: Annotated[float, Field(gt=0, le=1)] = 0.6  # of what was spent; 1: no cap


@dataclass(frozen=True)
class DailyCaps:
    """What all assignments of a namespace may use on one UTC day; None: as much as they like."""

    jobs: int | None = None  # brought to an end, the PM's own not counted
    wall_ms: int | None = None
    cost_usd: float | None = None
    tokens: int | None = None

    @property
    def is_any(self) -> bool:
        return self != NO_DAILY


NO_DAILY = DailyCaps()


@dataclass(frozen=True)
class Breaker:
    """When an AI whose infrastructure fails is left alone, and how it is tried again."""

    __pydantic_config__ = _FORBID

    failures: Count = 5  # in a row
    base_ms: Millis = 60_000
    max_ms: Millis = 1_800_000
    probes: Count = 24  # then it needs a person

    def wait_ms(self, probes: int) -> int:
        """Until the next run may try, after so many that failed."""
        return min(self.base_ms << min(probes, 40), self.max_ms)


@dataclass(frozen=True)
class Policy:
    __pydantic_config__ = _FORBID

    outcomes: Mapping[Kind, OutcomeRule]
    gates: Gates = field(default_factory=Gates)
    caps: Caps = field(default_factory=Caps)
    breaker: Breaker = field(default_factory=Breaker)

    def limit(self, kind: Kind) -> int | None:
        """How often the counter of `kind` may be moved; None where nothing repeats."""
        rule = self.outcomes[kind]
        if rule.counter == "attempts":
            return self.caps.attempts
        if rule.counter == "no_work":
            return self.caps.no_work
        return rule.limit


_POLICY = TypeAdapter(Policy)


def parse(text: str, path: str) -> Policy:
    """The policy of one YAML file.

    Raises BadConfig with one line per mistake: file, key, reason, nearest known key.
    """
    data = _with_later_kinds(_load(text, path))
    mistakes = list(_unknown_kinds(data))
    if not mistakes:
        try:
            policy = _POLICY.validate_python(data)
        except ValidationError as error:
            mistakes = [_sentence(e["loc"], e["type"], e["msg"]) for e in error.errors()]
        else:
            mistakes = list(_unsound(policy))
            if not mistakes:
                return policy
    raise BadConfig("\n".join(f"{path}: {mistake}" for mistake in mistakes))


def _load(text: str, path: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadConfig(f"{path}:{line}: {error.problem or 'is not YAML'}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise BadConfig(f"{path}: {error}") from None


def _with_later_kinds(data: Any) -> Any:
    """A file that was written before an outcome was known says nothing of it."""
    outcomes = data.get("outcomes") if isinstance(data, dict) else None
    if not isinstance(outcomes, dict):
        return data
    return {**data, "outcomes": {str(Kind.STEP_FAILED): {"then": "ask"}, **outcomes}}


def _unknown_kinds(data: object) -> Iterator[str]:
    outcomes = data.get("outcomes") if isinstance(data, dict) else None
    for name in outcomes if isinstance(outcomes, dict) else ():
        if name not in set(Kind):
            yield f"outcomes.{name}: {unknown('outcome', str(name), Kind)}"


def _sentence(loc: Sequence[int | str], kind: str, message: str) -> str:
    where = ".".join(str(part) for part in loc) or "the file"
    if kind == "unexpected_keyword_argument":
        return f"{where}: {unknown('key', str(loc[-1]), _known_keys(loc))}"
    return f"{where}: {message[:1].lower()}{message[1:]}"


def _known_keys(loc: Sequence[int | str]) -> list[str]:
    match loc:
        case ["gates", _]:
            owner: type = Gates
        case ["caps", _]:
            owner = Caps
        case ["breaker", _]:
            owner = Breaker
        case ["outcomes", _, "backoff", _]:
            owner = Backoff
        case ["outcomes", _, _]:
            owner = OutcomeRule
        case _:
            owner = Policy
    return [key.name for key in fields(owner)]


def _unsound(policy: Policy) -> Iterator[str]:
    """What the types cannot say: every outcome has a rule, and no rule repeats for ever."""
    for kind in Kind:
        rule = policy.outcomes.get(kind)
        where = f"outcomes.{kind}"
        if rule is None:
            yield f"{where}: no rule; every outcome needs one"
            continue
        if kind is Kind.SUCCEEDED and rule.then is not Then.JUDGE:
            yield f"{where}.then: must be judge; what an agent claims is always judged"
        if kind is Kind.CANCELLED and rule.then is not Then.END:
            yield f"{where}.then: must be end; a person has decided"
        if kind is Kind.STEP_FAILED and rule.then is not Then.ASK:
            yield f"{where}.then: must be ask; no agent can fix a step of the daemon's own"
        if rule.counter in CAPPED and rule.limit is not None:
            yield f"{where}.limit: the limit of {rule.counter} is caps.{rule.counter}"
        if rule.then in (Then.RETRY, Then.WAIT):
            yield from _unbounded(where, rule)


def _unbounded(where: str, rule: OutcomeRule) -> Iterator[str]:
    if rule.counter is None:
        known = ", ".join(get_args(CounterName))
        yield f"{where}.counter: missing; a {rule.then} without one has no end; known: {known}"
    elif rule.counter not in CAPPED and rule.limit is None:
        yield f"{where}.limit: missing; a {rule.then} without one has no end"
    if rule.then is Then.WAIT and rule.backoff is None:
        yield f"{where}.backoff: missing; it says how long to wait when no reset time is known"
