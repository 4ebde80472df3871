"""Starting the daemon in the background, asking it, and waiting until it is gone."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters import client
from wfd.adapters.lock import holder
from wfd.adapters.place import Place
from wfd.domain.errors import AlreadyRunning, Broken, NotRunning, TryLater, WfdError

START_DEADLINE_S = 30.0
_PAUSE_S = 0.05


@dataclass(frozen=True)
class Started:
    pid: int
    log: Path
    refusal: str | None  # why it will start no agent


def start_detached(
    place: Place, config_file: Path | None, jobs: int | None, log_file: Path | None
) -> Started:
    """Start a daemon of its own session and return once it answers.

    Raises AlreadyRunning with the pid of the one that runs, and Broken with what a daemon
    that did not come up has said.
    """
    pid = holder(place)
    if pid is not None:
        raise AlreadyRunning(f"wfd runs already (pid {pid or 'unknown'}); see: wfd status")
    log = log_file or place.log_path
    with log.open("ab") as out:
        said_from = out.tell()
        child = subprocess.Popen(
            _argv(config_file, jobs, log_file),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=place.state_dir,
        )
    answer = _wait_for_answer(place, child, log, said_from)
    refusal = answer["refusal"]
    return Started(child.pid, log, None if refusal is None else str(refusal))


def ask(place: Place, command: str, **values: object) -> dict[str, object]:
    """The daemon's answer. Raises NotRunning, TryLater, or what the command raised."""
    answer = client.call(place.socket_path, command, values)
    if not isinstance(answer, dict):
        raise WfdError(f"the daemon gave an unexpected answer to {command}: {answer!r}")
    return answer


def stop_daemon(
    place: Place, *, at_once: bool, timeout_s: float, tell: Callable[[int], None]
) -> int:
    """Have it stop, wait until it has let go of the store, and return what its pid was.

    Calls `tell` with the number of running jobs whenever that changes. Raises NotRunning, and
    TryLater when it is still there after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    pid = holder(place)
    ask(place, "daemon.stop", now=at_once)
    told: int | None = None
    while holder(place) is not None:
        running = _running(place)
        if running and running != told:
            told = running
            tell(running)
        if time.monotonic() > deadline:
            hint = "" if at_once else "; 'wfd stop --now' interrupts running work"
            raise TryLater(f"wfd (pid {pid}) is still stopping after {timeout_s:g} s{hint}")
        time.sleep(_PAUSE_S)
    return pid or 0


def _argv(config_file: Path | None, jobs: int | None, log_file: Path | None) -> list[str]:
    # -P keeps the folder that a person stands in, perhaps a hostile one, off the module path.
    argv = [sys.executable, "-P", "-m", "wfd.cli", "start", "--quiet"]
    if config_file is not None:
        argv += ["--config", str(config_file)]
    if jobs is not None:
        argv += ["--jobs", str(jobs)]
    if log_file is not None:
        argv += ["--log-file", str(log_file)]
    return argv


def _wait_for_answer(
    place: Place, child: subprocess.Popen[bytes], log: Path, said_from: int
) -> dict[str, object]:
    """What it says of itself."""
    deadline = time.monotonic() + START_DEADLINE_S
    while child.poll() is None:
        try:
            answer = ask(place, "daemon.status")
            if answer["pid"] == child.pid:
                return answer
        except (NotRunning, TryLater):
            pass
        if time.monotonic() > deadline:
            child.terminate()
            raise Broken(f"wfd did not answer in {START_DEADLINE_S:g} s; its log is {log}")
        time.sleep(_PAUSE_S)
    raise _as_it_said(log, said_from, child.returncode)


def _as_it_said(log: Path, said_from: int, code: int) -> WfdError:
    """The child's own sentence, with its exit code."""
    with log.open("rb") as file:
        file.seek(said_from)
        lines = file.read().decode("utf-8", "replace").strip().split("\n")
    plain = [line.removeprefix("wfd: ") for line in lines if not line.startswith("{")]
    error = Broken(plain[-1] if plain and plain[-1] else f"wfd ended at once; its log is {log}")
    error.exit_code = code if code > 0 else 1
    return error


def _running(place: Place) -> int | None:
    try:
        running = ask(place, "daemon.status")["running"]
    except (NotRunning, TryLater):
        return None
    return len(running) if isinstance(running, list) else None
