"""Jobs that wait for an AI: released in order when one of theirs is free, and not before."""

from collections.abc import Iterable
from dataclasses import dataclass

from wfd.commands.ai import lift
from wfd.commands.queue import get_assignment, release
from wfd.domain.ai import Hold
from wfd.domain.assignment import AssignmentState
from wfd.domain.job import HAND, Job
from wfd.engine.parts import Looked
from wfd.engine.permit import Desk, run_before
from wfd.ports import Tx
from wfd.rules.route import OPEN, Chosen, Nobody, Stand, Standing, Waiting

MAX_RELEASED = 100  # jobs by one look, which the whole daemon waits for
LOOK_AGAIN_MS = 30_000  # what a job may wait for changes with configuration and templates, too
MAX_LOOKED_AT = 200


@dataclass(frozen=True)
class Seen:
    looked: Looked | None
    next_due: int | None  # UTC milliseconds; when an AI is to be looked at again


def lift_by_clock(tx: Tx) -> tuple[list[Hold], list[Hold]]:
    """Lift the holds whose known reset is over: these, and those that hold on."""
    open_holds = tx.all(Hold, "open_holds")
    over = [hold for hold in open_holds if hold.is_reset_known and hold.until <= tx.now]
    for hold in over:
        lift(tx, hold, "clock")
    return over, [hold for hold in open_holds if hold not in over]


def release_parked(tx: Tx, desk: Desk, room: int, looked: Looked | None) -> Seen:
    """Release as many as may start now, by priority and age; the rest keep waiting."""
    sets = tx.all(str, "parked_sets")
    if not sets:
        return Seen(looked, None)
    looked = _send_anew(tx, desk, sets, looked)
    ready: list[Job] = []
    if room > 0:
        for names in tx.all(str, "parked_sets"):
            if names == HAND:  # no AI frees it: whoever claims it releases it
                continue
            places = _places(desk, names.split(","))
            if places:
                ready += _ready(tx, names, places)
    for job in sorted(ready, key=lambda job: (-job.priority, job.id))[:MAX_RELEASED]:
        release(tx, job.id)
    return Seen(looked, _next_due(tx, desk, sets))


def _ready(tx: Tx, names: str, places: int) -> list[Job]:
    """Those that go first. One whose assignment stands still waits for that instead."""
    for _ in range(MAX_RELEASED):
        first = tx.all(Job, "parked_for", names=names, limit=places)
        resting = [job for job in first if not _is_active(tx, job)]
        if not resting:
            return first
        for job in resting:
            release(tx, job.id)
    return []  # the next look goes on


def _is_active(tx: Tx, job: Job) -> bool:
    return get_assignment(tx, job.assignment_id).state is AssignmentState.ACTIVE


def _places(desk: Desk, names: Iterable[str]) -> int:
    """How many runs may begin with any of them now. A name that is gone hinders nobody."""
    standings = [desk.ais.get(name) for name in names]
    return min(MAX_RELEASED, sum(map(_places_of, standings)))


def _places_of(one: Standing | None) -> int:
    if one is None:
        return MAX_RELEASED
    if one.stand not in OPEN:
        return 0
    if one.stand is Stand.PROBE:
        return 1
    return MAX_RELEASED if one.ai.limit is None else one.ai.limit - one.running


def _send_anew(tx: Tx, desk: Desk, sets: Iterable[str], looked: Looked | None) -> Looked:
    """At times, and when the AIs are others than before, ask anew what each may wait for."""
    ais = tuple(standing.ai for standing in desk.ais.values())
    is_fresh = looked is not None and looked.ais == ais and tx.now - looked.at < LOOK_AGAIN_MS
    if looked is not None and is_fresh:
        return looked
    for names in sets:
        for job in tx.all(Job, "parked_for", names=names, limit=MAX_LOOKED_AT):
            _send(tx, desk, job, names)
    return Looked(tx.now, ais)


def _send(tx: Tx, desk: Desk, job: Job, names: str) -> None:
    if desk.is_for_hands(job):
        if names != HAND:
            tx.run("wait_for_others", id=job.id, names=HAND)
        return
    match desk.verdict(job, run_before(tx, job)):
        case Chosen(ai=ai) if ai.name not in names.split(","):
            tx.run("wait_for_others", id=job.id, names=ai.name)
        case Waiting(names=others) if ",".join(others) != names:
            tx.run("wait_for_others", id=job.id, names=",".join(others))
        case Nobody():
            release(tx, job.id)  # its run ends before it begins, and says why
        case _:
            pass


def _next_due(tx: Tx, desk: Desk, sets: Iterable[str]) -> int | None:
    names = {name for one in sets for name in one.split(",")}
    untils = (desk.ais[name].until for name in names if name in desk.ais)
    return min((until for until in untils if until is not None and until > tx.now), default=None)
