"""wfd: init, trust, doctor, and a real daemon that starts and stops."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Said, Shelf

from wfd import __version__
from wfd.adapters.lock import holder
from wfd.adapters.place import Place, place
from wfd.layers import hash_of


@pytest.fixture
def where(repository: Path) -> Iterator[Place]:
    """The place of a daemon, which is gone when the test is over."""
    yield place()
    if holder(place()) is not None:
        installed("stop", "--now")
    assert holder(place()) is None


def installed(*args: str) -> Said:
    """What the installed wfd says, in a process of its own."""
    script = Path(sys.executable).with_name("wfd")
    done = subprocess.run([script, *args], capture_output=True, text=True, timeout=60)
    return Said(done.returncode, done.stdout, done.stderr)


def test_init_registers_proposes_and_adds_nothing_to_git(
    repository: Path, wfd: Call, wfctl: Call
) -> None:
    (repository / "Makefile").write_text("test:\n\ttrue\n")

    said = wfd("init")

    assert said.code == 0
    assert "wfctl create" in said.out
    written = json.loads((repository / ".wfd" / "config.json").read_text())
    assert written == {"namespace": "blue", "checks": {"test": "make test"}}
    staged = subprocess.run(
        ["git", "diff", "--cached", "--name-only"], capture_output=True, check=True
    )
    assert staged.stdout == b""
    assert wfctl("create", "make it green").out == "A1\n"


def test_init_never_writes_over_a_configuration(repository: Path, wfd: Call) -> None:
    file = repository / ".wfd" / "config.json"
    file.parent.mkdir()
    file.write_text('{"namespace": "red", "checks": {"test": "true"}}')

    said = wfd("init")

    assert "'red' is registered" in said.out
    assert "check test: true" in said.out
    assert file.read_text() == '{"namespace": "red", "checks": {"test": "true"}}'
    assert wfd("init").code == 0


def test_init_outside_a_repository_says_the_way_out(
    repository: Path, wfd: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    said = wfd("init")

    assert said.code == 2
    assert "git init" in said.err


def test_trust_shows_what_has_changed_and_accepts_it(
    repository: Path, wfd: Call, wfctl: Call
) -> None:
    wfd("init")
    file = repository / ".wfd" / "config.json"
    file.write_text('{"namespace": "blue", "checks": {"test": "rm -rf /"}}')
    assert "wfd trust" in wfctl("config", "show").err

    said = wfd("trust")

    assert "+" in said.out
    assert "rm -rf /" in said.out
    assert wfctl("config", "show").err == ""
    assert "already" in wfd("trust").out


def test_trust_refuses_what_does_not_validate(repository: Path, wfd: Call) -> None:
    wfd("init")
    (repository / ".wfd" / "config.json").write_text('{"cheks": {}}')

    said = wfd("trust")

    assert said.code == 2
    assert "did you mean 'checks'" in said.err


def test_doctor_tells_the_way_out_of_what_is_missing(
    repository: Path, wfd: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = subprocess.run(["which", "git"], capture_output=True, text=True, check=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git.stdout.strip())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    said = wfd("doctor", "--json")

    assert said.code == 1
    document = json.loads(said.out)
    found = {one["what"]: one for one in document["findings"]}
    assert document["ok"] is False
    assert found["harness claude"]["level"] == "fail"
    assert "harnesses.claude.binary" in found["harness claude"]["way_out"]
    assert found["harness sim"]["level"] == "ok"
    assert found["git"]["level"] == "ok"
    assert found["daemon"]["level"] == "warn"


def test_doctor_is_content_when_the_default_agent_is_there(
    repository: Path, wfd: Call, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.json").write_text('{"harnessDefaults": {"default": "sim"}}')
    wfd("init")

    said = wfd("doctor")

    assert said.code == 0
    assert "ok\tnamespace\tblue" in said.out


def test_doctor_refuses_an_accepted_configuration_that_counts_no_more(
    wfd: Call, shelf: Shelf
) -> None:
    file = shelf.checkout / ".wfd" / "config.json"
    file.parent.mkdir()
    file.write_text('{"checks": {"../evil": "true"}}')
    shelf.write(
        "register",
        name="blue",
        git_dir=str(shelf.checkout / ".git"),
        checkout=str(shelf.checkout),
        trusted_hash=hash_of(file.read_text()),
    )

    [found] = [
        one
        for one in json.loads(wfd("doctor", "--json").out)["findings"]
        if one["what"] == "repository's configuration"
    ]

    assert (found["level"], found["way_out"]) == ("fail", "mend it, then run: wfd trust")
    assert "../evil" in found["detail"]


def test_doctor_says_when_the_disk_has_too_little_room(
    repository: Path, wfd: Call, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    wanted = {"harnessDefaults": {"default": "sim"}, "limits": {"freeBytes": 2**62}}
    (tmp_path / "config" / "config.json").write_text(json.dumps(wanted))

    found = {one["what"]: one for one in json.loads(wfd("doctor", "--json").out)["findings"]}

    assert found["room"]["level"] == "fail"
    assert "wfctl prune" in found["room"]["way_out"]
    for part in ("free", "store", "its log", "transcripts", "workspaces", "backups"):
        assert part in found["room"]["detail"]


def test_doctor_sees_damaged_pages_and_a_store_that_is_gone(
    repository: Path, wfd: Call, where: Place
) -> None:
    wfd("init")
    with where.store_path.open("r+b") as store:
        store.seek(4096 * 4)
        store.write(b"\xff" * 4096 * 20)
    assert _store_of(wfd)["level"] == "fail"
    where.store_path.unlink()
    (where.state_dir / "runs" / "R1").mkdir(parents=True)
    assert "wfctl restore" in _store_of(wfd)["detail"]


@pytest.mark.parametrize(
    "words",
    [
        ("queue",), ("assignments", "--all"), ("job", "J1"), ("ai", "list"), ("inbox",),
        ("create", "x"), ("backup",), ("prune", "--older-than", "1d", "--dry-run"),
    ],
)  # fmt: skip
def test_wfctl_says_that_a_store_is_gone_and_proposes_no_new_one(
    repository: Path, wfctl: Call, words: tuple[str, ...]
) -> None:
    where = place()
    (where.state_dir / "runs" / "R1").mkdir(parents=True)

    said = wfctl(*words)

    assert said.code == 74
    assert "is gone" in said.err and "wfctl restore" in said.err


def _store_of(wfd: Call) -> dict[str, str]:
    found = json.loads(wfd("doctor", "--json").out)["findings"]
    store: dict[str, str] = next(one for one in found if one["what"] == "store")
    return store


def test_the_version_can_be_asked_for_as_an_option(wfd: Call) -> None:
    said = wfd("--version")
    assert (said.code, said.out) == (0, f"wfd, version {__version__}\n")


def test_a_daemon_starts_once_answers_and_stops(where: Place) -> None:
    started = installed("start", "--detach")
    assert started.code == 0, started.err
    pid = json.loads(installed("status", "--json").out)["pid"]
    assert f"pid {pid}" in started.out
    assert str(where.log_path) in started.out

    for again in (installed("start", "--detach"), installed("start")):
        assert again.code == 5
        assert str(pid) in again.err

    assert installed("reload").out == "nothing has changed\n"
    assert installed("stop").out == f"wfd (pid {pid}) has stopped\n"
    assert holder(where) is None
    assert installed("status").code == 6
    assert installed("stop").code == 6


def test_a_daemon_that_cannot_start_says_why_in_the_foreground(
    where: Place, tmp_path: Path
) -> None:
    config = tmp_path / "bad.json"
    config.write_text('{"limits": {"jbs": 3}}')

    said = installed("start", "--detach", "--config", str(config))

    assert said.code == 2
    assert "did you mean 'jobs'" in said.err


def test_flags_reach_the_daemon(where: Place, tmp_path: Path) -> None:
    log = tmp_path / "own.log"

    installed("start", "--detach", "--jobs", "7", "--log-file", str(log))

    assert json.loads(installed("status", "--json").out)["limit"] == 7
    assert "daemon.started" in log.read_text()


def test_a_command_reaches_a_running_daemon(where: Place, wfctl: Call) -> None:
    installed("init")
    installed("start", "--detach")

    assert wfctl("create", "make it green").out == "A1\n"
    assert wfctl("update-assignment", "A1", "--status", "paused").code == 0


def test_a_hostile_folder_lends_no_module_to_the_daemon(where: Place) -> None:
    proof = where.state_dir / "owned"
    Path("click.py").write_text(f"open({str(proof)!r}, 'w')")

    assert installed("start", "--detach").code == 0
    assert not proof.exists()
