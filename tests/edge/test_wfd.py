"""wfd: init, trust, doctor, and a real daemon that starts and stops."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Said, Shelf, make_repository

from wfd import __version__
from wfd.adapters.lock import holder
from wfd.adapters.place import Place, place
from wfd.commands.ask import NewQuestion
from wfd.commands.queue import get_assignment
from wfd.commands.settle import stop_and_ask
from wfd.domain.assignment import AssignmentState
from wfd.domain.ids import AssignmentId
from wfd.domain.namespace import Namespace
from wfd.domain.question import FOR_EVER, TRUST, Asker, QuestionKind
from wfd.layers import hash_of
from wfd.ports import Tx
from wfd.store.alone import reading, write_alone


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


def test_init_tells_what_a_file_that_is_there_copies_and_lets_through(
    repository: Path, wfd: Call
) -> None:
    file = repository / ".wfd" / "config.json"
    file.parent.mkdir()
    file.write_text('{"workspace": {"env": ["OPENAI_API_KEY", "DB_*"], "copy": [".env"]}}')

    said = wfd("init")

    assert "passed through: the daemon's variable OPENAI_API_KEY" in said.out
    assert "passed through: the daemon's variable DB_*" in said.out
    assert "copy: .env" in said.out


@pytest.mark.parametrize("name", ["*", "*_TOKEN", "A=secret", "A B", ""])
def test_what_names_no_variable_is_refused_and_not_shown(
    repository: Path, wfd: Call, name: str
) -> None:
    file = repository / ".wfd" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"workspace": {"env": [name]}}))

    said = wfd("init")

    assert said.code == 2
    assert "'workspace.env'" in said.err
    assert "secret" not in said.err.replace("a secret itself", "")


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


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def checkout_of(where: Place) -> str:
    with reading(where.store_path) as read:
        [known] = read.all(Namespace, "namespaces")
    return known.checkout


def test_another_worktree_takes_no_registration_from_a_checkout_that_is_there(
    repository: Path, wfd: Call, wfctl: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    wfd("init")
    git("worktree", "add", "-q", "../linked")
    monkeypatch.chdir(repository.parent / "linked")

    for command in ("init", "trust"):
        said = wfd(command)
        assert said.code == 5
        assert f"'blue' with its checkout {repository}," in said.err
        assert "worktree remove" not in said.err, "git removes no main worktree"

    assert checkout_of(place()) == str(repository)
    assert not Path(".wfd").exists()
    assert wfctl("create", "make it green").out == "A1\n", "wfctl works in there"


def test_a_registered_worktree_is_left_for_the_main_one_only_when_it_is_gone(
    repository: Path, wfd: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = repository.parent / "linked"
    git("worktree", "add", "-q", str(linked))
    monkeypatch.chdir(linked)
    assert wfd("init").code == 0
    accepted = (linked / ".wfd" / "config.json").read_text()
    monkeypatch.chdir(repository)
    said = wfd("init")
    assert (said.code, f"git worktree remove {linked}" in said.err) == (5, True)

    git("worktree", "remove", "--force", str(linked))
    said = wfd("init")

    assert said.code == 0
    assert f"'linked' has moved from {linked}, which is gone, to {repository}" in said.out
    assert "as it was accepted before" in said.out
    assert (repository / ".wfd" / "config.json").read_text() == accepted
    assert checkout_of(place()) == str(repository)
    assert "already" in wfd("trust").out


def test_trust_moves_a_registration_too_and_says_so(
    repository: Path, wfd: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = repository.parent / "linked"
    git("worktree", "add", "-q", str(linked))
    monkeypatch.chdir(linked)
    wfd("init")
    git("-C", str(repository), "worktree", "remove", "--force", str(linked))
    monkeypatch.chdir(repository)

    said = wfd("trust")

    assert "now uses the daemon's own settings" in said.out
    assert f"has moved from {linked}" in said.out
    assert checkout_of(place()) == str(repository)


@pytest.mark.parametrize("command", ["trust", "init"])
def test_what_has_waited_for_the_configuration_is_named(
    repository: Path, wfd: Call, wfctl: Call, command: str
) -> None:
    wfd("init")
    wfctl("create", "make it green")
    new = NewQuestion(QuestionKind.BLOCKED, Asker.POLICY, "it has changed", subject=TRUST)

    def wait_for_it(tx: Tx) -> None:
        one = get_assignment(tx, AssignmentId(1))
        stop_and_ask(tx, one, AssignmentState.BLOCKED, new.text, new, FOR_EVER)

    write_alone(place().store_path, wait_for_it)

    assert "A1 continues\n" in wfd(command).out
    assert "goes on" not in wfd(command).out


def test_init_accepts_no_file_that_has_changed(repository: Path, wfd: Call, wfctl: Call) -> None:
    wfd("init")
    (repository / ".wfd" / "config.json").write_text('{"checks": {"test": "rm -rf /"}}')

    said = wfd("init")

    assert said.code == 4
    assert "'wfd trust' shows what has changed" in said.err
    assert "wfd trust" in wfctl("config", "show").err, "it is not accepted"
    assert "rm -rf /" in wfd("trust").out


def test_init_keeps_the_name_and_refuses_another(repository: Path, wfd: Call) -> None:
    wfd("init")

    said = wfd("init", "--name", "red")

    assert said.code == 4
    assert "registered as 'blue'" in said.err
    assert wfd("init", "--name", "blue").code == 0


def test_an_init_that_fails_leaves_nothing_behind(
    repository: Path, wfd: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    wfd("init")
    other = repository.parent / "deep" / "blue"
    other.parent.mkdir()
    make_repository(other)
    monkeypatch.chdir(other)

    said = wfd("init")

    assert (said.code, "--name" in said.err) == (5, True)
    assert not (other / ".wfd").exists()
    assert wfd("init", "--name", "red").code == 0
    assert json.loads((other / ".wfd" / "config.json").read_text())["namespace"] == "red"


def test_init_says_where_the_name_in_the_file_does_not_count(repository: Path, wfd: Call) -> None:
    (repository / ".wfd").mkdir()
    (repository / ".wfd" / "config.json").write_text('{"namespace": "blue"}')

    said = wfd("init", "--name", "red")

    assert "the name in it is ignored: this repository is registered as 'red'" in said.out


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


def test_init_and_doctor_name_the_filters_that_files_need(repository: Path, wfd: Call) -> None:
    (repository / ".gitattributes").write_text("*.psd filter=absent\n*.key filter=vault\n")
    (repository / "a.psd").write_text("picture\n")
    (repository / "b.key").write_text("secret\n")
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "Filtered"], check=True)
    subprocess.run(["git", "config", "filter.vault.clean", "cat"], check=True)
    (repository / ".wfd").mkdir()
    file = repository / ".wfd" / "config.json"
    file.write_text("{}")

    told = wfd("init").out
    file.write_text('{"workspace": {"filters": ["vault"]}}')
    trusted = wfd("trust").out
    found = {one["what"]: one for one in json.loads(wfd("doctor", "--json").out)["findings"]}

    assert "filter absent: agents see 1 file as git stores them" in told
    assert "the filter 'vault' is not accepted: accept it with" in told
    assert '"filters": ["vault"]' in trusted
    assert found["filter vault"]["level"] == "ok"
    assert found["filter absent"]["level"] == "warn"
    assert "is not defined in your git configuration" in found["filter absent"]["way_out"]


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

    assert (found["level"], found["way_out"]) == ("fail", "fix it, then run: wfd trust")
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


@pytest.mark.parametrize("command", ["init", "trust"])
def test_wfd_writes_nothing_where_the_store_is_gone(
    repository: Path, wfd: Call, command: str
) -> None:
    (place().state_dir / "runs" / "R1").mkdir(parents=True)

    assert wfd(command).code == 74
    assert not (repository / ".wfd").exists()


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


def test_trust_and_init_refuse_an_ai_that_nobody_defines(repository: Path, wfd: Call) -> None:
    file = repository / ".wfd" / "config.json"
    file.parent.mkdir()
    file.write_text('{"harnessDefaults": {"implement": "codx"}}')
    said = wfd("init")
    assert (said.code, "did you mean 'codex'" in said.err) == (2, True)
    file.write_text('{"harnessDefaults": {"implement": "codex"}}')
    assert wfd("init").code == 0
    file.write_text('{"harnessDefaults": {"implement": "codx"}}')

    said = wfd("trust")

    assert (said.code, f"{file}: 'harnessDefaults.implement'" in said.err) == (2, True)


def test_a_daemon_refuses_an_unknown_ai_at_its_start_and_at_a_reload(
    where: Place, wfd: Call, tmp_path: Path
) -> None:
    own = tmp_path / "config" / "config.json"
    own.parent.mkdir(exist_ok=True)
    own.write_text('{"harnessDefaults": {"default": "codx"}}')
    said = installed("start", "--detach")
    assert (said.code, "did you mean 'codex'" in said.err) == (2, True)
    own.write_text('{"harnessDefaults": {"default": "sim"}}')
    assert installed("start", "--detach").code == 0
    own.write_text('{"harnessDefaults": {"default": "sin"}}')

    said = wfd("reload")

    assert (said.code, "did you mean 'sim'" in said.err) == (2, True)


def test_init_and_doctor_name_the_submodules_that_are_not_initialised(
    repository: Path, wfd: Call
) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    for path in ("libs/one", "libs/two"):
        entry = f"160000,{head},{path}"
        subprocess.run(["git", "update-index", "--add", "--cacheinfo", entry], check=True)
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "commit", "-qm", "Submodules"], check=True)
    (repository / "libs" / "two").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "libs/two"], check=True)

    told = wfd("init").out

    findings = json.loads(wfd("doctor", "--json").out)["findings"]
    found = [one for one in findings if one["what"] == "submodules"]
    assert "workspaces do not have libs/one" in told
    assert "run 'git submodule update --init' in it" in told
    assert [(one["level"], one["detail"].split(",")[0]) for one in found] == [
        ("ok", "1 submodule in each workspace"),
        ("warn", "workspaces do not have libs/one"),
    ]
