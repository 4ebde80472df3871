"""Backup, restore and prune as a person calls them, beside a daemon at work."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from wfd.store.backup import problem
from wfd.store.statements import migrations

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
CLIENT = """
import sys
from wfd.adapters.place import place
from wfd.send import send
for number in range(int(sys.argv[1])):
    made = send(place(), "create", {"namespace": "repo", "north_star": "Greet",
                                    "type": "implement", "context": "Greet"})
    print(made["assignment"], flush=True)
"""


def clients(count: int, each: int) -> "list[subprocess.Popen[str]]":
    return [
        subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(each)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(count)
    ]


def test_a_backup_under_load_becomes_the_store_and_every_assignment_reaches_its_end(
    daemon: "Daemon", tmp_path: Path
) -> None:
    daemon.tunes(limits={"jobs": 3})
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    many = clients(3, 4)
    daemon.until(lambda: len(daemon.logged("run.closed")) >= 2)
    kept = tmp_path / "kept.db"
    assert daemon.wfctl("backup", "--to", str(kept)).code == 0
    told = [int(line) for one in many for line in one.communicate(timeout=60)[0].split()]
    assert len(set(told)) == 12
    daemon.until(lambda: len(daemon.logged("run.closed")) >= 8)
    assert problem(kept) is None
    daemon.kill9()
    ran = {run.id for of in told for run in daemon.runs(of)}

    said = daemon.wfctl("restore", str(kept), "--json")

    assert said.code == 0, said.err
    done = json.loads(said.out)
    newer = [int(shown[1:]) for shown in done["newer"]]
    assert daemon.survivors() == [], "agents of runs that no row knows are ended"
    left = [of for of in told if of not in newer]
    assert left
    before = {run.id for of in left for run in daemon.runs(of)}
    daemon.start()
    after = daemon.create()
    assert after > max(told)
    for of in [*left, after]:
        found = daemon.settled(of)
        assert found.state == "complete", (found, daemon.jobs(of), daemon.runs(of))
        assert "hi" in daemon.git("show", f"wfd/A{of}:greeting.txt")
    new = {run.id for of in [*left, after] for run in daemon.runs(of)} - before
    assert not new & ran, "no run has the number of one that was before"
    assert min(new) > max(ran)
    daemon.assert_sound()
    with closing(sqlite3.connect(Path(done["replaced"]))) as replaced:
        (count,) = replaced.execute("select count(*) from assignment").fetchone()
    assert count == len(told)


def test_work_that_went_on_after_the_backup_is_gone_on_from_and_not_lost(
    daemon: "Daemon", tmp_path: Path
) -> None:
    go = tmp_path / "go"
    daemon.plays({"implement": [[{"wait_for": str(go)}, EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.until(lambda: any(run.state == "running" and run.pid for run in daemon.runs(one)))
    kept = daemon.wfctl("backup").out.strip()
    go.touch()
    assert daemon.settled(one).state == "complete"
    head = daemon.git("rev-parse", f"wfd/A{one}")
    assert daemon.wfd("stop").code == 0
    daemon.wait()

    said = daemon.wfctl("restore", kept)

    assert said.code == 0, said.err
    assert "tried again at the next start" in said.out
    daemon.start()
    assert daemon.settled(one).state == "complete"
    daemon.git("merge-base", "--is-ancestor", head, f"wfd/A{one}")
    outcomes = [run.outcome for run in daemon.runs(one)]
    assert "lost" in outcomes
    assert daemon.git("for-each-ref", "--format=%(refname)", f"refs/wfd/A{one}").count("/R") >= 2
    daemon.assert_sound()


def test_what_an_agent_left_in_a_workspace_that_the_backup_does_not_know_is_not_lost(
    daemon: "Daemon", tmp_path: Path
) -> None:
    """It would be taken for what set-up has installed there, and ignored from then on."""
    here = tmp_path / "here"
    daemon.registers()
    kept = tmp_path / "kept.db"
    one = daemon.create()
    assert daemon.wfctl("backup", "--to", str(kept)).code == 0
    daemon.plays({"implement": [[EDIT, {"touch": str(here)}, {"sleep": 300}]]})
    daemon.start()
    daemon.until_there(here)
    daemon.kill9()
    assert daemon.wfctl("restore", str(kept)).code == 0
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    assert daemon.settled(one).state == "complete"
    assert "hi" in daemon.git("show", f"wfd/A{one}:greeting.txt")


def test_a_restore_beside_a_daemon_is_refused_and_names_it(daemon: "Daemon") -> None:
    daemon.start()
    kept = daemon.wfctl("backup").out.strip()
    said = daemon.wfctl("restore", kept)
    assert said.code == 5
    assert f"pid {daemon.pid}" in said.err
    assert "wfd stop" in said.err


def test_a_backup_that_is_of_no_use_changes_nothing(daemon: "Daemon", tmp_path: Path) -> None:
    daemon.registers()
    before = daemon.place.store_path.read_bytes()
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"not a database " * 1000)
    assert daemon.wfctl("restore", str(bad)).code == 1
    assert daemon.wfctl("restore", str(tmp_path / "no.db")).code == 3
    assert daemon.place.store_path.read_bytes() == before


def test_a_file_that_is_there_is_replaced_only_when_asked_to(
    daemon: "Daemon", tmp_path: Path
) -> None:
    daemon.registers()
    mine = tmp_path / "mine"
    mine.write_text("precious")
    refused = daemon.wfctl("backup", "--to", str(mine))
    assert (refused.code, mine.read_text()) == (5, "precious")
    assert daemon.wfctl("backup", "--to", str(mine), "--force").code == 0
    assert problem(mine) is None
    nowhere = daemon.wfctl("backup", "--to", str(tmp_path / "no" / "file"))
    assert (nowhere.code, "there is no folder" in nowhere.err) == (3, True), nowhere.err


def test_what_ended_long_ago_is_pruned_while_the_daemon_works(daemon: "Daemon") -> None:
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    old = daemon.create()
    daemon.settled(old)
    daemon.until(lambda: not daemon.assignment(old).is_set_up, "its workspace removed")
    folders = [daemon.place.run_folder(run.id).path for run in daemon.runs(old)]
    assert all(folder.is_dir() for folder in folders)
    waiting = daemon.create()
    daemon.send("update_assignment", assignment=waiting, status="paused")

    trial = daemon.wfctl("prune", "--older-than", "0s", "--dry-run", "--json")
    assert json.loads(trial.out)["assignments"] == 1
    assert all(folder.is_dir() for folder in folders)
    assert daemon.wfctl("prune", "--older-than", "0s", "--transcripts-only").code == 0
    assert not any(folder.exists() for folder in folders)
    assert len(daemon.runs(old)) == len(folders), "the rows stay"
    assert daemon.wfctl("evidence", f"J{daemon.jobs(old)[0].id}", "--namespace", "repo").code == 0
    said = daemon.wfctl("prune", "--older-than", "0s", "--json")
    assert json.loads(said.out)["rows"] > 5

    assert daemon.runs(old) == []
    assert daemon.assignment(waiting).state == "paused"
    assert "hi" in daemon.git("show", f"wfd/A{old}:greeting.txt"), "branches are never touched"
    busy = daemon.wfctl("prune", "--vacuum")
    assert busy.code == 5
    assert "wfd stop" in busy.err
    assert daemon.create() > waiting
    daemon.wfd("stop")
    assert daemon.wfctl("prune", "--vacuum").code == 0


def test_what_configuration_keeps_no_longer_is_forgotten_by_the_daemon(daemon: "Daemon") -> None:
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    old = daemon.create()
    daemon.settled(old)
    daemon.until(lambda: not daemon.assignment(old).is_set_up, "its workspace removed")
    folder = daemon.place.run_folder(daemon.runs(old)[0].id).path
    daemon.wfd("stop")
    daemon.wait()
    with closing(sqlite3.connect(daemon.place.store_path)) as store:
        store.execute("update assignment set closed_at = closed_at - 3 * 86400000")
        store.commit()
    daemon.tunes(retention={"rowsDays": 2})
    daemon.start()
    daemon.until_logged("store.pruned")
    assert daemon.runs(old) == []
    assert not folder.exists()


def test_two_daemons_that_start_at_once_on_an_old_store_bring_it_forward_once(
    daemon: "Daemon",
) -> None:
    """One migrates, and the other is refused with a sentence."""
    path = daemon.place.store_path
    with closing(sqlite3.connect(path)) as old:
        for number, sql in migrations()[:2]:
            old.executescript(f"begin; {sql}; pragma user_version = {number}; commit;")
    daemons = [
        subprocess.Popen(
            [sys.executable, "-P", "-m", "wfd.cli", "start", "--quiet"],
            stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        daemon.until(lambda: sum(one.poll() is not None for one in daemons) == 2)
        refused = [one for one in daemons if one.poll() is not None]
        assert [one.returncode for one in refused] == [5, 5]
        assert all("already serves" in one.communicate()[1] for one in refused)
        daemon.until(lambda: daemon.wfd("status").code == 0)
    finally:
        for one in daemons:
            if one.poll() is None:
                one.terminate()
            one.wait(30)
            if one.stderr is not None:
                one.stderr.close()
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("pragma user_version").fetchone() == (migrations()[-1][0],)
    assert problem(path) is None
    kept = list((path.parent / "backups").iterdir())
    assert [file.name for file in kept] == [f"wfd.db.before-schema-{migrations()[-1][0]}"]
