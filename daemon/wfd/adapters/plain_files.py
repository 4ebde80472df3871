"""Files in a folder that somebody hostile may have written: no link in it is ever followed."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not block
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read(root: Path, name: str, max_bytes: int) -> bytes:
    """A regular file beneath `root`. Raises OSError for anything else, or when it is larger."""
    path = PurePosixPath(name)
    with _folder(root, path.parts[:-1]) as folder:
        file = os.open(path.name, _READ, dir_fd=folder)
        with os.fdopen(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(f"{name} is not a regular file")
            data = opened.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(f"{name} is larger than {max_bytes} bytes")
    return data


def holds(root: Path, name: str, data: bytes) -> bool:
    """Whether a regular file beneath `root` is just this."""
    try:
        return read(root, name, len(data)) == data
    except OSError:
        return False


def write(root: Path, name: str, data: bytes) -> None:
    """Put a file beneath `root`, whole, over whatever file or link had its name."""
    path = PurePosixPath(name)
    fresh = f"{path.name}.wfd-new"
    with _folder(root, path.parts[:-1], make=True) as folder:
        with suppress(FileNotFoundError):
            os.unlink(fresh, dir_fd=folder)
        with os.fdopen(os.open(fresh, _CREATE, 0o644, dir_fd=folder), "wb") as opened:
            opened.write(data)
        os.rename(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)


def files(root: Path, name: str, most: int) -> list[str]:
    """The regular files beneath the folder `name` of `root`, as paths from `root`, sorted.

    Nothing where it is not there. Raises OSError when there are more than `most`, or one folder
    cannot be read.
    """
    found: list[str] = []

    def fail(error: OSError) -> None:
        raise error

    try:
        with _folder(root, PurePosixPath(name).parts) as folder:
            for path, _, names, held in os.fwalk(".", dir_fd=folder, onerror=fail):
                within = PurePosixPath(name, path)
                found += [
                    str(within / one)
                    for one in names
                    if stat.S_ISREG(os.lstat(one, dir_fd=held).st_mode)
                ]
                if len(found) > most:
                    raise OSError(f"{name} holds more than {most} files")
    except FileNotFoundError:
        return []
    return sorted(found)


def drop(root: Path, name: str) -> None:
    """Remove a file, a link or a folder beneath `root`, if it is there."""
    path = PurePosixPath(name)
    with suppress(FileNotFoundError), _folder(root, path.parts[:-1]) as folder:
        if stat.S_ISDIR(os.lstat(path.name, dir_fd=folder).st_mode):
            shutil.rmtree(path.name, dir_fd=folder)
        else:
            os.unlink(path.name, dir_fd=folder)


def is_folder(path: Path) -> bool:
    """A real folder: a link to one is not."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def is_folder_within(root: Path, name: str) -> bool:
    """A real folder beneath `root`, with no link on the way. Raises PermissionError."""
    try:
        with _folder(root, PurePosixPath(name).parts):
            return True
    except PermissionError:
        raise
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Something has this name, be it a link to nowhere."""
    return os.path.lexists(path)


def remove_tree(path: Path) -> None:
    """Remove whatever is there, read-only folders included. Raises OSError if it stays."""
    if not is_there(path):
        return
    if not is_folder(path):
        path.unlink()
        return
    try:
        shutil.rmtree(path)
    except OSError:
        open_folders(path)
        shutil.rmtree(path)


def open_folders(root: Path) -> None:
    """Let the owner read, write and enter every folder from `root` down."""
    open_folder(root)
    for folder, names, _ in os.walk(root):
        for name in names:
            open_folder(Path(folder, name))


def open_folder(folder: Path) -> None:
    """Let the owner read, write and enter it; a link to one is left alone."""
    mode = folder.lstat().st_mode
    if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
        folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


@contextmanager
def _folder(root: Path, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
    held = os.open(root, _FOLDER)
    try:
        for part in parts:
            if part in ("..", "/"):
                raise OSError(f"{part} leads out of {root}")
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=held)
            deeper = os.open(part, _FOLDER, dir_fd=held)
            os.close(held)
            held = deeper
        yield held
    finally:
        os.close(held)
