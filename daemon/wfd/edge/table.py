"""A list: a table on a terminal, plain columns with tabs and without a header elsewhere."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from wfd.edge.words import one_line


@dataclass(frozen=True)
class Column:
    name: str
    can_wrap: bool = False  # one of those that give way first on a narrow terminal
    can_cut: bool = False  # free text that has one line, of what room is left, and "…" at its end
    is_number: bool = False
    is_for_programs: bool = False  # a person does not see it
    gives_way: int = 0  # on a narrow terminal columns go, the highest first; 0: it stays


@dataclass(frozen=True)
class Cell:
    """What stands in one column: words for a person, and a value for a program."""

    shown: str
    plain: str
    colour: str | None = None


_GAP = 2  # between columns
_LEAST_WRAPPED, _LEAST_CUT = 8, 20  # so far these give way before the others do
_LEAST = 3
_COMFORT_CUT, _COMFORT_WRAPPED = 28, 12  # columns go for so much room for the others

STATE_COLOURS = {
    "running": "cyan",
    "active": "cyan",
    "queued": "blue",
    "done": "green",
    "complete": "green",
    "succeeded": "green",
    "failed": "red",
    "refused": "red",
    "blocked": "red",
    "paused": "yellow",
    "waiting": "yellow",
    "cancelled": "bright_black",
}


def cell(text: object, plain: object | None = None) -> Cell:
    shown = "" if text is None else one_line(str(text))
    return Cell(shown, shown if plain is None else one_line(str(plain)))


def state_cell(state: str | None) -> Cell:
    return Cell(state or "", state or "", STATE_COLOURS.get(state or ""))


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, empty: str) -> None:
    """Print the rows; where there are none, a person is told `empty` and a program nothing."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(one.plain for one in row))
    elif rows:
        _print_rich(columns, rows)
    else:
        click.echo(empty)


def _print_rich(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    # Only here: rich costs a third of a reading command's time.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    indices = _kept(columns, rows, console.width)
    shown = [columns[index] for index in indices]
    gaps = _GAP * (len(shown) - 1)
    widths = _fitted(shown, _natural(columns, rows, indices), console.width - gaps)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column, width in zip(shown, widths, strict=True):
        table.add_column(
            column.name,
            width=width,
            no_wrap=column.can_cut,
            overflow="ellipsis" if column.can_cut else "fold",
            justify="right" if column.is_number else "left",
        )
    for row in rows:
        table.add_row(*(Text(row[index].shown, style=row[index].colour or "") for index in indices))
    # one that is too narrow for any of this is left to the terminal to break, not to rich to crop
    console.width = max(console.width, sum(widths) + gaps)
    console.print(table)


def _kept(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> list[int]:
    """The columns that a person sees: as many as leave comfortable room for their texts."""
    indices = [index for index, column in enumerate(columns) if not column.is_for_programs]
    natural = dict(zip(indices, _natural(columns, rows, indices), strict=True))
    wanted = {index: _comfortable(columns[index], natural[index]) for index in indices}
    going = sorted(
        (index for index in indices if columns[index].gives_way),
        key=lambda index: columns[index].gives_way,
    )
    while going and sum(wanted[index] + _GAP for index in indices) - _GAP > width:
        indices.remove(going.pop())
    return indices


def _comfortable(column: Column, natural: int) -> int:
    if column.can_cut:
        return min(natural, _COMFORT_CUT)
    return min(natural, _COMFORT_WRAPPED) if column.can_wrap else natural


def _natural(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], indices: Sequence[int]
) -> list[int]:
    from rich.cells import cell_len

    return [
        max(cell_len(text) for text in (columns[index].name, *(row[index].shown for row in rows)))
        for index in indices
    ]


def _fitted(columns: Sequence[Column], natural: Sequence[int], room: int) -> list[int]:
    """The widths that have room: what can wrap or be cut gives way, and then the widest."""
    widths = list(natural)
    least = [
        _LEAST_CUT if one.can_cut else _LEAST_WRAPPED if one.can_wrap else width
        for one, width in zip(columns, widths, strict=True)
    ]
    _narrow(widths, least, room)
    least = [min(width, _LEAST_WRAPPED) if one.can_cut else width
             for one, width in zip(columns, least, strict=True)]  # fmt: skip
    _narrow(widths, least, room)
    _narrow(widths, [_LEAST] * len(widths), room)
    return widths


def _narrow(widths: list[int], least: Sequence[int], room: int) -> None:
    """Take from the widest that may give, bit by bit."""
    while sum(widths) > room:
        may_give = [at for at, width in enumerate(widths) if width > least[at]]
        if not may_give:
            return
        widths[max(may_give, key=lambda at: widths[at])] -= 1
