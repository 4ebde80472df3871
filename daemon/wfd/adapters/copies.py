"""Untracked files of the user's checkout that a workspace needs too, such as an `.env`."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from wfd.adapters.git import in_checkout
from wfd.domain.errors import Broken

_SPECIAL = re.compile(rb"([\\*?\[\]! #])")


async def untracked(checkout: Path, globs: Sequence[str]) -> list[str]:
    """The untracked files that the globs match, as paths from the checkout, sorted.

    A folder stands for all files in it. Raises Broken for what leads out of the checkout.
    """
    said = await in_checkout(checkout).run("ls-files", "-z", "--cached")
    tracked = {os.fsdecode(name) for name in said.names}
    found: set[str] = set()
    for pattern in globs:
        found.update(_matches(checkout, pattern))
    return sorted(found - tracked)


def copy(checkout: Path, workspace: Path, names: Iterable[str]) -> None:
    """Copy files with their modes and times, links as links. Raises Broken if one has no way."""
    inside = workspace.resolve()
    for name in names:
        target = inside / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.parent.resolve().is_relative_to(inside):
                raise Broken(f"{name} would leave the workspace by a link; take it out of the list")
            if target.is_symlink():
                target.unlink()
            shutil.copy2(checkout / name, target, follow_symlinks=False)
        except OSError as error:
            raise Broken(f"cannot copy {name} into the workspace: {error}") from error


def ignore(exclude: Path, names: Iterable[str]) -> None:
    """Add the files to a list of ignore rules, each by its exact path."""
    present = exclude.read_bytes() if exclude.exists() else b""
    known = set(present.split(b"\n"))
    rules = [rule for name in names if (rule := _rule(name)) not in known]
    exclude.write_bytes(b"\n".join([present.rstrip(b"\n"), *rules, b""]))


def _matches(checkout: Path, pattern: str) -> Iterator[str]:
    path = PurePosixPath(pattern)
    if not pattern or path.is_absolute() or ".." in path.parts or ".git" in path.parts:
        raise Broken(f"workspace.copy: '{pattern}' leads out of the checkout; name a path in it")
    inside = checkout.resolve()
    for match in checkout.glob(pattern):
        name = match.relative_to(checkout)
        # A link deeper in a folder is copied as a link, as those of a virtual environment.
        if not match.resolve().is_relative_to(inside):
            raise Broken(f"workspace.copy: '{name}' is a link out of the checkout; copy it there")
        names = (str(file.relative_to(checkout)) for file in _files(match))
        yield from (name for name in names if ".git" not in PurePosixPath(name).parts)


def _files(match: Path) -> Iterator[Path]:
    if match.is_symlink() or match.is_file():
        yield match
    elif match.is_dir():
        for folder, folders, files in os.walk(match):
            links = (name for name in folders if Path(folder, name).is_symlink())
            yield from (Path(folder, name) for name in (*files, *links))


def _rule(name: str) -> bytes:
    # no rule has a line end in it; this one also fits names with another character there
    return b"/" + re.sub(rb"[\r\n]", b"?", _SPECIAL.sub(rb"\\\1", os.fsencode(name)))
