"""A daemon that is killed while 64 agents run, and the next one that takes over."""

import os
import select
import statistics
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.daemon import DEADLINE_S, Beacon, Daemon, agent, daemon, until
from benchmarks.idle import AGENTS, SILENT, begin
from benchmarks.result import Delivered, Result
from benchmarks.setting import Setting

_NOT_RECORDED = "select count(*) from run where state = 'running' and pid is null"
_NEWER = "select count(*) from run where id > ?"


@dataclass(frozen=True)
class _Restart:
    """Seconds since the new daemon's exec."""

    reaped: float  # until none of the old agents lived
    leased: float  # until a new run was leased
    answered: float  # until it took commands
    whole: float  # until so many agents had begun again


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    rounds = setting.of(3, 1)  # as often as a job is tried again when the daemon has died
    with setting.folder("restart") as folder:
        beacon = Beacon(folder / "beacon")
        program = agent(folder / "agent", beacon.path, SILENT)
        keys = {"limits": {"jobs": AGENTS}, "harnesses": {"claude": {"binary": str(program)}}}
        with daemon(folder / "d", **keys) as live:
            begin(live, beacon, AGENTS)
            found = [_restart(live, beacon) for _ in range(rounds)]
            delivered = _delivered(live, rounds)
    reaped, leased, answered, whole = (
        statistics.median(getattr(one, name) for one in found)
        for name in ("reaped", "leased", "answered", "whole")
    )
    note = f"agents gone {reaped:.2f} s, leasing {leased:.2f} s, answers {answered:.2f} s"
    worst = max(reaped, leased)
    return [
        Result(
            "restart", "s", worst, "< 2 s", worst < 2, rounds=rounds, delivered=delivered,
            note=f"{note}, all {AGENTS} run again {whole:.1f} s",
        )
    ]  # fmt: skip


def _restart(live: Daemon, beacon: Beacon) -> _Restart:
    until(lambda: not live.count(_NOT_RECORDED), "all agents are recorded")
    last = live.count("select max(id) from run")
    pids = [int(str(pid)) for (pid,) in live.rows("select pid from run where state = 'running'")]
    with _handles(pids) as agents:
        assert live.process is not None
        live.process.kill()
        live.process.wait()
        began = time.monotonic()
        live.launch()
        _until_gone(agents)
        reaped = time.monotonic() - began
    until(lambda: live.count(_NEWER, last), "a new run is leased")
    leased = time.monotonic() - began
    live.until_answers()
    answered = time.monotonic() - began
    for _ in range(AGENTS):
        beacon.until("begin", "implement")
    return _Restart(reaped, leased, answered, time.monotonic() - began)


@contextmanager
def _handles(pids: Iterable[int]) -> Iterator[list[int]]:
    """A handle on each process: it becomes readable when the process has ended."""
    handles = [os.pidfd_open(pid) for pid in pids]
    try:
        yield handles
    finally:
        for handle in handles:
            os.close(handle)


def _until_gone(handles: Iterable[int]) -> None:
    """Raises TimeoutError for one that lives on."""
    poll = select.poll()
    left = set(handles)
    for handle in left:
        poll.register(handle, select.POLLIN)
    while left:
        ended = poll.poll(DEADLINE_S * 1000)
        if not ended:
            raise TimeoutError(f"{len(left)} agents outlive the daemon that took over")
        for handle, _ in ended:
            poll.unregister(handle)
            left.remove(handle)


def _delivered(live: Daemon, rounds: int) -> Delivered:
    """Runs that were cut off, runs closed as lost, jobs with more than one retry."""
    return Delivered(
        AGENTS * rounds,
        live.count("select count(*) from run where outcome = 'lost'"),
        live.count(
            "select count(*) from (select 1 from job where retry_of is not null"
            " group by retry_of having count(*) > 1)"
        ),
    )
