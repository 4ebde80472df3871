"""The work that stores are measured by: insert a job, lease one, close it; three transactions.

They are the product's own, on its own store, and write their events. Only the close is put
together here: that of a run that succeeded, without the PM job which the product inserts in
the same transaction, since that would be a second piece of work.
"""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import anyio

from benchmarks.result import Delivered
from wfd.adapters.assets import policy_file
from wfd.commands.closing import close_job
from wfd.commands.house import House
from wfd.commands.queue import NewJob, enqueue, get_assignment
from wfd.config import Config, RepositoryConfig
from wfd.domain.ids import AssignmentId
from wfd.domain.job import By
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome, Usage
from wfd.domain.run import Run
from wfd.engine.aftercare import look_after
from wfd.engine.close import Closed, settle
from wfd.engine.lease import Taken, Terms, take_work
from wfd.engine.over import Closing, close_run
from wfd.engine.parts import Lease, Settings
from wfd.ports import Store, Tx
from wfd.rules.after import Judge, after
from wfd.rules.policy import parse
from wfd.rules.route import Usual
from wfd.store.sqlite import open_writer
from wfd.store.store import SqliteStore

CHAIN = 20  # jobs of an assignment: as many as the shipped cap lets it have
CONTEXT = "Measure what a job costs, and do nothing else with it. " * 4
SESSION = "00000000-0000-4000-8000-000000000000"
WORKER = "bench"
TTL_MS = 60_000

NEW = NewJob(type="implement", context=CONTEXT, created_by=By.PERSON)
CLOSING = Closing(
    Conclusion(
        Outcome(Kind.SUCCEEDED), session_id=SESSION, text="Done.", model="measured",
        cost_usd=0.01, usage=Usage(10, 1000, 100), turns=1, tools=3,
    ),
    EndedBy.NONE,
    exit_code=0, blames_ai=True,
)  # fmt: skip


@cache
def settings() -> Settings:
    """The shipped policy."""
    policy = parse(policy_file().read_text(encoding="utf-8"), "default.yaml")
    house = House(policy.gates, policy.caps, (), ("implement", "pm"), ("claude",))
    return Settings(Config(), RepositoryConfig(), policy, house, {})


@cache
def terms() -> Terms:
    return Terms(1, None, WORKER, TTL_MS, settings().house, lambda namespace, kind: Usual("claude"))


def new_store(path: Path, assignments: int) -> None:
    """A store with one namespace and active assignments 1, 2, 3 …"""
    with closing(open_writer(path)) as connection:
        connection.executescript(
            "insert into namespace (name, git_dir, checkout, created_at)"
            " values ('repo', '/repo/.git', '/repo', 0);"
            "insert into assignment (namespace_id, north_star, state, created_at)"
            " with recursive n (i) as"
            f" (select 1 union all select i + 1 from n where i < {assignments})"
            " select 1, 'measure', 'active', 0 from n;"
        )


@dataclass(frozen=True)
class Cycled:
    per_s: float  # jobs inserted, leased and closed
    worst_ms: float | None  # the longest that any one write took, from its call to its return
    cpu_s: float  # of all threads
    delivered: Delivered


def cycled(path: Path, callers: int, each: int) -> Cycled:
    """So many callers at once, each with assignments of its own, see to so many jobs each."""
    new_store(path, callers * -(-each // CHAIN))
    return anyio.run(_cycled, path, callers, each)


async def _cycled(path: Path, callers: int, each: int) -> Cycled:
    store = await SqliteStore.open(path)
    try:
        began, cpu = time.perf_counter(), time.process_time()
        waits = await cycle_all(store, callers, each)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    finally:
        await store.close()
    return Cycled(callers * each / took, max(waits) * 1000, cpu, delivered(path))


async def cycle_all(store: Store, callers: int, each: int, first: int = 0) -> list[float]:
    """Every caller sees to its jobs; how long each write took, in seconds.

    They have the assignments after `first` for themselves.
    """
    waits: list[float] = []
    chains = -(-each // CHAIN)
    async with anyio.create_task_group() as group:
        for caller in range(callers):
            group.start_soon(_caller, store, first + caller * chains, each, waits)
    return waits


async def _caller(store: Store, before: int, each: int, waits: list[float]) -> None:
    for number in range(each):
        of = AssignmentId(before + number // CHAIN + 1)
        waits.append(await _timed(store, inserting(of)))
        lease = await _leased(store, waits)
        waits.append(await _timed(store, closing_of(lease)))


async def _leased(store: Store, waits: list[float]) -> Lease:
    """The oldest ready job. There is none for a moment if another caller has this one's turn."""
    while True:
        began = time.perf_counter()
        taken = await store.write(leasing)
        waits.append(time.perf_counter() - began)
        if taken.leases:
            return taken.leases[0]


async def _timed(store: Store, work: Callable[[Tx], object]) -> float:
    began = time.perf_counter()
    await store.write(work)
    return time.perf_counter() - began


def inserting(of: AssignmentId) -> Callable[[Tx], object]:
    return lambda tx: enqueue(tx, get_assignment(tx, of), NEW)


def leasing(tx: Tx) -> Taken:
    return take_work(tx, terms())


def closing_of(lease: Lease) -> Callable[[Tx], Closed]:
    return lambda tx: _close(tx, lease.run)


def _close(tx: Tx, run: Run) -> Closed:
    """The product's own, but for the PM job."""
    over = close_run(tx, run, CLOSING)
    look_after(tx, run, over.told, settings().policy, 0.5, is_ais_own=True)
    next_ = after(over.job, over.outcome, SESSION, settings().policy, tx.now, 0.5)
    assert isinstance(next_, Judge)
    close_job(tx, over.job, next_.state, over.outcome.kind, over.answer, next_.counter)
    return settle(tx, over, next_, settings())


def delivered(path: Path) -> Delivered:
    """Jobs that are there, jobs that are done, jobs with more than one run."""
    with closing(sqlite3.connect(path)) as connection:
        sent, done, twice = connection.execute(
            "select (select count(*) from job),"
            " (select count(*) from job where state = 'done'),"
            " (select count(*) from (select 1 from run group by job_id having count(*) > 1))"
        ).fetchone()
    return Delivered(sent, done, twice)
