"""One thing told whole: indented lines on a terminal, tagged columns with tabs elsewhere.

Off a terminal each line begins with what it is (`job`, `run`, `check`), so that a program
can take the lines it wants. Longer text stands one line of it per line, under its own tag.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import click

from wfd.edge.table import Cell, cell
from wfd.edge.words import tame


@dataclass(frozen=True)
class Line:
    tag: str
    cells: tuple[Cell, ...]
    depth: int = 0
    is_labelled: bool = False  # a person sees the tag too
    is_title: bool = False


@dataclass(frozen=True)
class Blank:
    """A gap between parts, which only a person sees."""


PageLine = Line | Blank


def line(tag: str, *cells: Cell | str | None, depth: int = 0) -> Line:
    return Line(tag, _cells(cells), depth)


def title(tag: str, *cells: Cell | str | None) -> Line:
    return Line(tag, _cells(cells), is_title=True)


def fact(tag: str, *cells: Cell | str | None, depth: int = 1) -> Line:
    """A line that says what it is: `branch  wfd/A1`."""
    return Line(tag, _cells(cells), depth, is_labelled=True)


def passage(tag: str, text: str, depth: int = 1) -> list[PageLine]:
    """Text of any length, kept whole."""
    body = [Line(tag, (_verbatim(row),), depth + 1) for row in tame(text).split("\n")]
    return [Heading(tag, depth), *body]


@dataclass(frozen=True)
class Heading(Blank):
    """The name of a passage, which only a person sees."""

    tag: str = ""
    depth: int = 0


def print_page(lines: Iterable[PageLine]) -> None:
    show = _shown if sys.stdout.isatty() else _plain
    for one in lines:
        text = show(one)
        if text is not None:
            click.echo(text)


def _shown(one: PageLine) -> str | None:
    if isinstance(one, Heading):
        return "  " * one.depth + click.style(_words(one.tag), dim=True)
    if isinstance(one, Blank):
        return ""
    parts = [
        _styled(c, is_bold=one.is_title and n == 0) for n, c in enumerate(one.cells) if c.shown
    ]
    label = [click.style(f"{_words(one.tag):<9}", dim=True)] if one.is_labelled else []
    return "  " * one.depth + "  ".join(label + parts)


def _plain(one: PageLine) -> str | None:
    if isinstance(one, Blank):
        return None
    return "\t".join([one.tag, *(c.plain for c in one.cells)])


def _styled(one: Cell, *, is_bold: bool) -> str:
    return click.style(one.shown, fg=one.colour, bold=is_bold or None)


def _words(tag: str) -> str:
    return tag.replace("_", " ")


def _cells(given: Iterable[Cell | str | None]) -> tuple[Cell, ...]:
    return tuple(one if isinstance(one, Cell) else cell(one) for one in given)


def _verbatim(row: str) -> Cell:
    return Cell(row, row)
