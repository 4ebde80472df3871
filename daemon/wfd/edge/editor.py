"""A text that is written in the person's own editor."""

import sys

import click

from wfd.domain.errors import BadInput, WfdError
from wfd.edge.shell import is_terminal, text_or_stdin

_CUT = "# ------------------------ >8 ------------------------"  # as git has it


def given_or_written(text: str | None, missing: str, *about: str) -> str:
    """The text of a call: itself, all of stdin for '-', or what an editor was left with.

    `about` is shown to whoever writes, below a line that cuts it off. Raises BadInput without a
    terminal, which names what is `missing`, and WfdError where nothing was written.
    """
    if text is not None:
        return text_or_stdin(text)
    if not (is_terminal() and sys.stdin.isatty()):
        raise BadInput(f"{missing} is missing; say it, or '-' to read it from stdin")
    below = "\n".join(f"# {line}".rstrip() for line in "\n".join(about).split("\n"))
    note = (
        "# Write above this line: what stands below it is cut off. Nothing above: nothing is made."
    )
    written = click.edit(f"\n{_CUT}\n{note}\n#\n{below}\n", extension=".md") or ""
    kept = written.partition(_CUT)[0].strip()
    if not kept:
        raise WfdError("nothing was written, so nothing was created")
    return kept
