"""A run's own files, outside the workspace."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Phase(StrEnum):
    """When commands of the repository are run; also the name of their outputs' folder."""

    SETUP = "setup"
    BASELINE = "baseline"  # the checks, before the first job
    CHECKS = "checks"  # at a snapshot


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def transcript(self) -> Path:
        return self.path / "transcript.jsonl"

    @property
    def stderr(self) -> Path:
        return self.path / "stderr.log"

    @property
    def prompt(self) -> Path:
        return self.path / "prompt.md"

    @property
    def patch(self) -> Path:
        return self.path / "diff.patch"

    @property
    def exit(self) -> Path:
        """Who ended the agent and its exit code, written as soon as they are known."""
        return self.path / "exit"

    def outputs(self, phase: Phase) -> Path:
        return self.path / phase
