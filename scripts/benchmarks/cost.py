"""What a process costs the machine: its processor time, its memory, its threads and files."""

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """In MiB. Pages that are shared with other processes count in full in `rss`."""

    rss: float
    pss: float  # shared pages divided among those who share them


@dataclass(frozen=True)
class Kept:
    """What a process holds, and its children."""

    threads: int
    files: int
    children: int
    zombies: int


def processor_ns(pid: int) -> int:
    """Processor time of the process in nanoseconds, threads that have ended included.

    The clock that clock_getcpuclockid(3) names; /proc/<pid>/stat counts in steps of 10 ms.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def percent(pid: int, seconds: float) -> float:
    """The share of one processor that it takes during the next `seconds`."""
    [found] = percents([pid], seconds)
    return found


def percents(pids: list[int], seconds: float) -> list[float]:
    """The same of several, in the same seconds."""
    began = [processor_ns(pid) for pid in pids]
    began_at = time.monotonic_ns()
    time.sleep(seconds)
    spent_ns = time.monotonic_ns() - began_at
    return [
        100 * (processor_ns(pid) - before) / spent_ns
        for pid, before in zip(pids, began, strict=True)
    ]


def memory(pid: int) -> Memory:
    found: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        found[name] = int(size) / 1024
    return Memory(found["Rss:"], found["Pss:"])


def kept(pid: int) -> Kept:
    of = Path(f"/proc/{pid}")
    tasks = list((of / "task").iterdir())
    children = [
        child for task in tasks for child in (task / "children").read_text().split()
    ]  # a child belongs to the thread that made it
    return Kept(
        threads=len(tasks),
        files=len(list((of / "fd").iterdir())),
        children=len(children),
        zombies=sum(_is_zombie(child) for child in children),
    )


def _is_zombie(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
