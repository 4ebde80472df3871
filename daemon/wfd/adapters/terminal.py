"""The terminal that a process was started in."""

import os
import signal

_STANDARD = (0, 1, 2)


def ends_with_terminal() -> bool:
    """Whether SIGHUP means that the terminal of this process has closed.

    It does for one that was started in the foreground of a terminal. One in the background
    (`--detach`, a service) has none, and for one under nohup the signal was ignored from the
    start: there SIGHUP can only be a person's, or a service manager's.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    return any(map(_is_terminal, _STANDARD))


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:  # it was closed by whoever started us
        return False
