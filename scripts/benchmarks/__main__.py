"""scripts/bench: measure, print a table, write one document."""

import importlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.result import Result, document, show
from benchmarks.setting import Setting, fsync_ms, refuse_memory

Measure = Callable[[Setting, set[str]], list[Result]]

# Which module measures which ids: one call gives all of its module that are wanted.
MODULES: dict[str, tuple[str, ...]] = {
    "store_cycle": (
        "store.cycle.64",
        "store.cycle.1",
        "store.huey",
        "store.litequeue",
        "store.stall",
    ),
    "claim": ("claim.history", "claim.backlog"),
    "disk": ("disk.job", "wal.reader"),
    "wake": ("wake", "wake.p99"),
    "cli": (
        "cli.cold",
        "cli.queue.100k",
        "cli.note",
        "cli.insert",
        "cli.assignment",
        "cli.status",
        "cli.help",
    ),
    "path": (
        "start",
        "start.p99",
        "start.new",
        "handover",
        "handover.edit",
        "run.overhead",
        "run.overhead.edit",
    ),
    "stream": (
        "stream.1",
        "stream.16",
        "stream.64",
        "stream.codex",
        "stream.gemini",
        "stream.long",
    ),
    "idle": ("idle", "idle.rss", "idle.64", "rss.64"),
    "restart": ("restart",),
    "churn": ("churn",),
}

PLOTS = {"store", "agents", "cli", "churn"}  # the plotter is slow to import

_HERE = Path.home() / ".cache" / "wfd" / "bench"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Fewer rounds and smaller stores: under two minutes.")
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the document there.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=_HERE,
    show_default=True,
    help="Where stores and workspaces lie meanwhile; on a real disk.",
)
@click.option(
    "--plots",
    type=click.Path(path_type=Path),
    help="Draw how cost grows, into there; IDS are then store, agents, cli or churn.",
)
@click.argument("ids", nargs=-1)
def main(
    quick: bool, file: Path | None, folder: Path, plots: Path | None, ids: tuple[str, ...]
) -> None:
    """Measure IDS, or all; each beside its floor, in the same rounds.

    The exit code says whether all were measured, and nothing of targets: 1 if work was lost or
    done twice, 2 for bad arguments.
    """
    if file is not None and not file.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {file.parent}", param_hint="--json")
    wanted = _wanted(ids, PLOTS if plots else {id_ for of in MODULES.values() for id_ in of})
    folder.mkdir(parents=True, exist_ok=True)
    refuse_memory(folder)
    with tempfile.TemporaryDirectory(prefix="run-", dir=folder) as root:
        setting = Setting(Path(root), quick)
        setting.say(f"writing 4 KiB and an fsync cost {fsync_ms(setting.root):.2f} ms here")
        if plots is not None:
            importlib.import_module("benchmarks.plots").draw(setting, plots, ids)
            return
        results = _measure(setting, wanted)
    show(results)
    if file is not None:
        file.write_text(json.dumps(document(results), indent=2) + "\n")
    sys.exit(not all(result.is_sound for result in results))


def _wanted(ids: tuple[str, ...], known: set[str]) -> set[str]:
    unknown = sorted(set(ids) - known)
    if unknown:
        raise click.UsageError(f"no benchmark '{unknown[0]}'; known: {', '.join(sorted(known))}")
    return set(ids) or known


def _measure(setting: Setting, wanted: set[str]) -> list[Result]:
    results: list[Result] = []
    for module, ids in MODULES.items():
        chosen = wanted & set(ids)
        if chosen:
            setting.say(", ".join(sorted(chosen)))
            measure: Measure = importlib.import_module(f"benchmarks.{module}").measure
            results += measure(setting, chosen)
    return results


if __name__ == "__main__":
    main()
