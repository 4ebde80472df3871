"""One thing that wfd doctor has looked at."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    level: Level
    what: str
    detail: str
    way_out: str = ""

    @property
    def is_bad(self) -> bool:
        return self.level is Level.FAIL
