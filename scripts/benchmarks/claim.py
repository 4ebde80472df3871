"""What a claim costs in a store with a long history or a long backlog, beside an empty one."""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks.cycle import CONTEXT, closing_of, inserting, leasing, new_store
from benchmarks.result import Result
from benchmarks.setting import Setting, in_turn, ratio_of
from wfd.domain.ids import AssignmentId
from wfd.ports import Tx
from wfd.store.alone import utc_ms
from wfd.store.sqlite import Connected, open_writer

T = TypeVar("T")

OF_ITS_OWN = 1000  # assignments that a store is claimed from, beside those that fill it
CLAIMS = 40  # in each round
REACH = 1.25


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    million, thousands = setting.of(1_000_000, 100_000), setting.of(100_000, 10_000)
    fills = {
        "claim.history": partial(history, jobs=million),
        "claim.backlog": partial(backlog, each=thousands),
    }
    notes = {
        "claim.history": f"{million:,} finished jobs",
        "claim.backlog": f"{thousands:,} each: ready, future, behind their assignment",
    }
    return [
        _measured(setting, id_, fill, notes[id_]) for id_, fill in fills.items() if id_ in wanted
    ]


def _measured(setting: Setting, id_: str, fill: Callable[[Path], None], note: str) -> Result:
    rounds = setting.of(25, 9)
    with (
        setting.folder("claim") as folder,
        stock(folder / "empty.db", lambda path: None) as empty,
        stock(folder / "full.db", fill) as full,
    ):
        found = in_turn(rounds, {"full": full.claims, "empty": empty.claims})
    whole = {name: [claim.whole_ms for claim in of] for name, of in found.items()}
    inner = {name: [claim.work_ms for claim in of] for name, of in found.items()}
    ratio = ratio_of(whole["full"], whole["empty"])
    alone = ratio_of(inner["full"], inner["empty"])
    return Result(
        id_, "ms", statistics.median(whole["full"]), f"p50 ≤ {REACH}× an empty store",
        ratio <= REACH, statistics.median(whole["empty"]), ratio, rounds,
        note=f"{note}; without its commit {alone:.2f}×",
    )  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """Medians of one round."""

    whole_ms: float  # the transaction with its commit
    work_ms: float  # without


class Stock:
    """A store's writing connection, and claims on it one after the other."""

    def __init__(self, path: Path) -> None:
        self.connection = open_writer(path)
        self._tx = Connected(self.connection, utc_ms)
        self._of = 0

    def claims(self) -> Claim:
        whole, inner = zip(*(self._claim() for _ in range(CLAIMS)), strict=True)
        return Claim(statistics.median(whole), statistics.median(inner))

    def cycles(self) -> float:
        """What a job costs, inserted, claimed and closed; the median in ms."""
        spent = []
        for _ in range(CLAIMS):
            began = time.perf_counter()
            self._claim()
            spent.append((time.perf_counter() - began) * 1000)
        return statistics.median(spent)

    def _claim(self) -> tuple[float, float]:
        """Insert a job, claim the one that goes first, and close that; what the claim took."""
        self._of = self._of % OF_ITS_OWN + 1
        self._do(inserting(AssignmentId(self._of)))
        taken, whole, inner = self._do(leasing)
        self._do(closing_of(taken.leases[0]))
        return whole, inner

    def _do(self, work: Callable[[Tx], T]) -> tuple[T, float, float]:
        began = time.perf_counter()
        self.connection.execute("begin immediate")
        self._tx.tick()
        result = work(self._tx)
        worked = time.perf_counter()
        self.connection.execute("commit")
        return result, (time.perf_counter() - began) * 1000, (worked - began) * 1000


@contextmanager
def stock(path: Path, fill: Callable[[Path], None]) -> Iterator[Stock]:
    new_store(path, OF_ITS_OWN)
    fill(path)
    stock = Stock(path)
    try:
        yield stock
    finally:
        stock.connection.close()


# --- what fills a store ---------------------------------------------------------------


def history(path: Path, jobs: int) -> None:
    """Assignments that are complete, with twenty jobs each, a run and an event for every job."""
    _fill(path, f"""
        insert into assignment (namespace_id, north_star, state, jobs, created_at, closed_at)
        with {_numbers(jobs // 20)} select 1, 'measure', 'complete', 20, 0, 1 from n;
        insert into job (namespace_id, assignment_id, type, lane, state, context, created_by,
                         type_seq, outcome, answer, created_at, closed_at)
        with {_numbers(jobs)}
        select 1, {OF_ITS_OWN + 1} + (i - 1) / 20, 'implement', 'main', 'done', '{CONTEXT}',
               'person', (i - 1) % 20 + 1, 'succeeded', 'Done.', 0, 1 from n;
        insert into run (job_id, assignment_id, namespace_id, state, worker, harness, ai,
                         lease_until, started_at, ended_at, outcome, answer)
        select id, assignment_id, 1, 'closed', 'bench', 'claude', 'claude', 1, 0, 1, 'succeeded',
               'Done.' from job;
        insert into event (at, kind, namespace_id, assignment_id, job_id, run_id, data)
        select 1, 'run.closed', 1, assignment_id, job_id, id, '{{}}' from run;
    """)  # fmt: skip


def backlog(path: Path, each: int) -> None:
    """An assignment for each job, since one alone of an assignment has the turn."""
    month = utc_ms() + 30 * 86_400_000
    _fill(path, f"""
        insert into assignment (namespace_id, north_star, state, reason, jobs, created_at)
        with {_numbers(3 * each)}
        select 1, 'measure', case i % 3 when 2 then 'paused' else 'active' end, 'measured', 1, 0
          from n;
        insert into job (namespace_id, assignment_id, type, lane, state, waits_for, run_after,
                         context, created_by, type_seq, created_at)
        with {_numbers(3 * each)}
        select 1, {OF_ITS_OWN} + i, 'implement', 'main',
               case i % 3 when 0 then 'queued' else 'waiting' end,
               case i % 3 when 1 then 'time' when 2 then 'assignment' end,
               case i % 3 when 1 then {month} + i end,
               '{CONTEXT}', 'person', 1, 0 from n;
    """)  # fmt: skip


def _numbers(count: int) -> str:
    return f"recursive n (i) as (select 1 union all select i + 1 from n where i < {count})"


def _fill(path: Path, sql: str) -> None:
    """All of it in one transaction; nobody pulls the plug while it runs."""
    with closing(open_writer(path)) as connection:
        connection.executescript(
            f"pragma synchronous = off; pragma foreign_keys = off; begin; {sql} commit;"
            " pragma wal_checkpoint(truncate);"
        )
