"""Slots: a small number for each workspace of a user, so that ports and databases do not collide.

`slots/3` in the runtime folder leads to `A7.slot` beside the workspace that has slot 3, in
whatever state folder that lies. It counts while that file is there and says the same number, so
a workspace that is removed gives its slot back, and no crash leaves one taken.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import anyio.to_thread

from wfd.domain.errors import Broken

_WAIT_S = 10.0  # for others who take one now, which is a matter of milliseconds
_LOOK_S = 0.01


class FolderOfSlots:
    """Slots of all workspaces whose daemons share one folder. Implements ports.Slots."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def of(self, workspace: Path) -> int:
        """Raises Broken where others hold the folder for long, or OSError."""
        return await anyio.to_thread.run_sync(self._of, workspace)

    def _of(self, workspace: Path) -> int:
        mine = workspace.with_name(f"{workspace.name}.slot")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(self._folder):
            had = _number_in(mine)
            if had is not None and self._is_mine(had, mine):
                # what looks old in /tmp is cleared away at times
                os.utime(self._folder / str(had), follow_symlinks=False)
                return had
            # the folder does not outlive a boot: a number that is free still is the same again
            wanted = () if had is None else (had,)
            numbers = (*wanted, *range(self._count() + 1))
            number: int = next(n for n in numbers if self._is_free(n))
            self._take(number, mine)
            return number

    def _count(self) -> int:
        """How many there are at most; of so many numbers and one more, one is free."""
        return sum(1 for entry in self._folder.iterdir() if entry.is_symlink())

    def _is_mine(self, number: int, mine: Path) -> bool:
        with suppress(OSError):
            return (self._folder / str(number)).readlink() == mine
        return False

    def _is_free(self, number: int) -> bool:
        try:
            holder = (self._folder / str(number)).readlink()
        except OSError:
            return True
        return _number_in(holder) != number

    def _take(self, number: int, mine: Path) -> None:
        entry, new = self._folder / str(number), self._folder / "new"
        new.unlink(missing_ok=True)
        new.symlink_to(mine)
        new.replace(entry)
        mine.write_text(f"{number}\n", encoding="ascii")


def _number_in(file: Path) -> int | None:
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    opened = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(opened, folder)
        yield
    finally:
        os.close(opened)


def _lock(opened: int, folder: Path) -> None:
    until = time.monotonic() + _WAIT_S
    for _ in count():
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Broken(
                    f"another process holds {folder}/lock; see which: fuser {folder}/lock"
                ) from None
            time.sleep(_LOOK_S)
        else:
            return
