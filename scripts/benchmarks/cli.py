"""What a command costs a person: wfctl and wfd as they are installed, each a cold process.

All take turns with an interpreter of the same environment that does nothing. Nothing is ready
in the stores, so no agent runs meanwhile; a backlog waits behind assignments that are paused.
"""

import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.daemon import DEADLINE_S, Daemon, daemon
from benchmarks.result import Delivered, Result
from benchmarks.setting import Setting, in_turn, ratio_of

_BIN = Path(sys.executable).parent
_PASS = (sys.executable, "-c", "pass")
_QUEUE = ("wfctl", "queue")
_SMALL = {"finished": 400, "waiting": 200}  # more wait than a list shows
_LARGE = {"finished": 100_000, "waiting": 10_000}
GROWS = 1.25

# The first assignment is paused, so what is inserted into it waits.
_OTHERS = {
    "cli.note": ("wfctl", "note", "A1", "measured"),
    "cli.insert": ("wfctl", "insert-job", "A1", "--type", "implement", "--context", "measured"),
    "cli.assignment": ("wfctl", "assignment", "A2"),
    "cli.status": ("wfd", "status"),
    "cli.help": ("wfctl", "--help"),
}


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    rounds = setting.of(30, 10)
    with setting.folder("cli") as folder, daemon(folder / "small") as live:
        _fill(live, **_SMALL)
        variants = {"floor": partial(_took, live, _PASS), "cli.cold": partial(_took, live, _QUEUE)}
        for id_, argv in _OTHERS.items():
            if id_ in wanted:
                variants[id_] = partial(_took, live, argv)
        if "cli.queue.100k" in wanted:
            large = Daemon(folder / "large")  # nobody serves it: a list reads the store itself
            _fill(large, **_LARGE)
            variants["cli.queue.100k"] = partial(_took, large, _QUEUE)
        found = in_turn(rounds, variants)
        delivered = _delivered(live, rounds)
    results = [_cold(found, rounds)]
    results += [_other(id_, found, rounds, delivered.get(id_)) for id_ in _OTHERS if id_ in found]
    if "cli.queue.100k" in found:
        results.append(_grown(found, rounds))
    return [result for result in results if result.id in wanted]


def _cold(found: Mapping[str, list[float]], rounds: int) -> Result:
    value, floor = statistics.median(found["cli.cold"]), statistics.median(found["floor"])
    ratio = ratio_of(found["cli.cold"], found["floor"])
    return Result(
        "cli.cold", "ms", value, "< 100 ms and < 10×", value < 100 and ratio < 10, floor, ratio,
        rounds, note="wfctl queue; floor: python -c pass",
    )  # fmt: skip


def _other(
    id_: str, found: Mapping[str, list[float]], rounds: int, delivered: Delivered | None
) -> Result:
    value, floor = statistics.median(found[id_]), statistics.median(found["floor"])
    return Result(
        id_, "ms", value, "none", True, floor, ratio_of(found[id_], found["floor"]), rounds,
        delivered, " ".join(_OTHERS[id_][:2]),
    )  # fmt: skip


def _grown(found: Mapping[str, list[float]], rounds: int) -> Result:
    value, floor = (statistics.median(found[id_]) for id_ in ("cli.queue.100k", "cli.cold"))
    ratio = ratio_of(found["cli.queue.100k"], found["cli.cold"])
    return Result(
        "cli.queue.100k", "ms", value, f"≤ {GROWS}× a small store", ratio <= GROWS, floor, ratio,
        rounds, note="100 k finished, 10 k waiting; floor: cli.cold",
    )  # fmt: skip


def _took(of: Daemon, argv: tuple[str, ...]) -> float:
    """Milliseconds of one cold process, from its start to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(
        (str(_BIN / argv[0]), *argv[1:]), env=of.environ, cwd=of.repository,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    # not wait(timeout): that looks only every so often, at last every 50 ms
    deadline = threading.Timer(DEADLINE_S, process.kill)
    deadline.start()
    code = process.wait()
    took = (time.perf_counter() - began) * 1000
    deadline.cancel()
    if code != 0:
        raise RuntimeError(f"{' '.join(argv)} left with {code}")
    return took


def _delivered(live: Daemon, rounds: int) -> dict[str, Delivered]:
    """Commands that write: so many sent, so many rows of theirs."""
    rows = {
        "cli.note": live.count("select count(*) from note"),
        "cli.insert": live.count("select count(*) from job where context = 'measured'"),
    }
    return {id_: Delivered(rounds, done, max(0, done - rounds)) for id_, done in rows.items()}


# --- how it grows, for the plots ------------------------------------------------------


@dataclass(frozen=True)
class Point:
    command: str
    finished: int  # jobs in the store that are done
    ms: float


_READING = {
    "wfctl queue": _QUEUE,
    "wfctl jobs": ("wfctl", "jobs"),
    "wfctl assignments": ("wfctl", "assignments"),
    "wfctl assignment": ("wfctl", "assignment", "A2"),
    "wfctl job": ("wfctl", "job", "J1"),
    "python -c pass": _PASS,
}


def by_history(setting: Setting) -> list[Point]:
    """What each command that reads costs in a store with ever more finished jobs."""
    rounds, points = setting.of(15, 5), []
    with setting.folder("history") as folder:
        of, before = Daemon(folder / "d"), 0
        _fill(of, **{**_SMALL, "finished": 0})
        for finished in (0, 10_000, 100_000, *([] if setting.quick else [1_000_000])):
            _fill(of, finished=finished - before, waiting=0)
            before = finished
            variants = {name: partial(_took, of, argv) for name, argv in _READING.items()}
            with _served(of):
                found = in_turn(rounds, variants)
            points += [
                Point(name, finished, statistics.median(took)) for name, took in found.items()
            ]
    return points


@contextmanager
def _served(of: Daemon) -> Iterator[None]:
    try:
        of.start()
        yield
    finally:
        of.stop()


# --- what fills a store -----------------------------------------------------------------

_JOBS = 20  # of a finished assignment


def _fill(of: Daemon, finished: int, waiting: int) -> None:
    """Paused assignments with one waiting job each, then complete ones with twenty jobs each."""
    with closing(sqlite3.connect(of.place.store_path, timeout=DEADLINE_S)) as store:
        store.executescript(f"""
            begin immediate;
            insert into assignment (namespace_id, north_star, state, reason, jobs, created_at)
            with {_numbers(waiting)} select 1, 'measure', 'paused', 'measured', 1, 1 from n;
            insert into job (namespace_id, assignment_id, type, lane, state, waits_for, context,
                             created_by, type_seq, created_at)
            select 1, id, 'implement', 'main', 'waiting', 'assignment', 'wait', 'person', 1, 1
              from assignment where state = 'paused' and {int(waiting > 0)};
            insert into assignment (namespace_id, north_star, state, jobs, created_at, closed_at)
            with {_numbers(finished // _JOBS)}
            select 1, 'measure', 'complete', {_JOBS}, 1, 2 from n;
            insert into job (namespace_id, assignment_id, type, lane, state, context, created_by,
                             type_seq, outcome, answer, created_at, closed_at)
            with {_numbers(finished)}
            select 1, (select max(id) from assignment) - (i - 1) / {_JOBS}, 'implement', 'main',
                   'done', 'measure', 'person', (i - 1) % {_JOBS} + 1, 'succeeded', 'Done.', 1, 2
              from n;
            insert into run (job_id, assignment_id, namespace_id, state, worker, harness, ai,
                             lease_until, started_at, ended_at, outcome, answer)
            select id, assignment_id, 1, 'closed', 'bench', 'claude', 'claude', 1, 1, 2,
                   'succeeded', 'Done.' from job where id > (select max(id) from job) - {finished};
            insert into event (at, kind, namespace_id, assignment_id, job_id, run_id, data)
            select 2, 'run.closed', 1, assignment_id, job_id, id, '{{}}' from run
             where id > (select coalesce(max(run_id), 0) from event);
            commit;
        """)


def _numbers(count: int) -> str:
    """From 1; also for none."""
    return (
        f"recursive n (i) as (select 1 where {count} > 0"
        f" union all select i + 1 from n where i < {count})"
    )
