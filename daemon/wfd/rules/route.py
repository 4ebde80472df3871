"""The router: which AI takes a job, by which rule, and who was passed over and why."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from wfd.domain.ai import Ai
from wfd.domain.errors import unknown


class Stand(StrEnum):
    FREE = "free"
    PROBE = "probe"  # one run may try whether it works again
    FULL = "full"  # at its limit, or its one try is on
    HELD = "held"
    BROKEN = "broken"
    DISABLED = "disabled"


OPEN = frozenset({Stand.FREE, Stand.PROBE})
GONE = frozenset({Stand.HELD, Stand.BROKEN, Stand.DISABLED})  # another may take over for it


@dataclass(frozen=True)
class Standing:
    """An AI at this moment."""

    ai: Ai
    stand: Stand
    running: int = 0
    places: int = 1  # runs that it may have at once
    last_used_at: int = 0
    until: int | None = None  # UTC milliseconds: when one that is held or broken is looked at again
    why: str = ""  # it does not stand free
    needs_person: bool = False  # all tries are used up, and no clock releases it


@dataclass(frozen=True)
class Needs:
    """What a job asks of its AI."""

    ai: str | None = None
    harness: str | None = None
    labels: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Usual:
    """What its type says: the default, and what the template asks for."""

    default: str  # an AI or a harness
    labels: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PassedOver:
    """One that fits and could not take it now. Of those that could, the rule says why not."""

    ai: str
    stand: Stand
    why: str
    until_ms: int | None


@dataclass(frozen=True)
class Chosen:
    ai: Ai
    rule: str
    passed: tuple[PassedOver, ...]
    is_probe: bool
    had_choice: bool  # another fits, too


@dataclass(frozen=True)
class Waiting:
    """All that may take it are hindered now."""

    names: tuple[str, ...]  # any of which releases it
    passed: tuple[PassedOver, ...]


@dataclass(frozen=True)
class Nobody:
    """No AI fits, and no waiting helps."""

    reason: str
    harness: str  # the one that was wanted


Verdict = Chosen | Waiting | Nobody


def needs_of(text: str | None, harness: str | None) -> Needs:
    """Those of a job's columns `needs` and `harness`."""
    told = json.loads(text) if text else {}
    return Needs(
        ai=told.get("ai"),
        harness=harness,
        labels=frozenset(told.get("labels", ())),
        capabilities=frozenset(told.get("capabilities", ())),
    )


def as_json(needs: Needs) -> str | None:
    """The column `needs`, beside which `harness` has its own; None: nothing is asked."""
    told = {
        "ai": needs.ai,
        "labels": sorted(needs.labels),
        "capabilities": sorted(needs.capabilities),
    }
    asked = {key: value for key, value in told.items() if value}
    return json.dumps(asked) if asked else None


def route(
    needs: Needs,
    usual: Usual,
    job_type: str,
    ais: Mapping[str, Standing],
    before: str | None = None,
) -> Verdict:
    """Who takes a job of `job_type`. `before` is the AI whose session it could go on with.

    First what fits, then who may start now; among these the one with its session, the
    default of its type, the least loaded. Others take over only for AIs that are held, broken
    or disabled: for one that is merely at its limit the job waits.
    """
    fitting = _fitting(needs, usual, ais)
    if isinstance(fitting, Nobody):
        return fitting
    usuals = [s for s in fitting if _is_named(s.ai, usual.default, ais)]
    first = usuals or fitting
    free = [s for s in fitting if s.stand is Stand.FREE and s.ai.name == before]
    if free:
        return _chosen(free[0], fitting, "it resumes the job's earlier session")
    able = [s for s in first if s.stand in OPEN]
    if able:
        return _chosen(_least_loaded(able), fitting, _rule(needs, usuals, first, able, job_type))
    if any(s.stand is Stand.FULL for s in first):
        return Waiting(_names(first), _passed(first))
    able = [s for s in fitting if s.stand in OPEN]
    if able:
        absent = ", ".join(f"{s.ai.name}, which is {s.stand}" for s in first)
        return _chosen(_least_loaded(able), fitting, f"it takes over for {absent}")
    return Waiting(_names(fitting), _passed(fitting))


def fits_elsewhere(verdict: Verdict, ais: Mapping[str, Standing]) -> bool:
    """Whether a job has an AI that could do it, now or when a limit is over."""
    match verdict:
        case Chosen():
            return True
        case Waiting():
            return any(
                ais[name].stand in (Stand.HELD, Stand.FULL) and not ais[name].needs_person
                for name in verdict.names
            )
        case Nobody():
            return False


def _fitting(needs: Needs, usual: Usual, ais: Mapping[str, Standing]) -> list[Standing] | Nobody:
    named = _named(needs, usual, ais)
    if isinstance(named, Nobody):
        return named
    labels = needs.labels | usual.labels
    capabilities = needs.capabilities | usual.capabilities
    fitting = [s for s in named if labels <= s.ai.labels and capabilities <= s.ai.capabilities]
    if fitting:
        return fitting
    asked = [f"the label '{name}'" for name in sorted(labels)]
    asked += [f"the capability '{name}'" for name in sorted(capabilities)]
    of = ", ".join(sorted(s.ai.name for s in named))
    wanted = needs.ai or needs.harness or usual.default
    way_out = "'wfctl ai list' tells what each has, 'wfctl ai label' gives one a label"
    return Nobody(f"no AI of {of} has {' and '.join(asked)}; {way_out}", wanted)


def _named(needs: Needs, usual: Usual, ais: Mapping[str, Standing]) -> list[Standing] | Nobody:
    """Those that the job allows by name; of all, where it names none."""
    if needs.ai is not None:
        if needs.ai not in ais:
            return Nobody(unknown("AI", needs.ai, ais), needs.ai)
        return [ais[needs.ai]]
    if needs.harness is not None:
        found = [s for s in ais.values() if s.ai.harness == needs.harness]
        if found:
            return found
        return Nobody(unknown("harness", needs.harness, _harnesses(ais)), needs.harness)
    usuals = [s for s in ais.values() if _is_named(s.ai, usual.default, ais)]
    if not usuals:
        known = unknown("AI or harness", usual.default, ais)
        return Nobody(f"{known}; correct harnessDefaults", usual.default)
    return usuals + [s for s in ais.values() if s.ai.is_defined and s not in usuals]


def _is_named(ai: Ai, name: str, ais: Mapping[str, Standing]) -> bool:
    """An AI that is defined is meant by its name alone; a harness means all AIs of it."""
    if name in ais and ais[name].ai.is_defined:
        return ai.name == name
    return ai.harness == name


def _harnesses(ais: Mapping[str, Standing]) -> set[str]:
    return {s.ai.harness for s in ais.values()}


def _least_loaded(able: Iterable[Standing]) -> Standing:
    """A probe that is due goes first: an AI is only known to work again when one was tried."""

    def load(one: Standing) -> tuple[bool, float, int, str]:
        share = one.running / one.places
        return one.stand is Stand.FREE, share, one.last_used_at, one.ai.name

    return min(able, key=load)


def _rule(
    needs: Needs, usuals: list[Standing], first: list[Standing], able: list[Standing], of_type: str
) -> str:
    if needs.ai is not None:
        rule = "the job names it"
    elif needs.harness is not None:
        rule = f"the job names the harness {needs.harness}"
    elif usuals:
        rule = f"the default of {of_type}"
    else:
        rule = "no default of its type has what the job needs"
    return f"{rule}; the least loaded of {len(able)}" if len(first) > 1 < len(able) else rule


def _chosen(one: Standing, fitting: list[Standing], rule: str) -> Chosen:
    is_probe = one.stand is Stand.PROBE
    if is_probe:
        rule = f"{rule}; this run tests whether {one.ai.name} works again"
    passed = _passed(s for s in fitting if s.stand not in OPEN)
    return Chosen(one.ai, rule, passed, is_probe, had_choice=len(fitting) > 1)


def _names(standings: Iterable[Standing]) -> tuple[str, ...]:
    return tuple(sorted(s.ai.name for s in standings))


def _passed(standings: Iterable[Standing]) -> tuple[PassedOver, ...]:
    return tuple(PassedOver(s.ai.name, s.stand, s.why, s.until) for s in standings)


def route_json(chosen: Chosen) -> str:
    """The column `route` of a run."""
    return json.dumps({"rule": chosen.rule, "passed": [asdict(one) for one in chosen.passed]})
