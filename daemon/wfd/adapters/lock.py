"""The lock that makes a daemon the only one of its store. It dies with its holder."""

import fcntl
import os
import time

from wfd.adapters.place import Place
from wfd.domain.errors import AlreadyRunning

SHARED = "WFD_TEST_SHARED_LOCK"  # set, daemons of one store run beside each other: for tests alone
_RETRY_S = 0.01


class DaemonLock:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._fd: int | None = None

    def acquire(self, wait_s: float = 0.1) -> None:
        """Hold the lock until `release` or the end of this process.

        Waits a moment, for the probes and short writes of others. Raises AlreadyRunning with
        the holder's pid.
        """
        fd = os.open(self._place.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait_for(fd, wait_s)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def _wait_for(self, fd: int, wait_s: float) -> None:
        deadline = time.monotonic() + wait_s
        kind = fcntl.LOCK_SH if os.environ.get(SHARED) else fcntl.LOCK_EX
        while not _try(fd, kind):
            if time.monotonic() > deadline:
                who = f"a wfd daemon (pid {_pid(fd) or 'unknown'})"
                raise AlreadyRunning(f"{who} already serves {self._place.state_dir}")
            time.sleep(_RETRY_S)


def holder(place: Place) -> int | None:
    """The pid of the daemon that serves the place; 0 if it did not say; None if there is none."""
    try:
        fd = os.open(place.lock_path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        # Shared, so that probes do not see each other; `acquire` waits for them to end.
        return None if _try(fd, fcntl.LOCK_SH) else _pid(fd)
    finally:
        os.close(fd)


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(fd: int) -> int:
    text = os.pread(fd, 20, 0).strip()
    return int(text) if text.isdigit() else 0
