"""What each client asked and was told: a line before each call, and one after it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Call:
    """One command of a client. Without an answer nobody knows whether it was done."""

    client: int
    number: int
    command: str
    values: dict[str, Any]
    end: Literal["told", "refused", "unknown"]
    answer: dict[str, Any]  # of one that was told; {"kind", "message"} of one that was refused


class Ledger:
    """The file of one client. Its lines are on the disk's way before the call goes on."""

    def __init__(self, path: Path) -> None:
        self._out = path.open("a", buffering=1, encoding="utf-8")

    def before(self, number: int, command: str, values: dict[str, Any]) -> None:
        self._write({"before": number, "command": command, "values": values})

    def after(self, number: int, end: str, answer: dict[str, Any]) -> None:
        self._write({"after": number, "end": end, "answer": answer})

    def close(self) -> None:
        self._out.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(json.dumps(line) + "\n")


def read(folder: Path) -> list[Call]:
    """All calls of all clients. A line that a kill has cut short counts as not written."""
    return [call for path in sorted(folder.glob("*.jsonl")) for call in _calls(path)]


def _calls(path: Path) -> Iterator[Call]:
    client = int(path.stem)
    begun: dict[int, dict[str, Any]] = {}
    ended: dict[int, dict[str, Any]] = {}
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if text.endswith("\n"):
            line = json.loads(text)
            begun.update({line["before"]: line} if "before" in line else {})
            ended.update({line["after"]: line} if "after" in line else {})
    for number, line in begun.items():
        after = ended.get(number, {"end": "unknown", "answer": {}})
        yield Call(client, number, line["command"], line["values"], after["end"], after["answer"])
