"""A patch: the bytes themselves for a program, tamed and coloured lines for a person."""

import sys
from collections.abc import Iterable

import click

from wfd.edge.words import tame

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def print_patch(lines: Iterable[bytes]) -> bool:
    """Print lines that still have their newline; whether there were any."""
    any_line = False
    for line in lines:
        any_line = True
        if sys.stdout.isatty():
            click.echo(_shown(line.decode("utf-8", "replace").rstrip("\n")))
        else:
            sys.stdout.buffer.write(line)
    sys.stdout.flush()
    return any_line


def _shown(text: str) -> str:
    is_header = text.startswith(("+++", "---", "diff "))
    return click.style(tame(text), fg=_COLOURS.get(text[:1]), bold=is_header or None)
