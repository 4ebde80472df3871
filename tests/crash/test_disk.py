"""A disk that fills up, a store that is damaged or taken away: told, survived, and put right."""

import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}
DISK_BYTES = 24 * 1024**2


@pytest.fixture
def small_disk(daemon: "Daemon") -> Iterator[Path]:
    """The state folder on a file system of its own that holds little."""
    folder = daemon.state_dir
    folder.mkdir(mode=0o700)
    options = f"size={DISK_BYTES},mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "wfd-test", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield folder
    daemon.end()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all room on the disk; the file that takes it."""
    filler = disk / "filler"
    out = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(out, b"x" * 4096)
    except OSError:
        return filler
    finally:
        os.close(out)


def test_a_full_disk_loses_nothing_and_starts_no_storm(
    daemon: "Daemon", small_disk: Path, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    daemon.tunes(limits={"jobs": 2, "freeBytes": 4 * 1024**2})
    daemon.plays({"implement": [[{"wait_for": str(go)}, EDIT]]})
    daemon.start()
    first = [daemon.create() for _ in range(3)]
    daemon.until(lambda: sum(r.pid is not None for a in first for r in daemon.runs(a)) == 2)
    filler = fill(small_disk)
    go.touch()
    daemon.until(
        lambda: daemon.logged("run.waits_for_room") or daemon.logged("store.failed")
        or json.loads(daemon.wfd("status", "--json").out)["disk"]["is_short"],
    )  # fmt: skip
    refused = daemon.wfctl("create", "more", "--namespace", "repo")
    leased = sum(len(daemon.runs(a)) for a in first)
    status = daemon.wfd("status")
    assert "is_short=True" in status.out
    assert refused.code in (0, 75), refused.err
    assert sum(len(daemon.runs(a)) for a in first) == leased <= 4

    filler.unlink()
    for one in first:
        assert daemon.settled(one).state == "complete"
    assert len(daemon.logged("store.failed")) <= 3
    daemon.assert_sound()


def test_a_store_with_damaged_pages_ends_the_daemon_with_its_own_code_and_a_backup_helps(
    daemon: "Daemon",
) -> None:
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    done = daemon.create()
    daemon.settled(done)
    kept = daemon.wfctl("backup").out.strip()
    newer = daemon.create()
    daemon.settled(newer)
    daemon.kill9()
    damage(daemon.place.store_path)
    damaged = daemon.place.store_path.read_bytes()

    daemon.launch()

    assert daemon.wait() == 74
    said = (daemon.tmp / "said.log").read_text()
    assert "malformed" in said
    assert "wfctl restore" in said
    assert daemon.place.store_path.read_bytes() == damaged, "nothing was made worse"
    restored = daemon.wfctl("restore", kept)
    assert restored.code == 0, restored.err
    assert f"A{newer}" in restored.out
    daemon.start()
    again = daemon.create()
    assert again == newer + 1, "no id is given out twice"
    assert daemon.settled(again).state == "complete"
    daemon.assert_sound()


def damage(path: Path) -> None:
    """Garbage over the root pages of jobs and runs, as a bad sector or a stray write leaves it."""
    with closing(sqlite3.connect(path)) as store:
        store.execute("pragma wal_checkpoint(truncate)")
        page = store.execute("pragma page_size").fetchone()[0]
        roots = store.execute(
            "select rootpage from sqlite_master where name in ('job', 'run', 'job_ready')"
        ).fetchall()
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    with path.open("r+b") as file:
        for (root,) in roots:
            file.seek((root - 1) * page)
            file.write(os.urandom(page))


def test_a_store_that_is_damaged_while_the_daemon_runs_stops_it_and_no_agent_is_left(
    daemon: "Daemon", tmp_path: Path
) -> None:
    daemon.plays({"implement": [[{"touch": str(tmp_path / "here")}, {"sleep": 300}]]})
    daemon.start()
    kept = daemon.wfctl("backup").out.strip()
    daemon.create()
    daemon.until_there(tmp_path / "here")
    with daemon.place.store_path.open("r+b") as file:
        file.write(b"\0" * daemon.place.store_path.stat().st_size)
    log = daemon.place.store_path.with_name("wfd.db-wal")
    with log.open("r+b") as file:
        file.write(b"\0" * log.stat().st_size)

    assert daemon.wait() == 74
    assert len(daemon.logged("store.damaged")) == 1
    assert daemon.survivors() == []
    assert daemon.wfctl("restore", kept).code == 0
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    assert daemon.settled(daemon.create()).state == "complete"
    daemon.assert_sound()


def test_a_store_that_is_deleted_under_the_daemon_is_kept_by_it_and_no_empty_one_takes_its_place(
    daemon: "Daemon",
) -> None:
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.settled(one)
    for name in ("", "-wal", "-shm"):
        Path(f"{daemon.place.store_path}{name}").unlink()

    assert daemon.wait() == 74
    (kept,) = daemon.logged("store.rescued")
    assert not daemon.place.store_path.exists()
    daemon.launch()
    assert daemon.wait() == 74
    assert kept["file"] in (daemon.tmp / "said.log").read_text()
    refused = daemon.wfctl("create", "more", "--namespace", "repo")
    assert refused.code != 0
    assert not daemon.place.store_path.exists()

    assert daemon.wfctl("restore", kept["file"]).code == 0
    assert daemon.assignment(one).state == "complete"
    daemon.start()
    assert daemon.settled(daemon.create()).state == "complete"
    daemon.assert_sound()


def test_a_state_folder_that_is_deleted_under_the_daemon_leaves_the_store_behind(
    daemon: "Daemon",
) -> None:
    daemon.plays({"implement": [[EDIT]]})
    daemon.start()
    one = daemon.create()
    daemon.settled(one)
    daemon.state_dir.rename(daemon.tmp / "gone")

    assert daemon.wait() == 74
    (kept,) = (daemon.state_dir / "backups").glob("*.db")
    with closing(sqlite3.connect(kept)) as store:
        assert store.execute("pragma integrity_check").fetchone() == ("ok",)
        assert store.execute("select state from assignment").fetchall() == [("complete",)]


def test_a_folder_that_cannot_be_written_is_refused_at_the_start_in_one_sentence(
    daemon: "Daemon", small_disk: Path
) -> None:
    daemon.registers()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        said = daemon.wfd("start")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert said.code in (1, 75)
    assert said.err.count("\n") == 1
    assert "Read-only" in said.err or "readonly" in said.err
