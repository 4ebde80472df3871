"""Many processes give work to one daemon: one job for each key, and no answer is a lie."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from wfd.adapters import client
from wfd.adapters.place import Place, place
from wfd.domain.errors import NotRunning, TryLater
from wfd.send import send
from wfd.store.sqlite import open_reader

CLIENTS = 8
EACH = 25
KEYS = 120  # fewer than are sent: many are sent by several clients
ASSIGNMENTS = 10
DEADLINE_S = 60


@dataclass(frozen=True)
class Told:
    """One answer, as a client took it down."""

    key: str
    job: int
    created: bool


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A state folder with paused assignments, so that the daemon has nothing to run."""
    monkeypatch.setenv("WFD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("WFD_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("WFD_RUN_ID", raising=False)
    found = place()
    register: dict[str, object] = {
        "name": "a",
        "git_dir": "/a/.git",
        "checkout": "/a",
        "trusted_hash": None,
    }
    send(found, "register", register)
    for number in range(1, ASSIGNMENTS + 1):
        send(found, "create", {"namespace": "a", "north_star": "go", "type": "plan"})
        pause = {"namespace": "a", "assignment": number, "status": "paused"}
        send(found, "update_assignment", pause)
    return found


@pytest.fixture
def daemon(home: Place) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-P", "-m", "wfd.cli", "start", "--quiet"])
    try:
        _wait_for_answer(home, started)
        yield started
    finally:
        started.kill()
        started.wait()


def test_each_key_of_many_clients_makes_one_job_and_every_answer_is_true(
    home: Place, daemon: subprocess.Popen[bytes]
) -> None:
    asked = _commands()
    clients = [_client(home, commands) for commands in asked]
    told = [*_kill_midway(clients[0])]
    for other in clients[1:]:
        out, _ = other.communicate(timeout=DEADLINE_S)
        assert other.returncode == 0
        told += [_told(line) for line in out.splitlines()]
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(DEADLINE_S) == 0

    kept = _jobs_by_key(home)
    ids = [job_id for job_id, _ in kept]
    by_key = {key: job_id for job_id, key in kept}
    assert len(set(ids)) == len(ids) == len(by_key), "one job for each key"
    for answer in told:
        assert by_key[answer.key] == answer.job
    created = [answer.key for answer in told if answer.created]
    assert len(created) == len(set(created)), "only one is told that it made the job"
    surely = {key for commands in asked[1:] for key in _keys(commands)}
    assert surely <= by_key.keys() <= surely | _keys(asked[0])


def _commands() -> list[list[tuple[str, dict[str, object]]]]:
    chance = random.Random(7)
    return [
        [_insert(number) for number in chance.sample(range(KEYS), EACH)] for _ in range(CLIENTS)
    ]


def _insert(number: int) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {
        "namespace": "a",
        "assignment": 1 + number % ASSIGNMENTS,
        "type": "implement",
        "context": f"do {number}",
        "key": f"k{number}",
    }
    return "insert_job", values


def _keys(commands: list[tuple[str, dict[str, object]]]) -> set[str]:
    return {str(values["key"]) for _, values in commands}


def _client(home: Place, commands: list[tuple[str, dict[str, object]]]) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("client_process.py")
    started = subprocess.Popen(
        [sys.executable, str(script), str(home.socket_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    assert started.stdin is not None
    started.stdin.write(b"".join(json.dumps(command).encode() + b"\n" for command in commands))
    started.stdin.close()
    started.stdin = None
    return started


def _kill_midway(victim: subprocess.Popen[bytes]) -> Iterator[Told]:
    """What it was told until it was killed in the middle of its work."""
    assert victim.stdout is not None
    for count, line in enumerate(victim.stdout, 1):
        if count == 5:
            victim.kill()
        if line.endswith(b"\n"):
            yield _told(line)
    victim.stdout.close()
    assert victim.wait(DEADLINE_S) == -signal.SIGKILL


def _told(line: bytes) -> Told:
    told = json.loads(line)
    return Told(told["key"], told["answer"]["job"], told["answer"]["created"])


def _jobs_by_key(home: Place) -> list[tuple[int, str]]:
    connection = open_reader(home.store_path)
    rows = connection.execute(
        "select id, idempotency_key from job where idempotency_key is not null"
    ).fetchall()
    connection.close()
    return rows


def _wait_for_answer(home: Place, daemon: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            client.call(home.socket_path, "daemon.status", {})
            return
        except (NotRunning, TryLater):
            assert daemon.poll() is None and time.monotonic() < deadline, "the daemon is not up"
            time.sleep(0.05)
