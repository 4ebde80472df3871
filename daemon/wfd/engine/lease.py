"""Taking work: round-robin over namespaces, then priority, then age."""

from collections.abc import Callable
from dataclasses import dataclass

from wfd.commands.queue import get_assignment, get_job, promote_due
from wfd.commands.record import event_of_job
from wfd.commands.scope import namespace_of
from wfd.domain.ids import NamespaceId
from wfd.domain.job import Job, JobState
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


@dataclass(frozen=True)
class _NextDue:
    run_after: int | None


def take_work(tx: Tx, terms: Terms) -> Taken:
    promote_due(tx)
    leases: list[Lease] = []
    while len(leases) < terms.room:
        lease = _take_one(tx, terms)
        if lease is None:
            break
        leases.append(lease)
    due = tx.one(_NextDue, "next_due")
    return Taken(leases, due.run_after if due else None)


def _take_one(tx: Tx, terms: Terms) -> Lease | None:
    turn = tx.one(int, "next_namespace", per_namespace=terms.per_namespace)
    if turn is None:
        return None
    namespace = namespace_of(tx, NamespaceId(turn))
    job = tx.one(Job, "ready_in", namespace_id=namespace.id)
    assert job is not None, "next_namespace names one with ready work"
    tx.run("move_job", id=job.id, was=JobState.QUEUED, state=JobState.RUNNING, waits_for=None)
    run_id = tx.insert(
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
    tx.run("take_turn", id=namespace.id)
    run = tx.one(Run, "run_by_id", id=run_id)
    assert run is not None
    event_of_job(tx, "run.leased", job, run.id, harness=run.harness)
    return Lease(namespace, get_assignment(tx, job.assignment_id), get_job(tx, job.id), run)
