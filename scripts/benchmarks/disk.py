"""What the disk sees of the store: bytes per job, and the log while a reader stands still."""

import sqlite3
import statistics
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio

from benchmarks.cycle import CHAIN, cycle_all, cycled, delivered, new_store
from benchmarks.raw_cycle import raw_cycled
from benchmarks.result import Result
from benchmarks.setting import Setting, in_turn, ratio_of
from wfd.store.sqlite import LOG_BYTES
from wfd.store.store import SqliteStore

CALLERS = 64
KIB = 1024


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    results = []
    if "disk.job" in wanted:
        results.append(_job(setting))
    if "wal.reader" in wanted:
        results.append(_reader(setting))
    return results


def _job(setting: Setting) -> Result:
    alone, each = setting.of(400, 150), setting.of(40, 20)

    def written(name: str) -> float:
        with setting.folder("disk") as folder:
            path = folder / "store.db"
            before = _written()
            match name:
                case "one":
                    cycled(path, 1, alone)
                case "many":
                    cycled(path, CALLERS, each)
                case _:
                    raw_cycled(path, alone)
            jobs = CALLERS * each if name == "many" else alone
            return (_written() - before) / jobs / KIB

    variants = {name: partial(written, name) for name in ("one", "many", "floor")}
    found = in_turn(setting.of(5, 2), variants)
    ratio = ratio_of(found["one"], found["floor"])
    return Result(
        "disk.job", "KiB", statistics.median(found["one"]), "none", True,
        statistics.median(found["floor"]), ratio, len(found["one"]),
        note=f"one caller; with {CALLERS}, {statistics.median(found['many']):.0f} KiB",
    )  # fmt: skip


def _reader(setting: Setting) -> Result:
    """A person's `sqlite3` that has begun to read and is not closed, under a busy writer."""
    each = setting.of(600, 200)
    with setting.folder("wal") as folder:
        path = folder / "store.db"
        new_store(path, 2 * each // CHAIN)
        held, after = anyio.run(_under_reader, path, each)
        exact = delivered(path)
    per_job = held / each / KIB
    return Result(
        "wal.reader", "MiB", after / KIB**2, f"≤ {LOG_BYTES // KIB**2} MiB once it lets go",
        after <= LOG_BYTES, held / KIB**2, after / held, delivered=exact,
        note=f"floor: while it holds; it grew by {per_job:.0f} KiB per job",
    )  # fmt: skip


async def _under_reader(path: Path, each: int) -> tuple[int, int]:
    """Bytes of the log after so many jobs, and after as many more without the reader."""
    log = path.with_name(f"{path.name}-wal")
    store = await SqliteStore.open(path)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("begin")
            reader.execute("select count(*) from job").fetchall()
            await cycle_all(store, 1, each)
            held = log.stat().st_size
        await cycle_all(store, 1, each, first=each // CHAIN)
        return held, log.stat().st_size
    finally:
        await store.close()


def _written() -> int:
    """Bytes that this process has caused to be written to disks."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(told["write_bytes"])
