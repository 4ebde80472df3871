"""The lock that makes a daemon the only one of its store. It dies with its holder.

While no daemon runs, a command that writes holds it for a moment.
"""

import fcntl
import os
import time

from wfd.adapters.place import Place
from wfd.domain.errors import AlreadyRunning

SHARED = "WFD_TEST_SHARED_LOCK"  # set, daemons of one store run beside each other: for tests alone
_RETRY_S = 0.01


_COMMAND = "command"


class DaemonLock:
    def __init__(self, place: Place, *, of_command: bool = False) -> None:
        self._place = place
        self._mark = f"{os.getpid()} {_COMMAND}\n" if of_command else f"{os.getpid()}\n"
        self._fd: int | None = None

    def acquire(self, wait_s: float = 0.1, wait_for_command_s: float = 10.0) -> None:
        """Hold the lock until `release` or the end of this process.

        Waits for probes and for commands that write, and hardly for a daemon. Raises
        AlreadyRunning with the holder's pid.
        """
        fd = os.open(self._place.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(fd, wait_s, wait_for_command_s)
            os.ftruncate(fd, 0)
            os.pwrite(fd, self._mark.encode(), 0)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def _wait_for(self, fd: int, wait_s: float, wait_for_command_s: float) -> None:
        began = time.monotonic()
        kind = fcntl.LOCK_SH if os.environ.get(SHARED) else fcntl.LOCK_EX
        while not _try(fd, kind):
            pid, is_command = _said(fd)
            is_brief = is_command or not pid  # or it has not said yet what it is
            if time.monotonic() > began + (wait_for_command_s if is_brief else wait_s):
                who, does = ("command", "writes to") if is_command else ("daemon", "already serves")
                what = f"a wfd {who} (pid {pid or 'unknown'}) {does}"
                raise AlreadyRunning(f"{what} {self._place.state_dir}")
            time.sleep(_RETRY_S)


def holder(place: Place) -> int | None:
    """The pid of the daemon that serves the place; 0 if it did not say; None if there is none."""
    try:
        fd = os.open(place.lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that probes do not see each other; `acquire` waits for them to end.
        if _try(fd, fcntl.LOCK_SH):
            return None
        pid, is_command = _said(fd)
        return None if is_command else pid
    finally:
        os.close(fd)


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _said(fd: int) -> tuple[int, bool]:
    """The holder's pid, 0 if it has not said it yet; whether it is a command."""
    pid, _, role = os.pread(fd, 40, 0).decode("ascii", "replace").strip().partition(" ")
    return int(pid) if pid.isdigit() else 0, role == _COMMAND
