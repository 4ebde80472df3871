"""One daemon per store, proved over two processes."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wfd.adapters.lock import DaemonLock, holder
from wfd.adapters.place import Place
from wfd.domain.errors import AlreadyRunning

HOLD = """
import subprocess, sys, time
from pathlib import Path
from wfd.adapters.lock import DaemonLock
from wfd.adapters.place import Place
DaemonLock(Place(Path(sys.argv[1]), Path("/"))).acquire()
child = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path, tmp_path)


@pytest.fixture
def other(here: Place) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock, with a child that would inherit it."""
    env = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, here.state_dir], stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        yield process
        process.kill()
        os.kill(child, signal.SIGKILL)


def test_a_second_daemon_is_refused_and_told_the_pid(
    here: Place, other: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(AlreadyRunning) as refused:
        DaemonLock(here).acquire()
    assert str(refused.value) == (f"a wfd daemon (pid {other.pid}) already serves {here.state_dir}")
    assert holder(here) == other.pid


def test_killing_the_holder_frees_the_lock_though_its_child_lives_on(
    here: Place, other: "subprocess.Popen[str]"
) -> None:
    other.kill()
    other.wait()
    assert holder(here) is None
    lock = DaemonLock(here)
    lock.acquire()
    assert holder(here) == os.getpid()
    lock.release()


def test_a_released_lock_has_no_holder_and_can_be_taken_again(here: Place) -> None:
    assert holder(here) is None
    for _ in range(2):
        lock = DaemonLock(here)
        lock.acquire()
        assert holder(here) == os.getpid()
        lock.release()
        lock.release()
        assert holder(here) is None
    assert here.lock_path.stat().st_mode & 0o777 == 0o600


def test_a_lock_that_is_held_for_a_moment_is_waited_for(here: Place) -> None:
    here.lock_path.touch()
    fd = os.open(here.lock_path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)  # as a probe holds it
    assert holder(here) is None
    with pytest.raises(AlreadyRunning, match="pid unknown"):
        DaemonLock(here).acquire(wait_s=0, wait_for_command_s=0)
    threading.Timer(0.05, os.close, [fd]).start()
    lock = DaemonLock(here)
    lock.acquire(wait_s=10)
    lock.release()


def test_probing_disturbs_neither_the_holder_nor_other_probes(here: Place) -> None:
    lock = DaemonLock(here)
    lock.acquire()
    assert [holder(here) for _ in range(5)] == [os.getpid()] * 5
    with pytest.raises(AlreadyRunning):
        DaemonLock(here).acquire(wait_s=0)
    lock.release()


def test_a_daemon_waits_for_a_command_that_writes_and_does_not_take_it_for_a_daemon(
    here: Place,
) -> None:
    writing = DaemonLock(here, of_command=True)
    writing.acquire()
    assert holder(here) is None
    with pytest.raises(AlreadyRunning, match=rf"command \(pid {os.getpid()}\) writes to"):
        DaemonLock(here).acquire(wait_s=0, wait_for_command_s=0.05)
    threading.Timer(0.2, writing.release).start()
    lock = DaemonLock(here)
    lock.acquire(wait_s=0)
    assert holder(here) == os.getpid()
    lock.release()
