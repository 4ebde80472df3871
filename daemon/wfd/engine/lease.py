"""Taking work: round-robin over namespaces, then priority, then age."""

from collections.abc import Callable
from dataclasses import dataclass

from wfd.commands.queue import get_assignment, promote_due
from wfd.commands.record import event_of_job
from wfd.domain.job import Job
from wfd.domain.namespace import Namespace
from wfd.domain.run import Run
from wfd.engine.parts import Lease
from wfd.ports import Tx


@dataclass(frozen=True)
class Terms:
    """On what terms work is taken."""

    room: int
    per_namespace: int | None
    worker: str
    ttl_ms: int
    harness_of: Callable[[Namespace, Job], str]


@dataclass(frozen=True)
class Taken:
    leases: list[Lease]
    next_due: int | None  # UTC milliseconds; when a waiting job wants to be looked at


def take_work(tx: Tx, terms: Terms) -> Taken:
    next_due = _wake_due(tx)
    leases: list[Lease] = []
    while len(leases) < terms.room:
        lease = _take_one(tx, terms)
        if lease is None:
            break
        leases.append(lease)
    return Taken(leases, next_due)


def _wake_due(tx: Tx) -> int | None:
    """Wake the jobs whose time has come; when the next one's comes."""
    next_due = tx.one(int, "next_due")
    if next_due is None or next_due > tx.now:
        return next_due
    promote_due(tx)
    return tx.one(int, "next_due")


def _take_one(tx: Tx, terms: Terms) -> Lease | None:
    namespace = tx.one(Namespace, "take_turn", per_namespace=terms.per_namespace)
    if namespace is None:
        return None
    job = tx.one(Job, "take_job", namespace_id=namespace.id)
    assert job is not None, "a turn is of one with ready work"
    run = tx.one(
        Run,
        "add_run",
        job_id=job.id,
        assignment_id=job.assignment_id,
        namespace_id=namespace.id,
        worker=terms.worker,
        harness=terms.harness_of(namespace, job),
        ttl_ms=terms.ttl_ms,
        resumed=job.resume_session,
        now=tx.now,
    )
    assert run is not None, "an insert gives its row back"
    event_of_job(tx, "run.leased", job, run.id, harness=run.harness)
    return Lease(namespace, get_assignment(tx, job.assignment_id), job, run)
