"""The output of set-up and checks of a run, line by line, for a person who watches it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import click

from wfd.domain.run_folder import Phase, RunFolder
from wfd.edge.words import one_line, tame

LAST_BYTES = 8 * 1024  # of an output that is there already when somebody begins to watch


@dataclass(frozen=True)
class OutputLine:
    log: Path
    line: bytes

    @property
    def text(self) -> str:
        return self.line.decode("utf-8", "replace").rstrip("\r")

    @property
    def title(self) -> str:
        """'set-up 1', 'check test'."""
        name = one_line(self.log.stem)
        phase = Phase(self.log.parent.name)
        match phase:
            case Phase.SETUP:
                return name.replace("setup-", "set-up ")
            case Phase.BASELINE:
                return f"check {name}, before the work"
            case Phase.CHECKS:
                return f"check {name}"
            case _:
                assert_never(phase)

    def shown(self) -> str:
        return click.style(f"  {tame(self.text)}", dim=True)

    def document(self) -> dict[str, object]:
        return {"signal": "command_output", "of": self.title, "text": self.text}


def outputs(folder: RunFolder, *phases: Phase) -> list[Path]:
    """The files of output that are there, in the order in which they were begun."""
    return [path for phase in phases for path in _begun_in(folder.outputs(phase))]


def _begun_in(folder: Path) -> Iterator[Path]:
    found = []
    for path in folder.glob("*.log"):
        try:
            found.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:  # a command begins it anew
            continue
    yield from (path for _, path in sorted(found))
