"""The same view again and again, until the person has seen enough."""

import io
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout

import click

from wfd.domain.errors import BadInput
from wfd.edge.shell import is_terminal
from wfd.edge.words import local_time

_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_CLEAR = "\x1b[H\x1b[2J"
_HEAD = 6  # lines of a page that stay in view above its end


def draw_or_watch(
    draw: Callable[[], None], seconds: float | None, *, shows_end: bool = False
) -> None:
    """Draw once, or every `seconds` until the person interrupts.

    What is higher than the terminal is cut: a list keeps its beginning, and a page that
    `shows_end` its first lines and its last ones.
    """
    if seconds is None:
        draw()
        return
    if not is_terminal():
        raise BadInput("--watch needs a terminal; call the command again instead")
    head = _HEAD if shows_end else None
    click.echo(_CLEAR, nl=False)
    try:
        while True:
            _redraw(_drawn(draw), head, seconds)
            time.sleep(seconds)
    except KeyboardInterrupt:  # that is how one leaves
        click.echo()


class _Screen(io.StringIO):
    """What is drawn, in the colours that a terminal has."""

    def isatty(self) -> bool:
        return True


def _drawn(draw: Callable[[], None]) -> list[str]:
    screen = _Screen()
    with redirect_stdout(screen):
        draw()
    return screen.getvalue().rstrip("\n").split("\n")


def _redraw(lines: Sequence[str], head: int | None, seconds: float) -> None:
    """Over what is there, line by line and in one write, so that nothing flickers."""
    import shutil  # late: a list that is shown once needs none

    size = shutil.get_terminal_size()
    at = local_time(int(time.time() * 1000))
    foot = click.style(f"{at}, every {seconds:g}s; Ctrl-C ends", dim=True)
    shown = [*fitted(lines, size.columns, size.lines - 2, head), "", foot]
    text = "\n".join(f"{line}{_REST_OF_LINE}" for line in shown)
    click.echo(f"{_HOME}{text}{_REST_OF_SCREEN}", nl=False)
    sys.stdout.flush()


def fitted(lines: Sequence[str], columns: int, rows: int, head: int | None) -> list[str]:
    """As many lines as `rows` hold: the first ones, or with `head` so many and then the last."""
    heights = [_height(line, columns) for line in lines]
    if sum(heights) <= rows:
        return list(lines)
    room = max(1, rows - 1)  # a row says what is left out
    first = _holding(heights, room if head is None else min(sum(heights[:head]), room // 2))
    used = sum(heights[:first])
    last = 0 if head is None else _holding(heights[::-1], room - used)
    cut = len(lines) - first - last
    left_out = click.style(f"… {cut} more {'line' if cut == 1 else 'lines'}", dim=True)
    return [*lines[:first], left_out, *lines[len(lines) - last :]]


def _holding(heights: Sequence[int], room: int) -> int:
    """How many of these fit, from the first on."""
    count = 0
    for height in heights:
        room -= height
        if room < 0:
            break
        count += 1
    return count


def _height(line: str, columns: int) -> int:
    from rich.cells import cell_len  # late: only a watch measures

    return max(1, -(-cell_len(click.unstyle(line)) // max(1, columns)))
