"""The versions of the agent CLIs that do not tell them in their streams."""

import shutil
from pathlib import Path

from wfd.adapters.tools import probe
from wfd.ports import Spawner

_Identity = tuple[Path, int, int]  # where a program lies, which file it is, and of when


class ToldVersions:
    """Runs `<binary> --version`, once for each program as it lies on disk. Implements Versions."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner
        self._told: dict[_Identity, str | None] = {}

    async def of(self, binary: str) -> str | None:
        found = shutil.which(binary)
        if found is None:
            return None
        identity = _identity(Path(found))
        if identity not in self._told:
            seen = await probe((found, "--version"), spawner=self._spawner)
            self._told[identity] = seen.version
        return self._told[identity]


def _identity(path: Path) -> _Identity:
    real = path.resolve()
    stat = real.stat()
    return real, stat.st_ino, stat.st_mtime_ns
