"""The prompt templates as they lie on disk, parsed again only when one of them has changed."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.assets import shipped, user_dir
from wfd.domain.errors import Broken
from wfd.domain.template import Template
from wfd.rules.prompt import parse_template

Templates = Mapping[str, Template | Broken]  # by job type; a broken one is its own error
_Look = tuple[int, ...] | None


@dataclass(frozen=True)
class _Seen:
    looks: Mapping[str, _Look]  # of each folder and each template, by path
    parsed: Mapping[str, Template | Broken]  # by path
    templates: Templates


class TemplateFiles:
    """Those that ship, and those that a user has dropped beside; a user's own wins."""

    def __init__(self) -> None:
        homes = (shipped("templates"), user_dir() / "templates")
        self._folders = [str(home / "prompts") for home in homes]
        self._seen = _Seen({}, {}, {})  # replaced whole: two threads ask

    def now(self) -> Templates:
        """Every template as it is now: the same object as before while none has changed."""
        seen = self._seen
        if not seen.looks or any(_look(path) != look for path, look in seen.looks.items()):
            self._seen = seen = self._read(seen)
        return seen.templates

    def _read(self, before: _Seen) -> _Seen:
        # the folders first: what is added after that changes them again
        looks = {folder: _look(folder) for folder in self._folders}
        files = {path: _look(path) for folder in self._folders for path in _templates_in(folder)}
        parsed = {
            path: before.parsed[path] if look == before.looks.get(path) else _parse(Path(path))
            for path, look in files.items()
            if look is not None  # it leads nowhere, or went just now
        }
        templates = {Path(path).stem: template for path, template in parsed.items()}
        return _Seen(looks | files, parsed, templates)


def _look(path: str) -> _Look:
    """What a file or a folder looks like from outside; None if it is not there.

    A write moves the time of change, which nobody can set back, unlike that of modification. In
    a folder it is moved by what comes, goes, and is renamed.
    """
    try:
        seen = os.stat(path)  # noqa: PTH116 - a Path costs more than the call, for each command
    except OSError:
        return None
    return seen.st_ctime_ns, seen.st_mtime_ns, seen.st_size, seen.st_ino


def _templates_in(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []
    return [f"{folder}/{name}" for name in names if name.endswith(".md")]


def _parse(file: Path) -> Template | Broken:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        return parse_template(file.stem, str(file), text)
    except OSError as error:
        return Broken(f"{file} cannot be read: {error.strerror}")
    except Broken as error:
        return error
