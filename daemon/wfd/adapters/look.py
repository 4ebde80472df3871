"""How the user's own git shows files: what it converts at a check-out, as far as plain values tell.

It is written down when a workspace is made, and holds for as long as that is there: files that
were checked out one way are not read another way.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wfd.adapters import plain_files
from wfd.adapters.filters import definitions
from wfd.adapters.users_repository import beginning

_VALUES = ("core.autocrlf", "core.eol")
_OFF = ("core.filemode", "core.symlinks")  # what the disk can do, unless a person says no


@dataclass(frozen=True)
class Look:
    settings: Mapping[str, str] = field(default_factory=dict)
    attributes: Path | None = None  # a copy of the user's own, beside those of the repository
    filters: frozenset[str] = frozenset()  # those that the user's configuration defined

    @property
    def config(self) -> dict[str, str]:
        """As a git is configured that shows files so."""
        files = {} if self.attributes is None else {"core.attributesFile": str(self.attributes)}
        return {**self.settings, **files}

    @property
    def options(self) -> tuple[str, ...]:
        """The same as git takes it after -c."""
        return tuple(f"{key}={value}" for key, value in self.config.items())

    @property
    def converts_all(self) -> bool:
        """Files without any attribute are converted, too."""
        return self.settings.get("core.autocrlf", "false") != "false"

    @property
    def alters_all(self) -> bool:
        """A checkout may make CRLF of any line end."""
        ends = self.settings.get("core.autocrlf"), self.settings.get("core.eol")
        return ends[0] == "true" or ends[1] == "crlf"


def write(beside: Path, config: Mapping[str, str]) -> None:
    """Keep what a user's configuration says, in `beside` and next to it."""
    settings = {key: config[key].lower() for key in _VALUES if key in config}
    settings |= {key: "false" for key in _OFF if _is_no(config.get(key))}
    own = beginning(Path("/etc/gitattributes")) + b"\n" + beginning(_users_attributes(config))
    if own.strip():
        _copy(beside).write_bytes(own)
    if settings.get("core.autocrlf") not in (None, "input"):
        settings["core.autocrlf"] = "false" if _is_no(settings["core.autocrlf"]) else "true"
    fresh = beside.with_suffix(".look-new")
    told = {"settings": settings, "filters": sorted(definitions(config))}
    fresh.write_text(json.dumps(told), encoding="ascii")
    fresh.rename(beside)  # last: it says that all is there


def read(beside: Path) -> Look:
    """What was kept there; a workspace of an earlier version has none, and shows blobs."""
    try:
        told = json.loads(beside.read_bytes())
    except (OSError, ValueError):
        return Look()
    copy = _copy(beside)
    return Look(told["settings"], copy if copy.exists() else None, frozenset(told["filters"]))


def share_attributes(users_git_dir: Path, git_dir: Path) -> None:
    """Let a repository have the attributes that the user's one keeps beside its files."""
    wanted = beginning(users_git_dir / "info" / "attributes")
    if wanted and not plain_files.holds(git_dir, "info/attributes", wanted):
        plain_files.write(git_dir, "info/attributes", wanted)
    elif not wanted:
        plain_files.drop(git_dir, "info/attributes")


def _users_attributes(config: Mapping[str, str]) -> Path:
    named = config.get("core.attributesfile")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home, "git", "attributes")


def _copy(beside: Path) -> Path:
    return beside.with_suffix(".attributes")


def _is_no(value: str | None) -> bool:
    return value is not None and value.lower() in ("false", "no", "off", "0", "")
