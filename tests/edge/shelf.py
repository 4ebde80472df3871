"""A store made by the real commands, and what a command line said."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from wfd.commands.house import House
from wfd.commands.registry import COMMANDS
from wfd.domain.namespace import Namespace
from wfd.ports import Tx
from wfd.rules.policy import Caps, Gates
from wfd.store.alone import write_alone

T = TypeVar("T")

NOW = 1_800_000_000_000


def house_of(namespace: Namespace | None) -> House:
    return House(
        gates=Gates(checks="strict", review=True, uat=False),
        caps=Caps(jobs=50, attempts=3, no_work=2, wall_ms=10**9, cost_usd=None),
        checks=("test",),
        types=("implement", "plan", "pm", "review"),
        harnesses=("claude", "sim"),
    )


@dataclass(frozen=True)
class Shelf:
    """One store with the namespace `blue`, whose checkout is a real repository."""

    path: Path
    checkout: Path

    def write(self, command: str, **values: object) -> dict[str, object]:
        known = COMMANDS[command]
        return self.work(lambda tx: known.run(tx, house_of, known.wants(**values)))

    def work(self, work: Callable[[Tx], T]) -> T:
        return write_alone(self.path, work, lambda: NOW)


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def make_repository(folder: Path) -> None:
    folder.mkdir()
    me = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for args in (["init", "-q"], [*me, "commit", "-q", "--allow-empty", "-m", "First"]):
        subprocess.run(["git", *args], cwd=folder, check=True)


Call = Callable[..., Said]
