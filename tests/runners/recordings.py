"""Recordings of real CLIs: what they printed, how they ended, and what each of them meant."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from wfd.domain.outcome import Conclusion, EndedBy, Kind
from wfd.domain.signal import Signal
from wfd.ports import End
from wfd_runners import harnesses
from wfd_runners.reading import conclude_file

GOLDEN = Path(__file__).parent.parent / "golden"
NOW = 1_795_176_000_000  # 2026-11-20T12:00:00Z, the day of the recordings


@dataclass(frozen=True)
class Recording:
    """One run of a CLI: `golden/<cli>/<case>.jsonl`, `.stderr` and `.meta.json`."""

    cli: str
    case: str

    def __str__(self) -> str:
        return f"{self.cli}-{self.case}"

    @property
    def transcript(self) -> Path:
        return self._file("jsonl")

    @property
    def expected(self) -> Path:
        return self._file("expected.json")

    @property
    def exit_code(self) -> int:
        code = json.loads(self._file("meta.json").read_bytes())["exit_code"]
        assert isinstance(code, int)
        return code

    @property
    def stderr(self) -> str:
        file = self._file("stderr")
        return file.read_text("utf-8", "replace") if file.exists() else ""

    def lines(self) -> list[bytes]:
        return self.transcript.read_bytes().split(b"\n") if self.transcript.exists() else []

    def read(self, ended_by: EndedBy = EndedBy.NONE) -> tuple[list[Signal], Conclusion]:
        """Every signal of it, and what it came to."""
        transcript = self.transcript if self.transcript.exists() else Path(os.devnull)
        return conclude_file(
            harnesses()[self.cli], transcript, self.exit_code, self.stderr, NOW, ended_by
        )

    def _file(self, ending: str) -> Path:
        return GOLDEN / self.cli / f"{self.case}.{ending}"


def conclude(
    cli: str, lines: list[bytes], exit_code: int | None
) -> tuple[list[Signal], Conclusion]:
    """The same for lines that no CLI printed in this way: cut, damaged, backwards."""
    codec = harnesses()[cli].codec()
    signals = [signal for line in lines for signal in codec.read(line)]
    return signals, codec.conclude(End(exit_code, EndedBy.NONE, "", NOW))


@dataclass(frozen=True)
class Meant:
    """What the recordings of one CLI meant, as a person decided who read them."""

    kinds: dict[Recording, Kind]
    cut_short: tuple[Recording, ...]  # ended from outside before any terminal event


def meant(cli: str) -> Meant:
    told = yaml.safe_load((GOLDEN / cli / "meant.yaml").read_text())
    return Meant(
        {Recording(cli, case): Kind(kind) for case, kind in told["kinds"].items()},
        tuple(Recording(cli, case) for case in told["cut_short"]),
    )


def recorded(cli: str) -> set[Recording]:
    """All that there is of a CLI."""
    return {
        Recording(cli, path.name.removesuffix(".meta.json"))
        for path in (GOLDEN / cli).glob("*.meta.json")
    }
