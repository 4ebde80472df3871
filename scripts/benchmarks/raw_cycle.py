"""The floor of a cycle: the same rows in the same three transactions, by raw `sqlite3` alone.

One process, one connection, as durable as the product, and the fewest statements that leave
the same rows behind: nothing is read that is not needed, nothing is checked, and texts of
events are ready-made. As the floor it takes one job after the other. With many together in
each commit it is what no store of these rows could be faster than.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from benchmarks.cycle import CHAIN, CONTEXT, SESSION, TTL_MS, WORKER, Cycled, delivered, new_store


def raw_cycled(path: Path, groups: int, together: int = 1) -> Cycled:
    """So many groups of jobs, each inserted, leased and closed in three commits."""
    new_store(path, together * -(-groups // CHAIN))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("pragma synchronous = full; pragma foreign_keys = on;")
        began, cpu = time.perf_counter(), time.process_time()
        for group in range(groups):
            first = together * (group // CHAIN) + 1
            _cycle(connection, range(first, first + together))
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Cycled(groups * together / took, None, cpu, delivered(path))


def _cycle(connection: sqlite3.Connection, assignments: range) -> None:
    """One job in each of the assignments."""
    connection.execute("begin immediate")
    for of in assignments:
        _insert(connection, of, _ms())
    connection.execute("commit")
    connection.execute("begin immediate")
    leases = [(of, *_lease(connection, of, _ms())) for of in assignments]
    connection.execute("commit")
    connection.execute("begin immediate")
    for of, job_id, run_id in leases:
        _close(connection, of, job_id, run_id, _ms())
    connection.execute("commit")


def _insert(connection: sqlite3.Connection, of: int, now: int) -> None:
    row = connection.execute(_ADD_JOB, (of, CONTEXT, of, now))
    connection.execute("update assignment set jobs = jobs + 1 where id = ?", (of,))
    for kind in ("job.inserted", "job.queued"):
        connection.execute(_ADD_EVENT, (now, kind, of, row.lastrowid, None, _EVENT))


def _lease(connection: sqlite3.Connection, of: int, now: int) -> tuple[int, int]:
    job_id = connection.execute(_TAKE_JOB).fetchall()[0][0]
    run_id = connection.execute(_ADD_RUN, (job_id, of, WORKER, now + TTL_MS, now)).lastrowid
    assert run_id is not None
    connection.execute("update namespace set last_turn = last_turn + 1, running = running + 1")
    connection.execute(_ADD_EVENT, (now, "run.leased", of, job_id, run_id, _EVENT))
    return job_id, run_id


def _close(connection: sqlite3.Connection, of: int, job_id: int, run_id: int, now: int) -> None:
    connection.execute(_CLOSE_RUN, (now, SESSION, run_id))
    connection.execute("update namespace set running = running - 1 where id = 1")
    connection.execute(
        "update assignment set wall_ms = wall_ms + 1, cost_usd = coalesce(cost_usd, 0) + 0.01"
        " where id = ?", (of,)
    )  # fmt: skip
    connection.execute(_CLOSE_JOB, (now, job_id))
    for kind, run in (("job.closed", None), ("run.closed", run_id)):
        connection.execute(_ADD_EVENT, (now, kind, of, job_id, run, _EVENT))


def _ms() -> int:
    return time.time_ns() // 1_000_000


_EVENT = '{"type": "implement", "by": "person", "retry_of": null}'
_ADD_EVENT = (
    "insert into event (at, kind, namespace_id, assignment_id, job_id, run_id, data)"
    " values (?, ?, 1, ?, ?, ?, ?)"
)
_ADD_JOB = (
    "insert into job (namespace_id, assignment_id, type, lane, state, context, created_by,"
    "                 type_seq, created_at)"
    " values (1, ?, 'implement', 'main', 'queued', ?, 'person',"
    "         (select count(*) + 1 from job where assignment_id = ? and type = 'implement'), ?)"
)
_TAKE_JOB = (
    "update job set state = 'running' where id = (select id from job"
    "  where namespace_id = 1 and state = 'queued' order by priority desc, id limit 1)"
    " returning id"
)
_ADD_RUN = (
    "insert into run (job_id, assignment_id, namespace_id, state, worker, harness, ai,"
    "                 lease_until, started_at)"
    " values (?, ?, 1, 'running', ?, 'claude', 'claude', ?, ?)"
)
_CLOSE_RUN = (
    "update run set state = 'closed', ended_at = ?, outcome = 'succeeded', message = '',"
    "  ended_by = 'none', exit_code = 0, session_id = ?, model = 'measured', cost_usd = 0.01,"
    "  tokens_in = 10, tokens_cached = 1000, tokens_out = 100, turns = 1, tools = 3,"
    "  answer = 'Done.' where id = ? and state = 'running'"
)
_CLOSE_JOB = (
    "update job set state = 'done', outcome = 'succeeded', answer = 'Done.', closed_at = ?"
    " where id = ? and state = 'running'"
)
