"""The prompt templates as they lie on disk, parsed again only when one of them has changed."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.assets import shipped, user_dir
from wfd.domain.errors import Broken
from wfd.domain.template import Template
from wfd.rules.prompt import parse_template

Templates = Mapping[str, Template | Broken]  # by job type; a broken one is its own error
_Look = tuple[int, ...]


@dataclass(frozen=True)
class _Seen:
    looks: Mapping[str, _Look]  # by path
    parsed: Mapping[str, Template | Broken]  # by path
    templates: Templates


class TemplateFiles:
    """Those that ship, and those that a user has dropped beside; a user's own wins."""

    def __init__(self) -> None:
        homes = (shipped("templates"), user_dir() / "templates")
        self._folders = [home / "prompts" for home in homes]
        self._seen = _Seen({}, {}, {})  # replaced whole: two threads ask

    def now(self) -> Templates:
        """Every template as it is now: the same object as before while none has changed."""
        looks = {path: look for folder in self._folders for path, look in _files(folder)}
        seen = self._seen
        if looks != seen.looks:
            parsed = {
                path: seen.parsed[path] if look == seen.looks.get(path) else _parse(Path(path))
                for path, look in looks.items()
            }
            templates = {Path(path).stem: template for path, template in parsed.items()}
            self._seen = seen = _Seen(looks, parsed, templates)
        return seen.templates


def _files(folder: Path) -> Iterator[tuple[str, _Look]]:
    """Each template of a folder, and how its file looks.

    A write moves the time of change, which nobody can set back, unlike that of modification.
    """
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.name.endswith(".md"):
            try:
                seen = entry.stat()
            except OSError:  # it leads nowhere, or went just now
                continue
            yield entry.path, (seen.st_ctime_ns, seen.st_mtime_ns, seen.st_size, seen.st_ino)


def _parse(file: Path) -> Template | Broken:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        return parse_template(file.stem, str(file), text)
    except OSError as error:
        return Broken(f"{file} cannot be read: {error.strerror}")
    except Broken as error:
        return error
