"""The output of a command, printed while it comes."""

import codecs
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import anyio
import click

from wfd.edge.words import tame
from wfd.ports import Begun

_PAUSE_S = 0.1
_CHUNK = 64 * 1024


@asynccontextmanager
async def printed(
    title: str, *, is_shown: bool
) -> AsyncIterator[Callable[[Begun], Awaitable[None]] | None]:
    """What to tell of a command that begins: its output is printed until this is left."""
    if not is_shown:
        yield None
        return
    click.secho(f"— {tame(title)}", bold=True)
    begun: list[Path] = []

    async def tell(one: Begun) -> None:
        begun.append(one.output)
        printing.start_soon(_print, output, one.output)

    output = _Output()
    try:
        async with anyio.create_task_group() as printing:
            yield tell
            printing.cancel_scope.cancel()
    finally:  # nobody else reads it any more
        for path in begun:
            output.print_from(path)
        output.end()


class _Output:
    """What was printed of one file."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._is_at_start = True

    def print_from(self, path: Path) -> None:
        if self._file is None:
            try:
                self._file = path.open("rb")
            except FileNotFoundError:
                return
        while chunk := self._file.read(_CHUNK):
            text = self._decoder.decode(chunk).replace("\r\n", "\n").replace("\r", "\n")
            shown = "\n".join(map(tame, text.split("\n")))
            click.echo(shown, nl=False)
            self._is_at_start = shown.endswith("\n")

    def end(self) -> None:
        if not self._is_at_start:
            click.echo()
        if self._file is not None:
            self._file.close()


async def _print(output: _Output, path: Path) -> None:
    while True:
        output.print_from(path)
        await anyio.sleep(_PAUSE_S)
