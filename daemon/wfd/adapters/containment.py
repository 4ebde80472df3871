"""What keeps the processes of a run together: a PID namespace where the machine can, and how.

A namespace ends with its first process, and the kernel kills whatever is in it then: no session,
no lost parent and no cleared environment leads out. Its first process ends with the wrapper
around it, and the wrapper with this process. Without one, trees are found by their marks.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal, assert_never

import anyio

from wfd.adapters import proc

Wanted = Literal["auto", "required", "off"]

PROBE_S = 5.0
_SIGNALLED = 128  # a wrapper exits with this and the signal's number
# Of a signal that ends programs. Numbers above are no signals as a rule: Gemini CLI exits with
# the last byte of an HTTP status, 145 for a 401.
_ENDING = range(signal.SIGHUP, signal.SIGTERM + 1)
_FIRST, _AGENT = 1, 2  # pids in a namespace: its init, and what that has started

# As the first process an agent would not heed a TERM that it has no handler for, and would leave
# its orphans unburied. A shell with one command takes its place: hence the two.
_INIT = ("/bin/sh", "-c", '"$@"; exit "$?"', "wfd")

# Its own pid, as the shell and as /proc has it
_PROBE = ("/bin/sh", "-c", 'read -r pid _ < /proc/self/stat; echo "$$ $pid"; exit 7')
_PROBE_SAYS = (7, b"2 2\n")


class Level(StrEnum):
    BWRAP = "bwrap"
    UNSHARE = "unshare"
    SUBREAPER = "subreaper"  # no namespace: marks, descent, sessions and adoption
    GROUP = "group"  # nor /proc: process groups alone

    @property
    def words(self) -> str:
        match self:
            case Level.BWRAP | Level.UNSHARE:
                return f"a PID namespace for each run ({self})"
            case Level.SUBREAPER:
                return "no namespace; subreaper + environment scan"
            case Level.GROUP:
                return "no namespace; process groups"
            case _:
                assert_never(self)


@dataclass(frozen=True)
class Missed:
    """A level that this machine does not have."""

    level: Level
    why: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.level}: {self.why}"


@dataclass(frozen=True)
class Containment:
    """How commands are started, and what their wrappers make of signals and exit codes."""

    level: Level
    prefix: tuple[str, ...] = ()  # of each command line: the wrapper's own
    missed: tuple[Missed, ...] = ()  # the better levels
    is_required: bool = False

    @property
    def refusal(self) -> str | None:
        """Why nothing is started: what the configuration requires is not to be had."""
        if not self.is_required or self.prefix:
            return None
        whys = "; ".join(map(str, self.missed))
        return f"containment is required, and this machine has no PID namespaces ({whys})"

    @property
    def way_out(self) -> str:
        return ", or ".join(dict.fromkeys(missed.way_out for missed in self.missed))

    def wrapped(self, argv: Sequence[str]) -> tuple[str, ...]:
        return (*self.prefix, *argv)

    def exit_code(self, code: int) -> int:
        """That of the agent itself, negative for a signal.

        Which of the two it was is lost on the way: an agent that exits with 143 by itself is
        taken for one that a TERM has ended, which is what it wants to say.
        """
        if self.prefix and code - _SIGNALLED in _ENDING:
            return _SIGNALLED - code
        return code

    def agent_of(self, pid: int) -> int | None:
        """The agent's own pid by that of its wrapper; None while it is not there, or no more."""
        if not self.prefix:
            return pid
        for first in _inside(pid, _FIRST):
            for agent in _inside(first, _AGENT):
                return agent
        return None


UNCONTAINED = Containment(Level.SUBREAPER if proc.is_there() else Level.GROUP)


async def choose(wanted: Wanted) -> Containment:
    """The best level of those that a real run shows to work here. Takes seconds at the most."""
    if wanted == "off":
        return UNCONTAINED
    missed: list[Missed] = []
    for level in (Level.BWRAP, Level.UNSHARE):
        found = await tried(level)
        if isinstance(found, Containment):
            return replace(found, missed=tuple(missed))
        missed.append(found)
    return replace(UNCONTAINED, missed=tuple(missed), is_required=wanted == "required")


async def tried(level: Level) -> Containment | Missed:
    """A level with namespaces, or why it is not to be had."""
    if not sys.platform.startswith("linux"):
        return Missed(level, "only Linux has PID namespaces", "run wfd in a Linux machine")
    package, tools = _NEEDS[level]
    found = {tool: shutil.which(tool) for tool in tools}
    paths = {tool: path for tool, path in found.items() if path is not None}
    if lacking := [tool for tool in tools if tool not in paths]:
        return Missed(level, f"no '{lacking[0]}' on PATH", f"install {package}")
    contained = Containment(level, prefix_of(level, paths, is_root=os.geteuid() == 0))
    why = await _probed(contained)
    return contained if why is None else Missed(level, why, _barrier())


def prefix_of(level: Level, paths: Mapping[str, str], *, is_root: bool) -> tuple[str, ...]:
    """The command line up to that of the agent.

    All files are as outside; only /proc is the namespace's own. Whose user is not root gets a
    user namespace too, in which it is the same user: an agent that believed to be root would
    refuse to work.
    """
    if level is Level.BWRAP:
        files = ("--dev-bind", "/", "/", "--proc", "/proc")
        return (paths["bwrap"], "--unshare-pid", "--die-with-parent", *files, "--")
    user = () if is_root else ("--user", "--map-current-user")
    return (
        *(paths["setpriv"], "--pdeathsig", "KILL"),
        *(paths["unshare"], *user, "--pid", "--fork", "--kill-child=KILL"),
        *("--mount-proc", "--propagation", "slave", "--"),
        *_INIT,
    )


_NEEDS = {
    Level.BWRAP: ("bubblewrap", ("bwrap",)),
    Level.UNSHARE: ("util-linux", ("setpriv", "unshare")),
}


async def _probed(contained: Containment) -> str | None:
    """What is wrong with it."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        with anyio.fail_after(PROBE_S):
            done = await anyio.run_process(
                contained.wrapped(_PROBE),
                stdin=subprocess.DEVNULL,
                check=False,
                env=env,
                cwd="/",
                start_new_session=True,
            )
    except TimeoutError:
        return f"it did not answer in {PROBE_S:g} s"
    except OSError as error:
        return f"it does not start: {error.strerror}"
    if (done.returncode, done.stdout) == _PROBE_SAYS:
        return None
    said = done.stderr.decode(errors="replace").strip().partition("\n")[0][:200]
    return said or f"it ended with exit code {done.returncode}"


def _barrier() -> str:
    """What stands in the way of namespaces, and the way out, as far as the system tells."""
    return "; ".join(_barriers()) or f"see what it says: {_BY_HAND}"


def _barriers() -> Iterator[str]:
    is_root = os.geteuid() == 0
    for name, bad, good, also_root in _SYSCTLS:
        if is_root and not also_root:
            continue
        if _text(Path("/proc/sys", *name.split("."))).strip() == bad:
            yield f"as root: sysctl -w {name}={good}"
    if _is_filtered():
        yield (
            "a container's seccomp filter or masked /proc may forbid them: start it with"
            " --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
            " --cap-add SYS_ADMIN"
        )


_BY_HAND = "unshare --user --pid --fork --mount-proc true"

# With which value it forbids namespaces, with which not, and whether it does so to root
_SYSCTLS = (
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0", False),
    ("kernel.unprivileged_userns_clone", "0", "1", False),
    ("user.max_user_namespaces", "0", "10000", False),
    ("user.max_pid_namespaces", "0", "10000", True),
)


def _is_filtered() -> bool:
    in_container = any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv"))
    return in_container or "\nSeccomp:\t2" in _text(Path("/proc/self/status"))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _inside(parent: int, wanted: int) -> Iterator[int]:
    """Children of a process that have this number in a namespace just below our own."""
    return (pid for pid in proc.children(parent) if proc.inner_pids(pid) == (wanted,))
