"""Whether the files that are open are still those that lie at their names.

A file that was deleted or replaced can be written for ever: nobody would find what is in it.
"""

from pathlib import Path

from wfd.domain.errors import DamagedStore
from wfd.store.failure import RESTORE


class InPlace:
    def __init__(self, path: Path) -> None:
        self._files = (path, path.with_name(f"{path.name}-wal"))
        self._known: dict[Path, tuple[int, int]] = {}

    def check(self) -> None:
        """Raise DamagedStore for a store that was taken away; two looks, and nothing is read."""
        for file in self._files:
            found = _identity(file)
            known = self._known.get(file)
            if known is None and found is not None:  # the log comes with the first transaction
                self._known[file] = found
            elif known != found:
                raise DamagedStore(
                    f"{file} was deleted or replaced while wfd had it open; {RESTORE}"
                )


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino
