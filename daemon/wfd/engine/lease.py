"""Taking work: round-robin over namespaces, then priority, then age."""

from collections.abc import Callable
from dataclasses import dataclass

from wfd.commands.queue import get_assignment, park, promote_due
from wfd.commands.record import event_of_job
from wfd.commands.today import end_pauses, over_today, pause_for_today
from wfd.domain.job import Job, JobState
from wfd.domain.namespace import Namespace
from wfd.domain.run import Run
from wfd.engine.parts import Lease
from wfd.engine.permit import Go, Park, permit
from wfd.ports import Tx
from wfd.rules.policy import NO_DAILY, DailyCaps

MAX_PARKED = 100  # jobs sent back by one look, which the whole daemon waits for


@dataclass(frozen=True)
class Terms:
    """On what terms work is taken."""

    room: int
    per_namespace: int | None
    worker: str
    ttl_ms: int
    harness_of: Callable[[Namespace, Job], str]
    daily_of: Callable[[Namespace], DailyCaps] = lambda namespace: NO_DAILY


@dataclass(frozen=True)
class Held:
    """A job that was ready, of an assignment that is paused until the day ends."""


@dataclass(frozen=True)
class Taken:
    leases: list[Lease]
    next_due: int | None  # UTC milliseconds; when something that waits wants to be looked at


def take_work(tx: Tx, terms: Terms) -> Taken:
    next_due = min((at for at in (_wake_due(tx), end_pauses(tx)) if at is not None), default=None)
    leases: list[Lease] = []
    parked = 0
    while len(leases) < terms.room and parked < MAX_PARKED:
        taken = _take_one(tx, terms)
        if taken is None:
            break
        if isinstance(taken, Lease):
            leases.append(taken)
        else:
            parked += 1
    return Taken(leases, tx.now if parked == MAX_PARKED else next_due)


def _wake_due(tx: Tx) -> int | None:
    """Wake the jobs whose time has come; when the next one's comes."""
    next_due = tx.one(int, "next_due")
    if next_due is None or next_due > tx.now:
        return next_due
    promote_due(tx)
    return tx.one(int, "next_due")


def _take_one(tx: Tx, terms: Terms) -> Lease | Park | Held | None:
    """The next job that is ready, leased or sent back; None when none is."""
    namespace = tx.one(Namespace, "take_turn", per_namespace=terms.per_namespace)
    if namespace is None:
        return None
    job = tx.one(Job, "take_job", namespace_id=namespace.id)
    assert job is not None, "a turn is of one with ready work"
    over = over_today(tx, namespace.id, terms.daily_of(namespace))
    if over is not None:
        return _held(tx, job, over)
    may = permit(tx, namespace, job, terms.harness_of)
    if isinstance(may, Park):
        park(tx, job, may.waits_for, may.waits_on)
        tx.run("give_back_turn", id=namespace.id)
        return may
    return _leased(tx, terms, namespace, job, may)


def _held(tx: Tx, job: Job, over: str) -> Held:
    back: dict[str, object] = {"state": JobState.QUEUED, "waits_for": None, "waits_on": None}
    tx.run("move_job", id=job.id, was=JobState.RUNNING, **back)
    tx.run("give_back_turn", id=job.namespace_id)
    pause_for_today(tx, get_assignment(tx, job.assignment_id), over)
    return Held()


def _leased(tx: Tx, terms: Terms, namespace: Namespace, job: Job, may: Go) -> Lease:
    run = tx.one(
        Run,
        "add_run",
        job_id=job.id,
        assignment_id=job.assignment_id,
        namespace_id=namespace.id,
        worker=terms.worker,
        harness=may.harness,
        ttl_ms=terms.ttl_ms,
        resumed=job.resume_session,
        now=tx.now,
    )
    assert run is not None, "an insert gives its row back"
    event_of_job(tx, "run.leased", job, run.id, harness=run.harness)
    return Lease(namespace, get_assignment(tx, job.assignment_id), job, run)
