"""The path of a job through a real daemon: command to agent, agent to PM, and what a run adds."""

import os
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.daemon import Beacon, Daemon, agent, daemon, delivered, until
from benchmarks.ledger import ledger_in
from benchmarks.result import Result
from benchmarks.setting import Setting, percentile

EDIT = 'echo "$WFD_JOB_ID" >> work.txt'
CHAIN = 20  # runs of an assignment: as long as the shipped cap on jobs lets one become
AGAIN = {
    "decision": "insert_job",
    "job": {"type": "implement", "harness": None, "context": "again"},
    "changes": None,
    "question": None,
    "reason": "measured",
}


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    results: list[Result] = []
    if wanted & {"start", "start.p99", "start.new"}:
        results += _start(setting)
    if wanted & {"handover", "run.overhead"}:
        results += _chain(setting, "", "")
    if wanted & {"handover.edit", "run.overhead.edit"}:
        results += _chain(setting, EDIT, ".edit")
    return [result for result in results if result.id in wanted]


# --- from a command to the agent --------------------------------------------------


def _start(setting: Setting) -> list[Result]:
    count = setting.of(60, 15)
    with setting.folder("start") as folder:
        beacon = Beacon(folder / "beacon")
        program = agent(folder / "agent", beacon.path)
        with daemon(folder / "d", **_keys(program)) as live, ledger_in(folder) as ledger:
            fresh = [_first(live, beacon) for _ in range(max(3, count // 4))]
            of = live.create()
            again, raw = [], []
            for _ in range(count):
                _rest(live, of)
                beacon.drain()
                again.append(_again(live, beacon, of))
                beacon.until("end", "pm")
                raw.append(_raw(folder, ledger, program, beacon))
            _rest(live, of)
            exact = delivered(live)
    p50, p99, floor = statistics.median(again), percentile(again, 99), statistics.median(raw)
    new = statistics.median(fresh)
    return [
        Result("start", "ms", p50, "p50 < 15 ms", p50 < 15, floor, p50 / floor, count, exact),
        Result(
            "start.p99", "ms", p99, "p99 < 40 ms", p99 < 40, floor, p99 / floor, count, exact
        ),
        Result(
            "start.new", "ms", new, "none", True, floor, new / floor, len(fresh), exact,
            "an assignment's first job: its workspace is made",
        ),
    ]  # fmt: skip


def _first(live: Daemon, beacon: Beacon) -> float:
    began = time.monotonic()
    of = live.create()
    found = (beacon.until("begin", "implement").at - began) * 1000
    beacon.until("end", "pm")
    _rest(live, of)
    return found


def _again(live: Daemon, beacon: Beacon, of: int) -> float:
    """A job that only waits for its assignment becomes ready by one command.

    No job can be inserted into an assignment that is active and has nothing to do, since there
    is none; the way from here on is that of any insert-job.
    """
    live.command("insert_job", assignment=of, type="implement", context="again")
    began = time.monotonic()
    live.command("update_assignment", assignment=of, status="active")
    return (beacon.until("begin", "implement").at - began) * 1000


def _rest(live: Daemon, of: int) -> None:
    """Until the assignment is blocked by its PM, and so nothing goes on."""
    until(
        lambda: live.rows("select 1 from assignment where id = ? and state = 'blocked'", of),
        f"A{of} is blocked",
    )


def _raw(folder: Path, ledger: sqlite3.Connection, program: Path, beacon: Beacon) -> float:
    """The floor: one durable commit, then the program started without anything around it."""
    began = time.monotonic()
    _commit(ledger)
    process = _spawn(program, folder)
    found = (beacon.until("begin", "floor").at - began) * 1000
    beacon.until("end", "floor")
    process.wait()
    return found


# --- from agent to agent ------------------------------------------------------------


def _chain(setting: Setting, does: str, suffix: str) -> list[Result]:
    """Assignments in which jobs and PM follow each other; one at a time, no checks."""
    rounds = setting.of(8, 2)
    handovers, overheads, floors, alone = [], [], [], []
    with setting.folder("chain") as folder:
        beacon = Beacon(folder / "beacon")
        program = agent(folder / "agent", beacon.path, does, AGAIN)
        with daemon(folder / "d", **_keys(program)) as live, ledger_in(folder) as ledger:
            for _ in range(rounds):
                of = live.create()
                beacon.until("end", "pm")  # the first run waits for its workspace
                gone, took = _follow(beacon, CHAIN // 2)
                live.command("update_assignment", assignment=of, status="cancelled")
                until(lambda: not live.count(_RUNNING), "nothing runs")
                beacon.drain()
                handovers += gone
                mine = [_alone(folder, program, beacon) for _ in range(CHAIN)]
                alone.append(statistics.median(mine))
                overheads.append(took - alone[-1])
                floors.append(_raw(folder, ledger, program, beacon))
            exact = delivered(live)
    handover, floor = statistics.median(handovers), statistics.median(floors)
    overhead, bare = statistics.median(overheads), statistics.median(alone)
    what = "each job changes a file" if does else "no job changes a file"
    return [
        Result(
            f"handover{suffix}", "ms", handover, "p50 < 25 ms", handover < 25, floor,
            handover / floor, len(handovers), exact, what,
        ),
        Result(
            f"run.overhead{suffix}", "ms", overhead, "< 100 ms, aim < 30 ms", overhead < 100, bare,
            overhead / bare, rounds, exact, f"{what}; floor: the agent alone",
        ),
    ]  # fmt: skip


def _follow(beacon: Beacon, pairs: int) -> tuple[list[float], float]:
    """Handovers to the PM in ms, and the whole time of a run in ms."""
    began = beacon.until("begin", "implement").at
    handovers = []
    for _ in range(pairs):
        ended = beacon.until("end", "implement").at
        handovers.append((beacon.until("begin", "pm").at - ended) * 1000)
        last = beacon.until("begin", "implement").at
    return handovers, (last - began) * 1000 / (2 * pairs)


def _alone(folder: Path, program: Path, beacon: Beacon) -> float:
    """The agent's own wall time without a daemon, from its start to its end."""
    began = time.monotonic()
    process = _spawn(program, folder)
    process.wait()
    took = (time.monotonic() - began) * 1000
    beacon.until("end", "floor")
    return took


# --- what both need -------------------------------------------------------------------

_RUNNING = "select count(*) from run where state = 'running'"


def _keys(program: Path) -> dict[str, object]:
    return {"harnesses": {"claude": {"binary": str(program)}}}


def _commit(ledger: sqlite3.Connection) -> None:
    ledger.execute("insert into row values (?)", (time.time(),))


def _spawn(program: Path, cwd: Path) -> subprocess.Popen[bytes]:
    env = {"PATH": os.environ["PATH"], "WFD_JOB_ID": "J0", "WFD_JOB_TYPE": "floor"}
    return subprocess.Popen(
        [str(program)], env=env, cwd=cwd, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
