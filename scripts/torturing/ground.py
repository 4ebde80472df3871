"""A repository, a state folder, the daemon that serves them, and the harm that is done to it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from wfd.adapters import client
from wfd.adapters.place import Place, place
from wfd.domain.errors import NotRunning, TryLater
from wfd.layers import hash_of
from wfd.send import send

DEADLINE_S = 60.0
TTL_MS = 1500
EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
PLAYS = {
    "implement": [
        [EDIT],
        [{"sleep": 0.2}, EDIT],
        [{"spawn": {"kind": "double_fork", "seconds": 300}}, EDIT, {"sleep": 0.4}],
    ],
    "plan": [[{"result": "A plan."}]],
    "review": [[{"structured": {"verdict": "pass", "findings": [], "summary": "Fine."}}]],
}
TUNED = {
    "harnessDefaults": {"default": "sim"},
    "limits": {"jobs": 6},
    "pollMs": 200,
    "leaseTtlMs": TTL_MS,
    "graceMs": 300,
    "drainMs": 1000,
}


class Ground:
    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.repository = folder / "repo"
        self.ledgers = folder / "ledgers"
        self.done: dict[str, int] = {}  # what was done to it, and how often
        self._seed = seed
        self._chance = random.Random(seed)
        self._daemon: subprocess.Popen[bytes]
        self._daemons: list[subprocess.Popen[bytes]] = []  # all that ever were
        self._clients: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def place(self) -> Place:
        return place()

    def lay_out(self, plays: dict[str, object] | None = None) -> None:
        """Make the repository and the configuration, and have all of it meant from now on."""
        for made in (self.repository, self.ledgers, self.folder / "home"):
            made.mkdir(parents=True)
        for name in [name for name in os.environ if name.startswith("WFD_")]:
            del os.environ[name]
        (self.folder / "daemon.json").write_text(json.dumps(TUNED))
        (self.folder / "script.json").write_text(json.dumps(PLAYS if plays is None else plays))
        os.environ |= {
            "HOME": str(self.folder / "home"),
            "WFD_STATE_DIR": str(self.folder / "state"),
            "WFD_CONFIG_DIR": str(self.folder / "config"),
            "WFD_SIM_SCRIPT": str(self.folder / "script.json"),
            "WFD_SIM_HOME": str(self.folder / "sim"),
        }
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "T")
        self.git("config", "user.email", "t@localhost")
        (self.repository / ".gitignore").write_text(".wfd/\n")
        self.git("add", ".")
        self.git("commit", "-qm", "first")
        self._register()

    def git(self, *words: str) -> str:
        me = ["git", "-C", str(self.repository), *words]
        return subprocess.run(me, check=True, capture_output=True, text=True).stdout.strip()

    # --- who is at work ---------------------------------------------------------------

    def live_and_die(self, life_s: float, at: str | None = None) -> bool:
        """One life of a daemon that ends as by kill -9: then, or at a step that is named.

        Whether it came to that step.
        """
        process = self._launch(**({} if at is None else {"WFD_TEST_AT": f"{at}:kill"}))
        try:
            process.wait(life_s)
            return True
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False

    def start_daemon(self) -> None:
        self._daemon = self._launch()
        until(lambda: self._answers(self._daemon), "the daemon answers")

    def start_clients(self, count: int) -> None:
        for number in range(count):
            self._start_client(number)

    def harm(self) -> None:
        """One seeded misfortune."""
        kinds = (
            self._kill_daemon,
            self._stand_still,
            self._take_over,
            self._terminate,
            self._kill_client,
            self._kill_agent,
        )
        kind = self._chance.choices(kinds, [6, 3, 2, 2, 2, 3])[0]
        name = kind.__name__.strip("_")
        self.done[name] = self.done.get(name, 0) + 1
        kind()

    def end_clients(self) -> None:
        for process in self._clients.values():
            process.kill()
            process.wait()

    def settle(self, deadline_s: float) -> bool:
        """Wait until nothing is at work or about to be; whether it came to that."""
        if self._daemon.poll() is not None:
            self.start_daemon()
        with suppress(TimeoutError):
            until(self._is_quiet, "quiet", deadline_s)
            return True
        return False

    def stop(self) -> int:
        """Stop the daemon; its exit code."""
        self._daemon.terminate()
        return self._daemon.wait(DEADLINE_S)

    def end(self) -> None:
        """Whatever has happened, leave nothing running."""
        self.end_clients()
        for process in self._daemons:
            process.kill()
            process.wait()
        for pid in self.survivors():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def survivors(self) -> list[int]:
        """Processes that carry the mark of a run of this daemon."""
        mark = f"WFD_OWNER={self.place.key}".encode()
        return [pid for pid, environ in _environments() if mark in environ]

    # --- misfortunes --------------------------------------------------------------------

    def _kill_daemon(self) -> None:
        self._daemon.kill()
        self._daemon.wait()
        self._sleep(0.0, 0.3)
        self.start_daemon()

    def _stand_still(self) -> None:
        self._daemon.send_signal(signal.SIGSTOP)
        self._sleep(0.2, 2 * TTL_MS / 1000)
        self._daemon.send_signal(signal.SIGCONT)

    def _take_over(self) -> None:
        """It stands still past its leases, another takes over, and it wakes beside that one."""
        first = self._daemon
        first.send_signal(signal.SIGSTOP)
        self._sleep(TTL_MS / 1000, 1.5 * TTL_MS / 1000)
        self._daemon = self._launch()
        with suppress(RuntimeError):  # the first stands in the midst of a write, and it gives up
            until(lambda: self._answers(self._daemon), "the second daemon answers")
        first.send_signal(signal.SIGCONT)
        self._sleep(0.0, 1.0)
        first.terminate()
        try:
            first.wait(10)
        except subprocess.TimeoutExpired:
            first.kill()
            first.wait()
        if self._daemon.poll() is None:  # the first has taken its socket's name away with it
            self._daemon.terminate()
            self._daemon.wait(DEADLINE_S)
        self.start_daemon()

    def _terminate(self) -> None:
        self._daemon.terminate()
        self._daemon.wait(DEADLINE_S)
        self.start_daemon()

    def _kill_client(self) -> None:
        number = self._chance.choice(sorted(self._clients))
        self._clients.pop(number).kill()
        self._start_client(max([number, *self._clients]) + 1)

    def _kill_agent(self) -> None:
        found = self.survivors()
        if found:
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(found), signal.SIGKILL)

    # --- what these need -------------------------------------------------------------------

    def _launch(self, **environ: str) -> subprocess.Popen[bytes]:
        with (self.folder / "said.log").open("ab") as said:
            made = subprocess.Popen(
                [*_WFD, "start", "--config", str(self.folder / "daemon.json"), "--quiet"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**os.environ, "WFD_TEST_SHARED_LOCK": "1", **environ},
            )
        self._daemons.append(made)
        return made

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"the daemon ended: see {self.folder / 'said.log'}")
        try:
            answer = client.call(self.place.socket_path, "daemon.status", {})
        except (NotRunning, TryLater):
            return False
        return isinstance(answer, dict) and answer["pid"] == process.pid

    def _is_quiet(self) -> bool:
        from torturing.checker import open_jobs  # late: it imports the store

        return open_jobs(self.place.store_path) == 0 and self._answers(self._daemon)

    def _start_client(self, number: int) -> None:
        argv = [sys.executable, "-m", "torturing.client", str(self.ledgers), str(number)]
        self._clients[number] = subprocess.Popen([*argv, str(self._seed)])

    def _register(self) -> None:
        text = json.dumps({"gates": {"review": False}, "checks": {"there": "true"}})
        (self.repository / ".wfd").mkdir()
        (self.repository / ".wfd" / "config.json").write_text(text)
        values: dict[str, object] = {
            "name": "repo",
            "git_dir": str(self.repository / ".git"),
            "checkout": str(self.repository),
            "trusted_hash": hash_of(text),
        }
        send(self.place, "register", values)

    def _sleep(self, least_s: float, most_s: float) -> None:
        time.sleep(self._chance.uniform(least_s, most_s))


def until(holds: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait until something is so. Raises TimeoutError."""
    deadline = time.monotonic() + deadline_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not so within {deadline_s:g} s")
        time.sleep(0.05)


def _environments() -> Iterator[tuple[int, set[bytes]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                yield int(folder.name), set((folder / "environ").read_bytes().split(b"\0"))


_WFD = (sys.executable, "-P", "-m", "wfd.cli")
