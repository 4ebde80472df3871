"""Taking work: round-robin over namespaces, then priority, then age."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from wfd.commands.house import House
from wfd.commands.lanes import as_seen_from
from wfd.commands.queue import get_assignment, park, promote_due
from wfd.commands.record import decide, event_of_job
from wfd.commands.today import end_pauses, over_today, pause_for_today
from wfd.domain.ai import Hold
from wfd.domain.assignment import Assignment
from wfd.domain.decision import DecisionKind
from wfd.domain.job import By, Job, JobState
from wfd.domain.namespace import Namespace
from wfd.domain.run import Run
from wfd.engine.parked import lift_by_clock, release_parked
from wfd.engine.parts import Lease, Looked
from wfd.engine.permit import Desk, Go, Park, UsualOf
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
    house: House  # the machine's own: its AIs
    usual_of: UsualOf
    looked: Looked | None = None  # as the last look left it
    daily_of: Callable[[Namespace], DailyCaps] = lambda namespace: NO_DAILY


@dataclass(frozen=True)
class Held:
    """A job that was ready, of an assignment that is paused until the day ends."""


@dataclass(frozen=True)
class Taken:
    leases: list[Lease]
    next_due: int | None  # UTC milliseconds; when something that waits wants to be looked at
    looked: Looked | None = None
    lifted: list[Hold] = field(default_factory=list)


def take_work(tx: Tx, terms: Terms) -> Taken:
    next_due = min((at for at in (_wake_due(tx), end_pauses(tx)) if at is not None), default=None)
    lifted, holds = lift_by_clock(tx)
    desk = Desk(tx, terms.house, terms.usual_of, tx.now, holds)
    seen = release_parked(tx, desk, terms.room, terms.looked)
    leases: list[Lease] = []
    parked = 0
    while len(leases) < terms.room and parked < MAX_PARKED:
        taken = _take_one(tx, terms, desk)
        if taken is None:
            break
        if isinstance(taken, Lease):
            leases.append(taken)
        else:
            parked += 1
    resets = [hold.until for hold in holds if hold.is_reset_known]
    due = [at for at in (next_due, seen.next_due, *resets) if at is not None]
    if parked == MAX_PARKED:
        due.append(tx.now)
    return Taken(leases, min(due, default=None), seen.looked, lifted)


def _wake_due(tx: Tx) -> int | None:
    """Wake the jobs whose time has come; when the next one's comes."""
    next_due = tx.one(int, "next_due")
    if next_due is None or next_due > tx.now:
        return next_due
    promote_due(tx)
    return tx.one(int, "next_due")


def _take_one(tx: Tx, terms: Terms, desk: Desk) -> Lease | Park | Held | None:
    """The next job that is ready, leased or sent back; None when none is."""
    namespace = tx.one(Namespace, "take_turn", per_namespace=terms.per_namespace)
    if namespace is None:
        return None
    job = tx.one(Job, "take_job", namespace_id=namespace.id)
    assert job is not None, "a turn is of one with ready work"
    over = over_today(tx, namespace.id, terms.daily_of(namespace))
    if over is not None:
        return _held(tx, job, over)
    may = desk.permit(namespace, job)
    if isinstance(may, Park):
        park(tx, job, may.waits_for, may.waits_on)
        tx.run("give_back_turn", id=namespace.id)
        return may
    desk.took(may)
    return _leased(tx, terms, namespace, job, may)


def _held(tx: Tx, job: Job, over: str) -> Held:
    back: dict[str, object] = {"state": JobState.QUEUED, "waits_for": None, "waits_on": None}
    tx.run("move_job", id=job.id, was=JobState.RUNNING, **back)
    tx.run("give_back_turn", id=job.namespace_id)
    pause_for_today(tx, get_assignment(tx, job.assignment_id), over)
    return Held()


def _leased(tx: Tx, terms: Terms, namespace: Namespace, job: Job, may: Go) -> Lease:
    job = _in_own_session(tx, job, may)
    resumed = may.finishes.resumed if may.finishes else job.resume_session
    run = tx.one(
        Run,
        "add_run",
        job_id=job.id,
        assignment_id=job.assignment_id,
        namespace_id=namespace.id,
        worker=terms.worker,
        harness=may.ai.harness,
        ai=may.ai.name,
        account=may.ai.account,
        route=may.route,
        is_probe=may.is_probe,
        ttl_ms=terms.ttl_ms,
        resumed=resumed,
        now=tx.now,
    )
    assert run is not None, "an insert gives its row back"
    if may.had_choice:
        tx.run("use_ai", name=run.ai, now=tx.now)
    event_of_job(tx, "run.leased", job, run.id, harness=run.harness, ai=run.ai)
    assignment = get_assignment(tx, job.assignment_id)
    _tell_failover(tx, assignment, job, run, may)
    seen = as_seen_from(tx, assignment, job)
    return Lease(namespace, seen, job, run, may.ai, may.why_not, may.finishes)


def _in_own_session(tx: Tx, job: Job, may: Go) -> Job:
    """Another AI cannot go on with a session, and must not find it later either."""
    if job.resume_session is None or may.before is None or may.before.ai == may.ai.name:
        return job
    tx.run("forget_session", id=job.id)
    return replace(job, resume_session=None)


def _tell_failover(tx: Tx, assignment: Assignment, job: Job, run: Run, may: Go) -> None:
    was = may.takes_over_for
    if was is None:
        return
    why = f"{was.stand}: {was.why}"
    decide(
        tx,
        assignment,
        By.POLICY,
        DecisionKind.FAILOVER,
        f"{run.ai} takes over J{job.id}: {was.ai.name} is {why}",
        run_id=run.id,
        job_id=job.id,
        inputs={"from": was.ai.name, "to": run.ai, "why": why, "until": was.until},
    )
