"""Where measurements take place, and how often: rounds in which all variants take turns."""

import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

T = TypeVar("T")

_IN_MEMORY = {"tmpfs", "ramfs", "devtmpfs", "overlay-tmpfs"}


@dataclass(frozen=True)
class Setting:
    """One call of `scripts/bench`."""

    root: Path  # an empty folder on a real disk; each benchmark takes one below it
    quick: bool

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A folder for one measurement, gone afterwards."""
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def of(self, full: int, quick: int) -> int:
        """How much of something: as a rule, or with --quick."""
        return quick if self.quick else full

    def say(self, words: str) -> None:
        """Progress, for a person."""
        click.echo(f"bench: {words}", err=True)


def in_turn(rounds: int, variants: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """What each variant came to in each round. Every other round goes backwards."""
    found: dict[str, list[T]] = {name: [] for name in variants}
    for number in range(rounds):
        names = list(variants)
        for name in names if number % 2 == 0 else reversed(names):
            found[name].append(variants[name]())
    return found


def ratio_of(values: Sequence[float], floors: Sequence[float]) -> float:
    """The median over the rounds of value to floor, each pair from one round."""
    return statistics.median(v / f for v, f in zip(values, floors, strict=True))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of all are at or below."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def refuse_memory(folder: Path) -> None:
    """A store in memory has no fsync to pay for, so nothing measured there is true."""
    kind = _filesystem(folder)
    if kind in _IN_MEMORY:
        raise click.ClickException(
            f"{folder} lies in memory ({kind}); name a folder on a disk with --folder"
        )


def fsync_ms(folder: Path, times: int = 50) -> float:
    """The median cost of writing 4 KiB and syncing them, in milliseconds."""
    spent = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"\0" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


def _filesystem(folder: Path) -> str:
    """The kind of file system, as far as the system tells."""
    if not sys.platform.startswith("linux"):
        return "unknown"
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, name, *_ = line.split()
        inside = folder.resolve().is_relative_to(mount.replace("\\040", " "))
        if inside and len(mount) >= len(best):
            best, kind = mount, name
    return kind
