"""wfd init --try and wfd doctor --checks: a trial in a fresh clone, of which nothing is kept."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.edge.shelf import Call

from wfd.adapters.place import place


def configured(repository: Path, *, setup: tuple[str, ...] = (), **checks: str) -> None:
    file = repository / ".wfd" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"checks": checks, "workspace": {"setup": list(setup)}}))


def git(repository: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_set_up_and_checks_run_live_and_nothing_of_it_is_kept(repository: Path, wfd: Call) -> None:
    configured(
        repository,
        setup=('test -n "$WFD_SLOT" && echo 0 > made',),
        here="cat made",
        clean="git status --short",
    )

    said = wfd("init", "--try")

    assert said.code == 0
    assert "— check here: cat made\n0\n— check clean: git status --short\n\n" in said.out
    assert "check here: cat made: passed in" in said.out
    assert not (repository / "made").exists()
    assert git(repository, "for-each-ref", "refs/wfd") == ""
    assert not (place().state_dir / "trial").exists()
    assert not list((place().state_dir).glob("ns/*"))


def test_what_is_red_or_cannot_run_fails_it_and_names_the_way_out(
    repository: Path, wfd: Call
) -> None:
    configured(repository, red="echo it is odd; exit 3", lint="nonesuch-linter", good="true")

    said = wfd("init", "--try")

    assert said.code == 1
    assert "✗ check red: echo it is odd; exit 3: it failed (exit 3)" in said.out
    assert "it said last: it is odd" in said.out
    assert "it cannot run: 'nonesuch-linter' is missing" in said.out
    assert "wfd doctor --checks" in said.out
    assert "✓ check good" in said.out


def test_after_a_set_up_that_failed_no_check_is_run(repository: Path, wfd: Call) -> None:
    configured(repository, setup=("false", "touch never"), test="true")

    said = wfd("init", "--try")

    assert said.code == 1
    assert "✗ set-up: false: it failed (exit 1)" in said.out
    assert "touch never" not in said.out.partition("— set-up")[2]
    assert "check test" not in said.out.partition("— set-up")[2]


def test_doctor_tells_the_same_as_findings(repository: Path, wfd: Call) -> None:
    configured(repository, good="echo fine", bad="exit 1")
    wfd("init")

    said = wfd("doctor", "--checks", "--json")

    found = {one["what"]: one["level"] for one in json.loads(said.out)["findings"]}
    assert said.code == 1
    assert (found["check good: echo fine"], found["check bad: exit 1"]) == ("ok", "fail")


def test_doctor_tries_nothing_that_nobody_has_accepted(repository: Path, wfd: Call) -> None:
    configured(repository, good="true")
    wfd("init")
    configured(repository, evil=f"touch {repository}/evil")

    said = wfd("doctor", "--checks")

    assert said.code == 1
    assert "has changed since a person accepted it" in said.out
    assert not (repository / "evil").exists()


def test_in_a_linked_worktree_its_own_commit_is_tried(
    repository: Path, wfd: Call, tmp_path: Path
) -> None:
    configured(repository, which="cat which.txt")
    wfd("init")
    git(repository, "worktree", "add", "-q", str(tmp_path / "odd\nname"), "-b", "side")
    (tmp_path / "odd\nname" / "which.txt").write_text("side\n")
    git(tmp_path / "odd\nname", "add", ".")
    git(tmp_path / "odd\nname", "-c", "user.name=T", "-c", "user.email=t@x", "commit", "-qm", "s")
    os.chdir(tmp_path / "odd\nname")

    said = wfd("doctor", "--checks")

    assert "check which: cat which.txt" in said.out
    assert "passed in" in said.out


def test_what_an_earlier_trial_left_by_a_kill_is_cleared_away(repository: Path, wfd: Call) -> None:
    configured(repository, good="true")
    wfd("init")
    left = place().state_dir / "trial" / "ns" / "1" / "A0"
    left.mkdir(parents=True)
    git(repository, "update-ref", "refs/wfd/A0/head", "HEAD")
    git(repository, "update-ref", "refs/wfd/A0/base", "HEAD")

    assert "check good: true" in wfd("doctor", "--checks").out
    assert not left.exists()
    assert git(repository, "for-each-ref", "refs/wfd") == ""


def test_a_second_trial_at_the_same_time_is_refused(repository: Path, wfd: Call) -> None:
    configured(repository, good="true")
    wfd("init")
    with (place().state_dir / "trial.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = wfd("doctor", "--checks")

    assert said.code == 1
    assert "another trial" in said.out


def test_ctrl_c_ends_all_that_a_trial_has_started(repository: Path, wfd: Call) -> None:
    pids = repository.parent / "pid"
    configured(repository, slow=f"setsid sleep 1000 & echo $! > {pids}; echo begun; sleep 1000")
    wfd("init")
    script = Path(sys.executable).with_name("wfd")
    trial = subprocess.Popen([script, "doctor", "--checks"], stdout=subprocess.PIPE, text=True)
    assert trial.stdout is not None
    for line in trial.stdout:
        if line == "begun\n":
            break
    trial.send_signal(signal.SIGINT)
    trial.communicate(timeout=60)

    assert trial.returncode == 130
    assert git(repository, "for-each-ref", "refs/wfd") == ""
    assert _left_in(place().state_dir) == []


def _left_in(state: Path) -> list[str]:
    """Processes that stand in its trial, looked at for a while: a namespace takes time to end."""
    for _ in range(50):
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stands_in = str((folder / "cwd").readlink())
            except OSError:
                continue
            if stands_in.startswith(f"{state}/trial"):
                found.append(folder.name)
        if not found:
            return []
        time.sleep(0.1)
    return found
