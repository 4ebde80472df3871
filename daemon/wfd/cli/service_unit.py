"""The units that keep a daemon running: for systemd a template, for launchd a property list."""

import os
import plistlib
import pwd
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wfd.adapters.assets import shipped, user_dir
from wfd.adapters.place import Place
from wfd.config import Config

LABEL = "wfd.daemon"
SYSTEM_FOLDER = Path("/etc/systemd/system")
# A service has another environment than the shell that it is installed from: these must agree.
CARRIED = ("WFD_STATE_DIR", "WFD_CONFIG_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME")
_MARGIN_S = 90  # beyond drain and grace: snapshots, and what else follows the end of an agent


class Kind(StrEnum):
    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


@dataclass(frozen=True)
class Unit:
    kind: Kind
    is_system: bool
    path: Path
    text: str
    environment_file: Path
    stop_s: int

    @property
    def manager(self) -> list[str]:
        return ["systemctl"] if self.is_system else ["systemctl", "--user"]


def unit(kind: Kind, where: Place, config: Config, *, is_system: bool) -> Unit:
    stop_s = (config.drain_ms + config.grace_ms) // 1000 + _MARGIN_S
    keys = (user_dir() / "environment").absolute()
    if kind is Kind.LAUNCHD:
        path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        text = _property_list(where, keys, stop_s)
    else:
        path = (SYSTEM_FOLDER if is_system else _user_folder()) / "wfd.service"
        text = _systemd(keys, stop_s, _user_name() if is_system else None)
    return Unit(kind, is_system, path, text, keys, stop_s)


def _systemd(keys: Path, stop_s: int, user: str | None) -> str:
    from jinja2 import Environment, StrictUndefined

    jinja = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    jinja.filters |= {"word": _word, "path": _path}
    template = (shipped("templates") / "service" / "wfd.service").read_text(encoding="utf-8")
    return jinja.from_string(template).render(
        python=sys.executable,
        variables=_variables(os.environ),
        environment_file=str(keys),
        stop_s=stop_s,
        user=user,
    )


def _property_list(where: Place, keys: Path, stop_s: int) -> str:
    log = str(where.state_dir / "launchd.log")
    file = shlex.quote(str(keys))
    # launchd has no file of variables, so a shell reads it and then becomes the daemon
    start = (
        f"set -a; test ! -r {file} || . {file}; set +a;"
        f" exec {shlex.quote(sys.executable)} -P -m wfd.cli start --quiet"
    )
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": ["/bin/sh", "-c", start],
            "EnvironmentVariables": _variables(os.environ),
            "WorkingDirectory": str(Path.home()),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 30,
            "ExitTimeOut": stop_s,
            "StandardOutPath": log,
            "StandardErrorPath": log,
        }
    ).decode()


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Where things lie, and the PATH on which agents are found."""
    carried = {name: os.path.abspath(environ[name]) for name in CARRIED if environ.get(name)}  # noqa: PTH100
    folders = [one for one in environ.get("PATH", "").split(":") if one.startswith("/")]
    return {"PATH": ":".join(dict.fromkeys(folders)) or os.defpath, **carried}


def _word(text: str) -> str:
    """One word of systemd's, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.replace("%", "%%")


def _path(text: str) -> str:
    """A path that is all of a setting's value: no quotes there."""
    return text.replace("%", "%%")


def _user_folder() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "systemd" / "user"


def _user_name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
