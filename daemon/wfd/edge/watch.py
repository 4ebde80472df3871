"""The same view again and again, until the person has seen enough."""

import time
from collections.abc import Callable

import click

from wfd.domain.errors import BadInput
from wfd.edge.shell import is_terminal
from wfd.edge.words import local_time

_HOME_AND_CLEAR = "\x1b[H\x1b[J"


def draw_or_watch(draw: Callable[[], None], seconds: float | None) -> None:
    """Draw once, or every `seconds` until the person interrupts."""
    if seconds is None:
        draw()
        return
    if not is_terminal():
        raise BadInput("--watch needs a terminal; call the command again instead")
    while True:
        click.echo(_HOME_AND_CLEAR, nl=False)
        draw()
        at = local_time(int(time.time() * 1000))
        click.secho(f"\n{at}, every {seconds:g}s; Ctrl-C ends", dim=True)
        time.sleep(seconds)
