"""What a measurement came to: one line of the table, one entry of the document."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Delivered:
    """So many went in, so many were done, and so many of those more than once."""

    sent: int
    done: int
    twice: int

    @property
    def is_exact(self) -> bool:
        return self.sent == self.done and self.twice == 0


@dataclass(frozen=True)
class Result:
    id: str
    unit: str  # of value and floor
    value: float  # median of the rounds, unless `note` says otherwise
    target: str  # in words, as docs/speed.md has it
    holds: bool
    floor: float | None = None  # measured in the same rounds, in turn
    ratio: float | None = None  # value to floor; above 1 is better for rates, worse for times
    rounds: int = 1
    delivered: Delivered | None = None
    note: str = ""

    @property
    def is_sound(self) -> bool:
        """A figure of work that was not all done, or done twice, is none."""
        return self.delivered is None or self.delivered.is_exact


def document(results: Sequence[Result]) -> dict[str, object]:
    return {"results": [asdict(result) for result in results]}


def table(results: Sequence[Result]) -> Table:
    grid = Table("id", "value", "floor", "ratio", "target", "", "rounds", "delivered", "note")
    for result in results:
        grid.add_row(
            result.id,
            f"{_short(result.value)} {result.unit}",
            "" if result.floor is None else f"{_short(result.floor)} {result.unit}",
            "" if result.ratio is None else f"{result.ratio:.2f}×",
            result.target,
            _verdict(result),
            str(result.rounds),
            _delivery(result.delivered),
            result.note,
        )
    return grid


def show(results: Sequence[Result]) -> None:
    console = Console(width=None if Console().is_terminal else 180)
    console.print(table(results))


def _verdict(result: Result) -> str:
    if not result.is_sound:
        return "[red]not exact[/]"
    return "[green]holds[/]" if result.holds else "[yellow]missed[/]"


def _delivery(delivered: Delivered | None) -> str:
    if delivered is None:
        return ""
    twice = f", {delivered.twice} twice" if delivered.twice else ""
    return f"{delivered.done} of {delivered.sent}{twice}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
