"""What a claim and a whole cycle cost as a store grows, for the plots."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.claim import backlog, history, stock
from benchmarks.setting import Setting

ROUNDS = 5


@dataclass(frozen=True)
class Point:
    jobs: int
    claim_ms: float
    cycle_ms: float  # inserted, claimed and closed


def by_history(setting: Setting) -> list[Point]:
    """Over finished jobs in the store."""
    sizes = (0, 1_000, 10_000, 100_000, *(() if setting.quick else (1_000_000,)))
    return [_point(setting, size, partial(history, jobs=size)) for size in sizes]


def by_backlog(setting: Setting) -> list[Point]:
    """Over jobs that are ready, as many that wait for a time, as many behind their assignment."""
    sizes = (0, 1_000, 10_000, *(() if setting.quick else (100_000,)))
    return [_point(setting, size, partial(backlog, each=size)) for size in sizes]


def _point(setting: Setting, jobs: int, fill: Callable[[Path], None]) -> Point:
    with (
        setting.folder("growth") as folder,
        stock(folder / "store.db", fill if jobs else _nothing) as store,
    ):
        claims = [store.claims().whole_ms for _ in range(ROUNDS)]
        cycles = [store.cycles() for _ in range(ROUNDS)]
    return Point(jobs, statistics.median(claims), statistics.median(cycles))


def _nothing(path: Path) -> None:
    """What fills an empty store."""
