"""A real daemon to measure: its own process, a repository, and agents that are shell scripts.

An agent says on a FIFO when it begins and when it is about to end, so its moments are known to
this process to about a tenth of a millisecond, and its own doings cost next to nothing.
"""

import json
import os
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from benchmarks.result import Delivered
from wfd.adapters import client
from wfd.adapters.place import Place, place
from wfd.domain.errors import NotRunning, TryLater
from wfd.layers import hash_of
from wfd.send import send

DEADLINE_S = 120.0
_WFD = (sys.executable, "-P", "-m", "wfd.cli")


@dataclass(frozen=True)
class Moment:
    """One word of an agent."""

    at: float  # time.monotonic(), seconds
    word: str  # "begin" or "end"
    job: str  # J12
    type: str  # implement, pm …


class Beacon:
    """The FIFO on which agents say where they are."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self.path = path
        self._fd = os.open(path, os.O_RDWR)  # never at its end, whoever closes it
        self._said: SimpleQueue[Moment] = SimpleQueue()
        threading.Thread(target=self._listen, name="beacon", daemon=True).start()

    def next(self) -> Moment:
        """What was said next. Raises TimeoutError when nothing is for long."""
        try:
            return self._said.get(timeout=DEADLINE_S)
        except Empty:
            raise TimeoutError("no agent said anything; see the daemon's log") from None

    def until(self, word: str, type_: str) -> Moment:
        while True:
            moment = self.next()
            if (moment.word, moment.type) == (word, type_):
                return moment

    def drain(self) -> None:
        """Forget what was said so far."""
        while True:
            try:
                self._said.get_nowait()
            except Empty:
                return

    def _listen(self) -> None:
        rest = b""
        while data := os.read(self._fd, 65536):
            now = time.monotonic()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                words = line.decode().split()
                if len(words) == 3:  # it is also asked for its version, by no job
                    self._said.put(Moment(now, *words))


def agent(path: Path, beacon: Path, does: str = "", pm: object = None) -> Path:
    """A program that claude's harness takes for claude: says when, does `does`, answers.

    `pm` is the decision of its PM jobs; by default they block, so that nothing follows.
    """
    fifo = shlex.quote(str(beacon))
    decision = pm or {
        "decision": "block", "job": None, "changes": None, "question": "?", "reason": "measured",
    }  # fmt: skip
    path.write_text(
        "#!/bin/sh\n"
        f'echo "begin $WFD_JOB_ID $WFD_JOB_TYPE" > {fifo}\n'
        f"printf '%s\\n' {shlex.quote(_line(_INIT))}\n"
        'if [ "$WFD_JOB_TYPE" = pm ]; then\n'
        f"  printf '%s\\n' {shlex.quote(_line(_TOOL))}\n"
        f"  printf '%s\\n' {shlex.quote(_line(_RESULT | {'structured_output': decision}))}\n"
        "else\n"
        f"  {does or ':'}\n"
        f"  printf '%s\\n' {shlex.quote(_line(_TOOL))}\n"
        f"  printf '%s\\n' {shlex.quote(_line(_RESULT))}\n"
        "fi\n"
        f'echo "end $WFD_JOB_ID $WFD_JOB_TYPE" > {fifo}\n'
    )
    path.chmod(0o700)
    return path


class Daemon:
    """One daemon over one repository; `keys` go into its configuration."""

    def __init__(self, folder: Path, **keys: object) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.repository = folder / "repo"
        self.process: subprocess.Popen[bytes] | None = None
        self._config = folder / "daemon.json"
        for name in ("home", "config"):
            (folder / name).mkdir(parents=True)
        self._config.write_text(json.dumps(keys))
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "WFD_STATE_DIR": str(self.state_dir),
            "WFD_CONFIG_DIR": str(folder / "config"),
            "WFD_SIM_HOME": str(folder / "sim"),
        }
        if "WFD_CONTAINMENT" in os.environ:  # to see what it costs
            self.environ["WFD_CONTAINMENT"] = os.environ["WFD_CONTAINMENT"]
        self.place: Place = place(self.state_dir)
        self._make_repository()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, and return once it takes commands."""
        self.launch()
        self.until_answers()

    def launch(self) -> None:
        """Start it, and wait for nothing."""
        with (self.folder / "said.log").open("ab") as said:
            self.process = subprocess.Popen(
                [*_WFD, "start", "--config", str(self._config)],
                env=self.environ, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip

    def until_answers(self) -> None:
        until(self._answers, "the daemon answers")

    def stop(self) -> None:
        """Tell it to stop at once, and wait; kill it if it will not."""
        if self.process is None or self.process.poll() is not None:
            return
        with suppress(NotRunning, TryLater):
            client.call(self.place.socket_path, "daemon.stop", {"now": True})
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE_S)

    def command(self, name: str, **values: object) -> dict[str, object]:
        return send(self.place, name, {"namespace": "repo", **values})

    def create(self, type_: str = "implement") -> int:
        """A new assignment with a first job; its id."""
        made = self.command("create", north_star="measure", type=type_, context="measure")
        return int(str(made["assignment"]))

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.place.store_path}?mode=ro", uri=True)) as store:
            return list(store.execute(sql, values))

    def count(self, sql: str, *values: object) -> int:
        return int(str(self.rows(sql, *values)[0][0]))

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "said.log").read_text()[-2000:])
        try:
            client.call(self.place.socket_path, "daemon.status", {})
        except (NotRunning, TryLater):
            return False
        return True

    def _make_repository(self) -> None:
        self.repository.mkdir()
        (self.repository / "README.md").write_text("sample\n")
        (self.repository / ".gitignore").write_text(".wfd/\n")
        self.git("init", "-q", "-b", "main")
        self.git("add", ".")
        self.git("-c", "user.name=T", "-c", "user.email=t@localhost", "commit", "-qm", "first")
        text = json.dumps({"gates": {"checks": "off", "review": False, "uat": False}, "caps": CAPS})
        (self.repository / ".wfd").mkdir()
        (self.repository / ".wfd" / "config.json").write_text(text)
        accepted = self.place.accepted_path(hash_of(text))
        accepted.parent.mkdir(mode=0o700)
        accepted.write_text(text)
        send(self.place, "register", {
            "name": "repo", "git_dir": str(self.repository / ".git"),
            "checkout": str(self.repository), "trusted_hash": hash_of(text),
        })  # fmt: skip

    def git(self, *words: str) -> None:
        command = ["git", "-C", str(self.repository), *words]
        subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_S)


def daemon(folder: Path, **keys: object) -> AbstractContextManager[Daemon]:
    """A daemon of its own that runs, and is ended whatever happens."""
    return running(Daemon(folder, **keys))


@contextmanager
def running(of: Daemon) -> Iterator[Daemon]:
    try:
        of.start()
        yield of
    finally:
        of.stop()


def delivered(live: Daemon) -> Delivered:
    """Runs that were begun, runs that came to a result, jobs with more than one of those."""
    done = "outcome in ('succeeded', 'cancelled')"
    return Delivered(
        live.count("select count(*) from run"),
        live.count(f"select count(*) from run where {done}"),
        live.count(
            "select count(*) from (select 1 from run where outcome = 'succeeded'"
            " group by job_id having count(*) > 1)"
        ),
    )


def until(holds: Callable[[], object], what: str) -> None:
    """Wait until something is so. Raises TimeoutError at the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come to this: {what}")
        time.sleep(0.005)


CAPS = {"jobs": 1_000_000, "attempts": 1_000, "wallMs": 10**12, "costUsd": 10**6}

_INIT = {
    "type": "system", "subtype": "init", "session_id": "00000000-0000-4000-8000-000000000000",
    "model": "measured", "claude_code_version": "2.1.197",
}  # fmt: skip
_TOOL = {
    "type": "assistant", "parent_tool_use_id": None,
    "message": {
        "model": "measured",
        "content": [
            {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "true"}},
            {"type": "text", "text": "Done."},
        ],
    },
}  # fmt: skip
_RESULT = {
    "type": "result", "subtype": "success", "is_error": False, "result": "Done.",
    "num_turns": 1, "total_cost_usd": 0.0,
    "session_id": "00000000-0000-4000-8000-000000000000",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip


def _line(event: object) -> str:
    return json.dumps(event)
