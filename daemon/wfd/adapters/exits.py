"""How this process learns of its children's exits."""

import asyncio
import os
import sys


def watch_without_threads() -> None:
    """Have asyncio wait on a handle of each child, and not in a thread of its own for each.

    To be called before the loop is made. From Python 3.12 on asyncio does so by itself.
    """
    if sys.version_info < (3, 12) and _has_handles():
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())


def _has_handles() -> bool:
    """Linux 5.3 and later; a sandbox may forbid it."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True
