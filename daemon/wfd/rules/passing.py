"""Faults that pass by themselves: of the machine, and not of what was to be done."""

import errno
import os
import re

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # of a disk; somebody has to make room
SHORT = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)  # of processes, memory, files

# as a program says it that failed: a git, also one whose last byte of an index found no room
_FULL_WORDS = (*(os.strerror(number) for number in FULL), "Out of diskspace")
_SHORT_WORDS = (
    *(os.strerror(number) for number in SHORT),
    "Out of memory",
    "out of memory",
    "(killed by signal 9)",  # as a machine without memory does it
)
# another git is at work; the lock of one that was killed stays, so this is not waited for long
_LOCKED = re.compile(r"Unable to create '[^'\n]+\.lock': File exists")


def is_for_want_of_room(error: BaseException) -> bool:
    """Whether a disk has no room, or cannot be written now."""
    if isinstance(error, OSError):
        return error.errno in FULL
    return any(words in str(error) for words in _FULL_WORDS)


def passes(error: BaseException) -> bool:
    """Whether the same may go well in a while, though nobody has changed anything of it."""
    if isinstance(error, OSError) and error.errno in SHORT:
        return True
    return is_for_want_of_room(error) or is_short(str(error))


def is_short(words: str) -> bool:
    """Whether a program that says so failed for want of what comes back."""
    return _LOCKED.search(words) is not None or any(one in words for one in _SHORT_WORDS)
