"""wfd install-service and uninstall-service: the unit is written, the rest is said.

systemctl is called only where it can be reached; launchctl never is.
"""

import os
import platform
import shlex
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from wfd.adapters.assets import user_dir
from wfd.adapters.lock import holder
from wfd.adapters.place import Place, place
from wfd.cli.service_unit import LABEL, Kind, Unit, unit
from wfd.domain.errors import BadInput, NotAllowed, NotFound
from wfd.layers import layers, load

_QUICK_S = 20.0


def kind_here() -> Kind:
    return Kind.LAUNCHD if platform.system() == "Darwin" else Kind.SYSTEMD


def unit_here(where: Place, *, system: bool, kind: str | None) -> Unit:
    """The unit for this machine. Raises BadConfig for what a daemon would not start with."""
    chosen = kind_here() if kind is None else Kind(kind)
    if system and chosen is Kind.LAUNCHD:
        raise BadInput("--system is for systemd; launchd runs wfd as an agent of your login")
    if system and os.getuid() == 0 and os.environ.get("SUDO_USER"):
        raise NotAllowed(
            "this is root's environment, and the daemon would serve root; as yourself, run:"
            " wfd install-service --system --print | sudo tee /etc/systemd/system/wfd.service"
        )
    config = load(layers(user_dir() / "config.json", None, {}))
    return unit(chosen, where, config, is_system=system)


def install(made: Unit) -> str:
    """Write it, and return what was done and what is to be typed now."""
    if made.kind is not kind_here():
        raise BadInput(f"there is no {made.kind} on this machine; --print shows its unit")
    _write(made.path, made.text)
    is_new = _make_private_file(made.environment_file)
    told = [f"wrote {made.path}", _of_environment(made.environment_file, is_new=is_new)]
    told += _loaded(made)
    pid = holder(place())
    if pid is not None:
        told.append(f"a daemon runs already (pid {pid}), and only one can: wfd stop")
    told.append("now type:")
    return "\n".join([*told, *(f"  {line}" for line in _next(made))])


def uninstall(made: Unit) -> str:
    """Stop it where that can be done, remove it, and return what was done."""
    if not made.path.exists():
        raise NotFound(f"there is no {made.path}")
    told = list(_stopped(made))
    for link in made.path.parent.glob("*.wants/wfd.service"):
        link.unlink()
    made.path.unlink()
    told.append(f"removed {made.path}")
    if made.kind is Kind.SYSTEMD:
        told += _loaded(made)
    kept = f"{made.environment_file}, the configuration and the state stay as they are"
    return "\n".join([*told, kept])


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        new.write_text(text, encoding="utf-8")
        new.chmod(0o644)
        new.replace(path)
    except PermissionError:
        raise NotAllowed(
            f"{path} can be written by root alone; run:"
            f" wfd install-service --system --print | sudo tee {shlex.quote(str(path))}"
        ) from None


def _make_private_file(path: Path) -> bool:
    """Whether it had to be made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return False
    return True


def _of_environment(file: Path, *, is_new: bool) -> str:
    if is_new:
        return f"made {file} (0600, empty): keys for agents and notifications, NAME=value each"
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return f"others may read {file}, where keys belong; run: chmod 600 {file}"
    return f"keys for agents and notifications come from {file}"


def _loaded(made: Unit) -> Iterator[str]:
    """What became of the manager's own look at its units."""
    if made.kind is Kind.LAUNCHD:
        return
    command = [*made.manager, "daemon-reload"]
    failed = _call(command, _QUICK_S)
    if failed is None:
        yield f"ran {shlex.join(command)}"
    else:
        yield f"could not run {shlex.join(command)} here ({failed}); do it where systemd runs"


def _stopped(made: Unit) -> Iterator[str]:
    if made.kind is Kind.LAUNCHD:
        yield f"if it is loaded, type: launchctl bootout gui/{os.getuid()}/{LABEL}"
        return
    command = [*made.manager, "disable", "--now", made.path.name]
    failed = _call(command, made.stop_s + _QUICK_S)
    if failed is None:
        yield f"ran {shlex.join(command)}"
    else:
        yield f"could not run {shlex.join(command)} here ({failed}); if it runs: wfd stop"


def _call(command: list[str], timeout_s: float) -> str | None:
    """Why it failed, in a few words; None if it did not."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        return f"there is no {command[0]}"
    except subprocess.TimeoutExpired:
        return f"no answer in {timeout_s:g} s"
    if done.returncode == 0:
        return None
    return done.stderr.strip().partition("\n")[0] or f"exit code {done.returncode}"


def _next(made: Unit) -> Iterator[str]:
    if made.kind is Kind.LAUNCHD:
        yield f"launchctl bootstrap gui/{os.getuid()} {shlex.quote(str(made.path))}"
        return
    sudo = "sudo " if made.is_system and os.getuid() else ""
    manager = " ".join(made.manager)
    yield f"{sudo}{manager} daemon-reload"
    yield f"{sudo}{manager} enable --now wfd"
    if not made.is_system:
        yield "loginctl enable-linger    # so that it runs while you are not logged in"
    yield f"{manager} status wfd"
