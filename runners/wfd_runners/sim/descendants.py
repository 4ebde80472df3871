"""Processes that outlive the agent, each in one of the ways that real tools have."""

import os
import signal
import time


def spawn(kind: str, seconds: float) -> int:
    """Leave a process behind that sleeps so long, and return its pid.

    It is a fork, so it has the agent's own arguments and environment; but `hidden` is a `sleep`
    without any environment, in a session of its own and without its parent, that heeds no TERM.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _live(kind, seconds, write_end)
    os.close(write_end)
    if kind in ("double_fork", "hidden"):
        os.waitpid(pid, 0)
    told = os.read(read_end, 32)
    os.close(read_end)
    return int(told)


def _live(kind: str, seconds: float, write_end: int) -> None:
    is_deaf = kind in ("ignore_term", "hidden")
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if is_deaf else signal.SIG_DFL)
        if kind in ("setsid", "double_fork", "hidden"):
            os.setsid()
        if kind in ("double_fork", "hidden") and os.fork():
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.write(write_end, str(os.getpid()).encode())
        os.close(write_end)
        if kind == "hidden":
            os.execvpe("sleep", ["sleep", str(seconds)], {})
        time.sleep(seconds)
    finally:
        os._exit(0)
