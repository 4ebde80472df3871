"""Memory over thousands of instant jobs: what a daemon keeps of a run that is over."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cost import Kept, Memory, kept, memory
from benchmarks.daemon import Beacon, Daemon, agent, daemon, delivered, until
from benchmarks.path import AGAIN, CHAIN
from benchmarks.result import Delivered, Result
from benchmarks.setting import Setting

AT_ONCE = 4
SAMPLES = 60
_OPEN = "select count(*) from run where state = 'running'"


@dataclass(frozen=True)
class Churned:
    samples: list[Memory]  # in equal steps of jobs
    left: Kept
    delivered: Delivered
    seconds: float

    def quarter(self, number: int) -> float:
        """The median RSS of a quarter of all jobs, from 1 to 4."""
        size = len(self.samples) // 4
        return statistics.median(m.rss for m in self.samples[(number - 1) * size : number * size])


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    jobs = setting.of(10_000, 240)
    with setting.folder("churn") as folder:
        found = churn(folder, jobs)
    second, last = found.quarter(2), found.quarter(4)
    left = found.left
    grown = (last - second) / (jobs / 2) * 1000
    return [
        Result(
            "churn", "MB", last, "≤ 1.05×", last / second <= 1.05, second, last / second, 1,
            found.delivered,
            f"RSS in the last quarter of {jobs:,} jobs, floor: in the second;"
            f" {grown:+.2f} MB per 1,000 jobs, {jobs / found.seconds:.1f} jobs/s; at the end"
            f" {left.threads} threads, {left.files} files, {left.zombies} zombies",
        )
    ]  # fmt: skip


def churn(folder: Path, jobs: int) -> Churned:
    """Run so many jobs, PM's included, in chains as long as the shipped cap allows."""
    beacon = Beacon(folder / "beacon")
    program = agent(folder / "agent", beacon.path, "", AGAIN)
    keys = {"limits": {"jobs": AT_ONCE}, "harnesses": {"claude": {"binary": str(program)}}}
    with daemon(folder / "d", **keys) as live:
        began = time.monotonic()
        samples = _through(live, beacon, jobs)
        seconds = time.monotonic() - began
        return Churned(samples, kept(live.pid), delivered(live), seconds)


def _through(live: Daemon, beacon: Beacon, jobs: int) -> list[Memory]:
    """One assignment after the other in each of the daemon's places."""
    running = _begin(live)
    samples, done, step = [], 0, max(1, jobs // SAMPLES)
    while done < jobs:
        moment = beacon.next()
        if moment.word != "end":
            continue
        done += 1
        if done % step == 0:
            samples.append(memory(live.pid))
        if done % (CHAIN * AT_ONCE) == 0:
            _end(live, running)
            running = _begin(live)
    _end(live, running)
    return samples


def _begin(live: Daemon) -> list[int]:
    return [live.create() for _ in range(AT_ONCE)]


def _end(live: Daemon, assignments: list[int]) -> None:
    for of in assignments:
        live.command("update_assignment", assignment=of, status="cancelled")
    until(lambda: not live.count(_OPEN), "nothing runs")
