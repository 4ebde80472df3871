"""The daemon as a person starts it: a process of its own, killed and started again at will."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from wfd.adapters import client
from wfd.adapters.place import Place, place
from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.errors import NotRunning, TryLater
from wfd.domain.evidence import Evidence
from wfd.domain.job import Job
from wfd.domain.run import Run
from wfd.layers import hash_of
from wfd.send import send
from wfd.store.alone import reading, utc_ms

DEADLINE_S = 60.0
PAUSE_S = 0.02

T = TypeVar("T")


@dataclass(frozen=True)
class Said:
    """What a command line said, and how it left."""

    code: int
    out: str
    err: str


class Daemon:
    """A repository, a state folder, and the daemon that serves them."""

    def __init__(self, tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp = tmp
        self.repository = tmp / "repo"
        self.state_dir = tmp / "state"
        self.config_file = tmp / "daemon.json"
        self.process: subprocess.Popen[bytes] | None = None
        self._monkeypatch = monkeypatch
        self._is_registered = False
        monkeypatch.delenv("WFD_RUN_ID", raising=False)
        monkeypatch.delenv("WFD_NAMESPACE", raising=False)
        monkeypatch.chdir(tmp)
        self.sets(
            WFD_STATE_DIR=str(self.state_dir),
            WFD_CONFIG_DIR=str(tmp / "config"),
            WFD_SIM_HOME=str(tmp / "sim"),
            HOME=str(tmp / "home"),
        )
        (tmp / "home").mkdir()
        (tmp / "config").mkdir()
        self.tunes()
        self._make_repository()

    # --- before it starts ---------------------------------------------------------

    def sets(self, **variables: str) -> None:
        """Variables of the daemon's environment, and of the command lines'."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def tunes(self, **keys: object) -> None:
        """Write the file that --config names: quick, and all work done by the sim agent."""
        quick: dict[str, object] = {
            "harnessDefaults": {"default": "sim"},
            "pollMs": 200,
            "leaseTtlMs": 3000,
            "graceMs": 1000,
            "drainMs": 60_000,
        }
        self.config_file.write_text(json.dumps(quick | keys))

    def plays(self, script: dict[str, object]) -> None:
        """The sim agent's behaviour from now on."""
        file = self.tmp / "script.json"
        file.write_text(json.dumps(script))
        self.sets(WFD_SIM_SCRIPT=str(file))

    def registers(self, **keys: object) -> None:
        """Make the repository known, with this .wfd/config.json accepted: no gate but checks."""
        text = json.dumps({"gates": {"review": False, "uat": False}, **keys})
        folder = self.repository / ".wfd"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(text)
        self._is_registered = True
        send(
            self.place,
            "register",
            {
                "name": "repo",
                "git_dir": str(self.repository / ".git"),
                "checkout": str(self.repository),
                "trusted_hash": hash_of(text),
            },
        )

    # --- its life -------------------------------------------------------------------

    @property
    def place(self) -> Place:
        return place()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, and return once it answers."""
        self.launch()
        self.until(self._answers)

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it, and do not wait for it: it may not live long enough to answer."""
        if not self._is_registered:
            self.registers()
        with (self.tmp / "said.log").open("ab") as said:
            self.process = subprocess.Popen(
                [*_WFD, "start", "--config", str(self.config_file)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        return self.process

    def kill9(self) -> None:
        """As a power cut does, but for the agents: they run on."""
        self.signal(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(DEADLINE_S)

    def end(self) -> None:
        """Whatever the test did, leave nothing running."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        for pid in self.survivors():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.tmp / "said.log").read_text()
        try:
            answer = client.call(self.place.socket_path, "daemon.status", {})
        except (NotRunning, TryLater):
            return False
        return isinstance(answer, dict) and answer["pid"] == self.pid

    # --- what a person does -----------------------------------------------------------

    def wfd(self, *args: str) -> Said:
        return _say(*_WFD, *args)

    def wfctl(self, *args: str) -> Said:
        return _say(*_WFCTL, *args)

    def create(self, **values: object) -> int:
        """A new assignment, with an implement job to begin with."""
        wanted = {"north_star": "Greet", "type": "implement", "context": "Greet", **values}
        return int(str(self.send("create", **wanted)["assignment"]))

    def send(self, command: str, **values: object) -> dict[str, object]:
        if not command.startswith("ai."):
            values = {"namespace": "repo", **values}
        return send(self.place, command, values)

    # --- what is to be seen -----------------------------------------------------------

    def now(self) -> int:
        """UTC milliseconds, as the daemon counts them."""
        return utc_ms()

    def until(self, holds: Callable[[], T], what: str = "it") -> T:
        """Wait until something is so; the test fails at the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            found = holds()
            if found:
                return found
            if time.monotonic() > deadline:
                log = "\n".join(map(str, self.log()[-15:]))
                pytest.fail(f"{what} was not so within {DEADLINE_S:g} s; the log:\n{log}")
            time.sleep(PAUSE_S)

    def until_there(self, file: Path) -> None:
        self.until(file.exists, f"{file} there")

    def until_logged(self, event: str, count: int = 1) -> dict[str, Any]:
        """The newest log line of an event, once there are so many of it."""
        self.until(lambda: len(self.logged(event)) >= count, f"{event} logged")
        return self.logged(event)[-1]

    def settled(self, of: int) -> Assignment:
        """The assignment, once it is no longer active and nothing of it runs."""
        self.until(
            lambda: (
                self.assignment(of).state != "active"
                and all(run.state == "closed" for run in self.runs(of))
            ),
            f"A{of} settled",
        )
        return self.assignment(of)

    def assignment(self, of: int) -> Assignment:
        with reading(self.place.store_path) as read:
            found = read.one(Assignment, "assignment_by_id", id=of)
        assert found is not None
        return found

    def jobs(self, of: int) -> list[Job]:
        with reading(self.place.store_path) as read:
            return read.all(Job, "jobs_of", assignment_id=of)

    def runs(self, of: int) -> list[Run]:
        with reading(self.place.store_path) as read:
            return read.all(Run, "runs_of", assignment_id=of)

    def evidence(self, of: int) -> list[Evidence]:
        with reading(self.place.store_path) as read:
            return read.all(Evidence, "evidence_of", assignment_id=of)

    def decisions(self, of: int) -> list[Decision]:
        with reading(self.place.store_path) as read:
            return read.all(Decision, "decisions_of", assignment_id=of)

    def outcomes(self, job: Job) -> list[str]:
        """How the runs of a job ended, in their order."""
        runs = [run for run in self.runs(job.assignment_id) if run.job_id == job.id]
        return [str(run.outcome or run.state) for run in runs]

    def log(self) -> list[dict[str, Any]]:
        """Every line of the log, each of which must be JSON."""
        file = self.place.log_path
        if not file.exists():
            return []
        whole = file.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def logged(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"] == event]

    def survivors(self, run_id: int | None = None) -> list[int]:
        """Processes that carry the mark of a run of this daemon, or of any."""
        marks = {f"WFD_OWNER={self.place.key}".encode()}
        if run_id is not None:
            marks.add(f"WFD_RUN_ID=R{run_id}".encode())
        return [pid for pid, environ in _environments() if marks <= environ]

    def assert_sound(self) -> None:
        """What holds after every crash: a whole store, no run open, no process left."""
        with closing(sqlite3.connect(self.place.store_path)) as store:
            assert store.execute("pragma integrity_check").fetchall() == [("ok",)]
            assert store.execute("pragma foreign_key_check").fetchall() == []
            open_runs = "select id from run where state = 'running'"
            assert store.execute(open_runs).fetchall() == []
            running_jobs = "select id from job where state = 'running'"
            assert store.execute(running_jobs).fetchall() == []
            twice = (
                "select job_id from run where outcome = 'succeeded' group by 1 having count(*) > 1"
            )
            assert store.execute(twice).fetchall() == []
        assert self.survivors() == []

    def _make_repository(self) -> None:
        self.repository.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "T")
        self.git("config", "user.email", "t@localhost")
        (self.repository / "README.md").write_text("sample\n")
        (self.repository / ".gitignore").write_text(".wfd/\n")
        self.git("add", ".")
        self.git("commit", "-qm", "first")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.repository), *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


_WFD = (sys.executable, "-P", "-m", "wfd.cli")
_WFCTL = (sys.executable, "-P", "-m", "wfd.ctl")


def _say(*argv: str) -> Said:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def running(line: str) -> list[int]:
    """Processes with this command line, such as "sleep 300.5", whose they may be."""
    wanted = "".join(f"{word}\0" for word in line.split()).encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if (folder / "cmdline").read_bytes() == wanted:
                    found.append(int(folder.name))
    return found


def _environments() -> Iterator[tuple[int, set[bytes]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                yield int(folder.name), set((folder / "environ").read_bytes().split(b"\0"))
