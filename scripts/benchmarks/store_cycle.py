"""The store under load: jobs per second beside raw SQLite and two queues, and the worst stall."""

import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks.cycle import Cycled, cycled
from benchmarks.peers import huey_cycled, litequeue_cycled
from benchmarks.raw_cycle import raw_cycled
from benchmarks.result import Delivered, Result
from benchmarks.setting import Setting, in_turn, ratio_of

CALLERS = 64

# What has to be measured for each id.
_NEEDS = {
    "store.cycle.64": {"many", "floor", "ceiling"},
    "store.cycle.1": {"one", "floor"},
    "store.huey": {"many", "huey", "huey.full"},
    "store.litequeue": {"many", "litequeue", "litequeue.full"},
    "store.stall": {"many"},
}


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    needed = set().union(*(_NEEDS[id_] for id_ in wanted))
    variants = {name: run for name, run in _variants(setting).items() if name in needed}
    found = in_turn(setting.of(9, 3), variants)
    return [_result(id_, found) for id_ in _NEEDS if id_ in wanted]


def _variants(setting: Setting) -> dict[str, Callable[[], Cycled]]:
    each, alone = setting.of(40, 20), setting.of(400, 150)

    def on_new_file(run: Callable[[Path], Cycled]) -> Callable[[], Cycled]:
        def once() -> Cycled:
            with setting.folder("store") as folder:
                return run(folder / "store.db")

        return once

    return {
        "many": on_new_file(lambda path: cycled(path, CALLERS, each)),
        "one": on_new_file(lambda path: cycled(path, 1, alone)),
        "floor": on_new_file(lambda path: raw_cycled(path, alone)),
        "ceiling": on_new_file(lambda path: raw_cycled(path, each, together=CALLERS)),
        "huey": on_new_file(lambda path: huey_cycled(path, CALLERS, each)),
        "huey.full": on_new_file(lambda path: huey_cycled(path, CALLERS, each // 4, "full")),
        "litequeue": on_new_file(lambda path: litequeue_cycled(path, CALLERS, each)),
        "litequeue.full": on_new_file(
            lambda path: litequeue_cycled(path, CALLERS, each // 4, "full")
        ),
    }


def _result(id_: str, found: dict[str, list[Cycled]]) -> Result:
    match id_:
        case "store.cycle.64":
            most = ratio_of(_rates(found["ceiling"]), _rates(found["floor"]))
            note = f"the same rows by raw SQLite, 64 to a commit: {most:.1f}× the floor"
            return _ratio(id_, found["many"], found["floor"], 8, "≥ 8× the floor", note)
        case "store.cycle.1":
            return _ratio(id_, found["one"], found["floor"], 0.6, "≥ 60 %")
        case "store.huey":
            return _beside(id_, found, "huey", 3)
        case "store.litequeue":
            return _beside(id_, found, "litequeue", 10)
        case _:
            return _stall(id_, found["many"])


def _beside(id_: str, found: dict[str, list[Cycled]], peer: str, reach: float) -> Result:
    durable = ratio_of(_rates(found["many"]), _rates(found[f"{peer}.full"]))
    note = f"{durable:.2f}× when {peer} syncs each commit, as the product does"
    return _ratio(id_, found["many"], found[peer], reach, f"≥ {reach:g}×", note)


def _ratio(
    id_: str, ours: list[Cycled], theirs: list[Cycled], reach: float, target: str, note: str = ""
) -> Result:
    ratio = ratio_of(_rates(ours), _rates(theirs))
    return Result(
        id_, "jobs/s", statistics.median(_rates(ours)), target, ratio >= reach,
        statistics.median(_rates(theirs)), ratio, len(ours), _all([*ours, *theirs]), note,
    )  # fmt: skip


def _stall(id_: str, ours: list[Cycled]) -> Result:
    worst = [round_.worst_ms for round_ in ours if round_.worst_ms is not None]
    middle = statistics.median(worst)
    return Result(
        id_, "ms", middle, "< 25 ms, no BUSY", middle < 25, rounds=len(ours),
        delivered=_all(ours), note=f"the worst of each round; of all: {max(worst):.0f} ms",
    )  # fmt: skip


def _rates(rounds: list[Cycled]) -> list[float]:
    return [round_.per_s for round_ in rounds]


def _all(rounds: list[Cycled]) -> Delivered:
    """Of all rounds together."""
    of = [round_.delivered for round_ in rounds]
    return Delivered(sum(d.sent for d in of), sum(d.done for d in of), sum(d.twice for d in of))
