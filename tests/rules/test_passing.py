import errno
import os

import pytest

from wfd.domain.errors import Broken
from wfd.rules.passing import is_for_want_of_room, passes


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE])
def test_a_lack_of_processes_memory_and_files_passes_and_is_not_waited_for_long(
    number: int,
) -> None:
    words = os.strerror(number)
    for error in (OSError(number, words), Broken(f"git commit failed (exit 128): fatal: {words}")):
        assert passes(error)
        assert not is_for_want_of_room(error)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_without_room_passes_and_is_waited_for(number: int) -> None:
    words = os.strerror(number)
    for error in (OSError(number, words), Broken(f"git commit failed (exit 128): fatal: {words}")):
        assert passes(error)
        assert is_for_want_of_room(error)


@pytest.mark.parametrize(
    ("words", "is_so"),
    [
        ("fatal: Unable to create '/r/.git/packed-refs.lock': File exists.", True),
        ("git gc failed in /r (killed by signal 9): it said nothing", True),
        ("cannot lock ref 'refs/heads/wfd/A1': 'refs/heads/wfd/A1/x' exists", False),
        ("error: Permission denied", False),
    ],
)
def test_the_lock_of_another_git_passes_and_a_branch_in_the_way_does_not(
    words: str, is_so: bool
) -> None:
    assert passes(Broken(words)) is is_so


def test_a_permission_does_not_come_by_itself() -> None:
    assert not passes(OSError(errno.EACCES, os.strerror(errno.EACCES)))
    assert not passes(RuntimeError("nobody foresaw this"))
