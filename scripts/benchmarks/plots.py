"""How cost grows, drawn: `scripts/bench --plots docs/speed`. Takes about a quarter of an hour."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import churn, cli, growth, scale
from benchmarks.setting import Setting

CHURNED = 10_000

matplotlib.use("svg")
matplotlib.rcParams.update({
    "svg.hashsalt": "wfd",  # the same figures give the same file
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
})  # fmt: skip

Points = Iterable[tuple[float, float]]


def draw(setting: Setting, folder: Path, names: Sequence[str]) -> None:
    """Measure and write one SVG for each subject, or for those that are named."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or SUBJECTS:
        setting.say(f"{name}.svg")
        figure = SUBJECTS[name](setting)
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")


def _store(setting: Setting) -> Figure:
    figure, (history, backlog) = _panels(2)
    for axes, title, points in (
        (history, "finished jobs in the store", growth.by_history(setting)),
        (backlog, "ready, future and waiting jobs, so many of each", growth.by_backlog(setting)),
    ):
        _line(axes, "claim", ((p.jobs, p.claim_ms) for p in points))
        _line(axes, "insert, claim and close", ((p.jobs, p.cycle_ms) for p in points))
        _name(axes, title, "ms, median, with its commits")
        _by_tens(axes, 1_000, 1_000_000)
    return figure


def _agents(setting: Setting) -> Figure:
    points = scale.scale(setting)
    figure, (cpu, rss) = _panels(2)
    said = f"agents, each with {scale.PER_SECOND} events a second"
    _line(cpu, "", ((p.agents, p.cpu) for p in points))
    _name(cpu, said, "% of one processor, the daemon alone")
    _line(rss, "", ((p.agents, p.rss) for p in points))
    _name(rss, said, "MiB resident, the daemon alone")
    for axes in (cpu, rss):
        axes.set_xscale("log", base=2)
        axes.set_xticks(scale.NUMBERS, map(str, scale.NUMBERS))
    return figure


def _cli(setting: Setting) -> Figure:
    points = cli.by_history(setting)
    figure, (axes,) = _panels(1)
    for command in dict.fromkeys(p.command for p in points):
        _line(axes, command, ((p.finished, p.ms) for p in points if p.command == command))
    _name(axes, "finished jobs in the store", "ms, median, a cold process")
    _by_tens(axes, 10_000, 1_000_000)
    return figure


def _churn(setting: Setting) -> Figure:
    jobs = setting.of(CHURNED, 240)
    with setting.folder("churn") as folder:
        samples = churn.churn(folder, jobs).samples
    step = jobs / len(samples)
    figure, (axes,) = _panels(1)
    _line(axes, "resident", ((step * n, m.rss) for n, m in enumerate(samples, 1)))
    _line(axes, "proportional share", ((step * n, m.pss) for n, m in enumerate(samples, 1)))
    _name(axes, "instant jobs done", "MiB, the daemon alone")
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(4.6 * count, 3.2), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _line(axes: Axes, label: str, points: Points) -> None:
    xs, ys = zip(*points, strict=True)
    axes.plot(xs, ys, marker="o", markersize=3, label=label or None)


def _by_tens(axes: Axes, least: int, most: int) -> None:
    """None, and then by powers of ten."""
    ticks = [0, *(10**power for power in range(7) if least <= 10**power <= most)]
    axes.set_xscale("symlog", linthresh=least, linscale=0.5)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(left=0)


def _name(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()


SUBJECTS: dict[str, Callable[[Setting], Figure]] = {
    "store": _store,
    "agents": _agents,
    "cli": _cli,
    "churn": _churn,
}
