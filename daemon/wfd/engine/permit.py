"""Whether a job that is about to start may: which AI takes it, and what it has to wait for."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from wfd.commands.house import House
from wfd.commands.locks import blocker
from wfd.commands.roster import Roster, ai_of, roster
from wfd.commands.scope import namespace_of
from wfd.domain.ai import BY_HAND, MERGING, Ai, Hold
from wfd.domain.ids import NamespaceId, RunId
from wfd.domain.job import HAND, Job, WaitsFor
from wfd.domain.namespace import Namespace
from wfd.domain.run import Run
from wfd.domain.template import Template
from wfd.engine.parts import Settings
from wfd.ports import Read, Tx
from wfd.rules.route import (
    GONE,
    Chosen,
    Nobody,
    Stand,
    Standing,
    Usual,
    Verdict,
    Waiting,
    fits_elsewhere,
    needs_of,
    route,
    route_json,
)

UsualOf = Callable[[Namespace, str], Usual]

_MERGE_ROUTE = json.dumps({"rule": "the daemon merges by itself", "passed": []})


@dataclass(frozen=True)
class Before:
    """The run that a job comes after: its own last one, or that of the job it retries."""

    id: RunId
    ai: str


@dataclass(frozen=True)
class Go:
    """It may start, with this AI."""

    ai: Ai
    route: str  # JSON
    is_probe: bool = False
    had_choice: bool = False
    before: Before | None = None
    takes_over_for: Standing | None = None  # the AI of its last run, which is held, say
    why_not: str | None = None  # no AI fits: the run ends before it begins, and says so
    finishes: Run | None = None  # the run whose agent is done: no other runs


@dataclass(frozen=True)
class Park:
    """It goes back and keeps its turn until what it waits for releases it."""

    waits_for: WaitsFor
    waits_on: str


class Desk:
    """Sends jobs to AIs within one transaction. Reads how these stand when it is first asked."""

    def __init__(
        self, read: Read, house: House, usual_of: UsualOf, now: int, holds: Iterable[Hold] | None
    ) -> None:
        self._read = read
        self._house = house
        self._usual_of = usual_of
        self._now = now
        self._holds = holds
        self._namespaces: dict[NamespaceId, Namespace] = {}

    @cached_property
    def ais(self) -> Roster:
        return roster(self._read, self._house, self._now, self._holds)

    def took(self, go: Go) -> None:
        """A run begins."""
        if go.ai is MERGING:
            return
        one = self.ais.get(go.ai.name)
        if one is None or go.is_probe:
            self.__dict__.pop("ais", None)  # what its try holds back is known to the store alone
            return
        is_full = one.ai.limit is not None and one.running + 1 >= one.ai.limit
        self.ais[go.ai.name] = replace(
            one,
            running=one.running + 1,
            last_used_at=self._now if go.had_choice else one.last_used_at,
            stand=Stand.FULL if is_full else one.stand,
            why=f"{one.ai.limit} of {one.ai.limit} runs are in progress" if is_full else one.why,
        )

    def verdict(self, job: Job, before: Before | None = None) -> Verdict:
        usual = self._usual_of(self._namespace(job.namespace_id), job.type)
        needs = needs_of(job.needs, job.harness)
        known = before.ai if before and job.resume_session else None
        return route(needs, usual, job.type, self.ais, known)

    def is_for_hands(self, job: Job) -> bool:
        usual = self._usual_of(self._namespace(job.namespace_id), job.type)
        return not job.is_pm and (job.harness or usual.default) == HAND

    def permit(self, namespace: Namespace, job: Job) -> Go | Park:
        if job.merges is not None:
            return Go(MERGING, _MERGE_ROUTE)
        if job.finishes is not None:
            return self._redo(job.finishes)
        self._namespaces[namespace.id] = namespace
        if self.is_for_hands(job):
            return Park(WaitsFor.AI, HAND)  # until somebody claims it, which looks at its paths
        other = blocker(self._read, job)
        if other is not None:
            return Park(WaitsFor.LOCK, f"J{other.id}")
        before = run_before(self._read, job)
        verdict = self.verdict(job, before)
        match verdict:
            case Chosen():
                return self._go(verdict, before)
            case Waiting():
                return Park(WaitsFor.AI, ",".join(verdict.names))
            case Nobody():
                ai = Ai(verdict.harness, verdict.harness, verdict.harness)
                told = json.dumps({"rule": verdict.reason, "passed": []})
                return Go(ai, told, before=before, why_not=verdict.reason)

    def _redo(self, run_id: RunId) -> Go:
        """In the name of the AI that has done the work, however that stands now."""
        run = self._read.one(Run, "run_by_id", id=run_id)
        assert run is not None, "a row points at it"
        rule = f"the daemon ends R{run_id}, whose agent is done"
        ai = BY_HAND if run.by_hand is not None else ai_of(self._read, self._house, run)
        return Go(ai, json.dumps({"rule": rule, "passed": []}), finishes=run)

    def _go(self, chosen: Chosen, before: Before | None) -> Go:
        was = self.ais.get(before.ai) if before and before.ai != chosen.ai.name else None
        return Go(
            ai=chosen.ai,
            route=route_json(chosen),
            is_probe=chosen.is_probe,
            had_choice=chosen.had_choice,
            before=before,
            takes_over_for=was if was and was.stand in GONE else None,
        )

    def _namespace(self, id: NamespaceId) -> Namespace:
        if id not in self._namespaces:
            self._namespaces[id] = namespace_of(self._read, id)
        return self._namespaces[id]


def run_before(read: Read, job: Job) -> Before | None:
    """None for a job that nothing was tried at: then no row is looked for."""
    if job.outcome is not None:
        return read.one(Before, "run_before", job_id=job.id)
    if job.retry_of is not None and job.resume_session is not None:
        return read.one(Before, "run_before", job_id=job.retry_of)
    return None


def usual(settings: Settings, job_type: str) -> Usual:
    """What the settings of a namespace say of the AI for a type of job."""
    template = settings.templates.get(job_type)
    default = settings.repository.harness_for(job_type)
    if not isinstance(template, Template):
        return Usual(default)
    return Usual(default, frozenset(template.labels), frozenset(template.capabilities))


def another_fits(tx: Tx, settings: Settings, job: Job) -> bool:
    """Whether a job that an AI has failed has another that could do it, now or when it is free."""
    desk = _desk_of(tx, settings)
    return fits_elsewhere(desk.verdict(job), desk.ais)


def who_may_go_on(tx: Tx, settings: Settings, job: Job, run: Run) -> str:
    """The names of the AIs that a job waits for after this run; the worker's next look sends it."""
    match _desk_of(tx, settings).verdict(job, Before(run.id, run.ai)):
        case Chosen(ai=ai):
            return ai.name
        case Waiting(names=names):
            return ",".join(names)
        case Nobody():  # its settings have changed meanwhile: it is said when it starts again
            return run.ai


def _desk_of(tx: Tx, settings: Settings) -> Desk:
    return Desk(tx, settings.house, lambda _, job_type: usual(settings, job_type), tx.now, None)
