"""A list: a table on a terminal, plain columns with tabs and without a header elsewhere."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click

from wfd.edge.words import one_line


@dataclass(frozen=True)
class Column:
    name: str
    can_wrap: bool = False  # the one that gives way on a narrow terminal
    is_number: bool = False
    is_for_programs: bool = False  # a person does not see it


@dataclass(frozen=True)
class Cell:
    """What stands in one column: words for a person, and a value for a program."""

    shown: str
    plain: str
    colour: str | None = None


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

    shown = [index for index, column in enumerate(columns) if not column.is_for_programs]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in (columns[index] for index in shown):
        table.add_column(
            column.name,
            no_wrap=not column.can_wrap,
            min_width=12 if column.can_wrap else None,
            overflow="fold" if column.can_wrap else "ellipsis",
            justify="right" if column.is_number else "left",
        )
    for row in rows:
        table.add_row(*(Text(row[index].shown, style=row[index].colour or "") for index in shown))
    Console(highlight=False, markup=False, emoji=False).print(table)
