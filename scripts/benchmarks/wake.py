"""From a command that another process sends, to the lease of its job: committed and taken.

This process is the other one. It speaks on the daemon's socket as wfctl does, and then reads the
store again and again, with a connection of its own, until the job's run is there; so what is
measured ends when anybody can see the lease, and never before.
"""

import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path

from benchmarks.daemon import DEADLINE_S, Daemon, daemon, until
from benchmarks.ledger import ledger_in
from benchmarks.result import Delivered, Result
from benchmarks.setting import Setting, percentile
from wfd.adapters import client
from wfd.store.sqlite import read_only_uri

WARM_UP = 5
_PAUSE_S = 0.00005  # between two looks: without it they would take a processor from the daemon
_SETTLES_S = 0.05  # after a run has ended: its workspace is put away


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    count = setting.of(300, 40)
    with setting.folder("wake") as folder:
        keys = {"limits": {"jobs": 4}, "harnesses": {"claude": {"binary": str(_silent(folder))}}}
        with daemon(folder / "d", **keys) as live, ledger_in(folder) as ledger, _eye(live) as eye:
            for _ in range(WARM_UP):
                _taken(live, eye)
            found = [(_taken(live, eye), _committed(ledger)) for _ in range(count)]
            delivered = _delivered(live, WARM_UP + count)
    taken, floors = zip(*found, strict=True)
    p50, p99, floor = statistics.median(taken), percentile(taken, 99), statistics.median(floors)
    note = "floor: one durable commit, and the way has two: the job's and the lease's"
    results = [
        Result(
            "wake", "ms", p50, "p50 < 2 ms", p50 < 2, floor, p50 / floor, count, delivered, note
        ),
        Result(
            "wake.p99", "ms", p99, "p99 < 10 ms", p99 < 10, floor, p99 / floor, count, delivered
        ),
    ]  # fmt: skip
    return [result for result in results if result.id in wanted]


def _taken(live: Daemon, eye: sqlite3.Connection) -> float:
    """Milliseconds from the command to the run of its job. Nothing runs before or after."""
    values = {"namespace": "repo", "north_star": "wake", "type": "implement", "context": "wake"}
    began = time.monotonic()
    made = client.call(live.place.socket_path, "create", values)
    assert isinstance(made, dict)
    _see(eye, int(made["job"]), began + DEADLINE_S)
    took = (time.monotonic() - began) * 1000
    live.command("update_assignment", assignment=made["assignment"], status="cancelled")
    until(lambda: not eye.execute(_RUNNING).fetchall(), "the run is ended")
    time.sleep(_SETTLES_S)
    return took


_RUNNING = "select 1 from run where state = 'running'"


def _see(eye: sqlite3.Connection, job: int, deadline: float) -> None:
    """Until the job's run is there: a look costs a few microseconds, so most time is the pause."""
    seen = None
    while time.monotonic() < deadline:
        version = eye.execute("pragma data_version").fetchone()
        if version != seen and eye.execute("select 1 from run where job_id = ?", (job,)).fetchone():
            return
        seen = version
        time.sleep(_PAUSE_S)
    raise TimeoutError(f"J{job} is not taken; see the daemon's log")


def _committed(ledger: sqlite3.Connection) -> float:
    began = time.monotonic()
    ledger.execute("insert into row values (?)", (began,))
    return (time.monotonic() - began) * 1000


def _silent(folder: Path) -> Path:
    """An agent that costs nothing, and is ended before it says anything."""
    program = folder / "agent"
    program.write_text("#!/bin/sh\nexec sleep 3600\n")
    program.chmod(0o700)
    return program


def _eye(live: Daemon) -> closing[sqlite3.Connection]:
    uri = read_only_uri(live.place.store_path)
    return closing(sqlite3.connect(uri, uri=True, isolation_level=None))


def _delivered(live: Daemon, sent: int) -> Delivered:
    """Commands that were sent, jobs that were taken, jobs that were taken more than once."""
    return Delivered(
        sent,
        live.count("select count(distinct job_id) from run"),
        live.count("select count(*) from (select 1 from run group by job_id having count(*) > 1)"),
    )
