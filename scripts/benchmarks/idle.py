"""What the daemon costs while nothing happens, alone and with 64 agents that say nothing."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.cost import Memory, memory, percents
from benchmarks.daemon import Beacon, Daemon, agent, daemon
from benchmarks.result import Result
from benchmarks.setting import Setting

AGENTS = 64
SILENT = "exec sleep 3600"
SETTLES_S = 2.0  # after the last of them has begun


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    """Both daemons are there at once, so both are measured in the same seconds."""
    with setting.folder("idle") as folder, ExitStack() as stack:
        lives = [stack.enter_context(daemon(folder / "alone"))]
        if wanted & {"idle.64", "rss.64"}:
            lives.append(stack.enter_context(with_agents(folder, AGENTS, SILENT)))
        time.sleep(SETTLES_S)
        seconds = setting.of(60, 15)
        costs = percents([live.pid for live in lives], seconds)
        taken = [memory(live.pid) for live in lives]
    results = _alone(seconds, costs[0], taken[0])
    if len(lives) > 1:
        results += _beside_agents(seconds, costs[1], taken[1])
    return [result for result in results if result.id in wanted]


@contextmanager
def with_agents(folder: Path, count: int, does: str) -> Iterator[Daemon]:
    """A daemon and so many agents that have begun: each says its first line, and does `does`."""
    beacon = Beacon(folder / "beacon")
    program = agent(folder / "agent", beacon.path, does)
    keys = {"limits": {"jobs": count}, "harnesses": {"claude": {"binary": str(program)}}}
    with daemon(folder / "beside", **keys) as live:
        begin(live, beacon, count)
        yield live


def begin(live: Daemon, beacon: Beacon, count: int) -> None:
    """So many assignments, each with an agent that has begun."""
    for _ in range(count):
        live.create()
    for _ in range(count):
        beacon.until("begin", "implement")


def _alone(seconds: int, cpu: float, taken: Memory) -> list[Result]:
    return [
        Result(
            "idle", "% CPU", cpu, "< 0.1 %", cpu < 0.1,
            note=f"of one processor, over {seconds} s",
        ),
        Result("idle.rss", "MB", taken.rss, "< 60 MB", taken.rss < 60, note=_shared(taken)),
    ]  # fmt: skip


def _beside_agents(seconds: int, cpu: float, taken: Memory) -> list[Result]:
    return [
        Result(
            "idle.64", "% CPU", cpu, "< 1 %", cpu < 1,
            note=f"of one processor, over {seconds} s; {AGENTS} silent agents",
        ),
        Result(
            "rss.64", "MB", taken.rss, "< 120 MB", taken.rss < 120,
            note=f"the daemon alone; {_shared(taken)}",
        ),
    ]  # fmt: skip


def _shared(taken: Memory) -> str:
    return f"PSS {taken.pss:.1f} MB"
