"""What is proposed for a checkout, each with its reason."""

import json
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Which = Callable[[str], str | None]


@dataclass(frozen=True)
class Proposal:
    checks: dict[str, str] = field(default_factory=dict)  # by name, a shell command each
    setup: list[str] = field(default_factory=list)
    copy: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # a sentence for each of the above
    lacking: list[str] = field(default_factory=list)  # programs that the checkout asks for
    which: Which = shutil.which

    def has(self, program: str) -> bool:
        """Whether a program is on the PATH."""
        return self.which(program) is not None

    def check(self, name: str, command: str, why: str) -> None:
        """Add a check, under its command's own name where its plain one is taken."""
        if name in self.checks:
            name = f"{name}-{command.split()[0].rsplit('/', 1)[-1]}"
        self.checks[name] = command
        self.reasons.append(f"check {name} ({command}): {why}")

    def set_up(self, command: str, why: str) -> None:
        self.setup.append(command)
        self.reasons.append(f"set-up ({command}): {why}")

    def lacks(self, file: str, program: str) -> None:
        """Say that a file asks for a program that is not there."""
        self.lacking.append(program)
        self.leave_out(f"check for {file}", f"there is no {program} on the PATH")

    def leave_out(self, what: str, why: str) -> None:
        """Say what a person would look for here in vain."""
        self.reasons.append(f"no {what}: {why}")


def toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


def json_object(file: Path) -> dict[str, object] | None:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def text(file: Path) -> str:
    """Nothing where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def below(values: object, *keys: str) -> Mapping[str, object]:
    """The table at a path of keys; empty where there is none."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}
