"""A copy of a store that is written meanwhile: whole, of one moment, and of use afterwards."""

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.store.work import NOW, add, names

from wfd.domain.errors import Broken, Conflict, DamagedStore, NewerStore, NotFound, StoreDown
from wfd.store.backup import _is_left, backup, problem, vacuum
from wfd.store.restored import Branch, Found, Head, ready, refuse_useless
from wfd.store.sqlite import open_writer
from wfd.store.store import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "wfd.db"
    open_writer(file).close()
    return file


def filled(path: Path, count: int = 2000) -> None:
    with closing(open_writer(path)) as store:
        store.execute("begin")
        for number in range(count):
            store.execute(
                "insert into namespace (name, git_dir, checkout, created_at) values (?, ?, ?, 0)",
                [f"n{number}", f"/{number}", "x" * 1000],
            )
        store.execute("commit")


@contextmanager
def under_load(path: Path) -> Iterator[list[float]]:
    """Commit pairs of rows as fast as can be; how long each commit took, in seconds."""
    took: list[float] = []
    stopped = threading.Event()

    def work() -> None:
        with closing(open_writer(path)) as store:
            while not stopped.is_set():
                number = len(took)
                began = time.perf_counter()
                store.execute("begin immediate")
                for half in "ab":
                    store.execute(
                        "insert into namespace (name, git_dir, checkout, created_at)"
                        " values (?, ?, 'c', 0)",
                        [f"l{number}{half}", f"/l{number}{half}"],
                    )
                store.execute("commit")
                took.append(time.perf_counter() - began)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        stopped.set()
        thread.join()


def test_a_backup_under_load_is_one_moment_of_the_store_and_ends(path: Path) -> None:
    filled(path)
    to = path.with_name("kept.db")
    with under_load(path) as took:
        while len(took) < 50:
            time.sleep(0.01)
        before = len(took)
        backup(path, to)
        during = len(took) - before
    assert during > 0, "nobody waits for a backup"
    assert problem(to) is None
    with closing(sqlite3.connect(to)) as kept:
        (odd,) = kept.execute(
            "select count(*) from namespace a where name like 'l%a' and not exists"
            " (select 1 from namespace b where b.name = replace(a.name, 'a', 'b'))"
        ).fetchone()
        assert odd == 0
        assert kept.execute("select count(*) from namespace").fetchone()[0] >= 2000 + 2 * before


def test_a_backup_is_one_file_that_only_its_owner_reads_and_tells_how_far_it_is(
    path: Path,
) -> None:
    filled(path)
    to = path.with_name("kept.db")
    told: list[tuple[int, int]] = []
    size = backup(path, to, lambda done, total: told.append((done, total)))
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert to.stat().st_size == size == told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    with closing(sqlite3.connect(f"{to.as_uri()}?mode=ro", uri=True)) as kept:
        assert kept.execute("pragma journal_mode").fetchone() == ("delete",)
    assert sorted(file.name for file in path.parent.glob("*kept*")) == ["kept.db"]


def test_a_backup_that_is_cut_short_leaves_nothing_under_its_name(path: Path) -> None:
    filled(path)
    to = path.with_name("kept.db")
    to.write_text("the one before")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(path, to, stop)
    assert to.read_text() == "the one before"
    assert list(path.parent.glob(".*")) == []


def test_what_a_killed_backup_has_left_is_removed_by_the_next_and_a_live_one_is_left_alone(
    path: Path,
) -> None:
    left = path.with_name(".old.db.partial")
    left.write_text("half")
    to = path.with_name("kept.db")
    busy: list[str] = []

    def second(done: int, total: int) -> None:
        with pytest.raises(Conflict, match="writes"):
            backup(path, to)
        busy.append("refused")

    backup(path, to, second)
    assert busy
    assert not left.exists()
    assert problem(to) is None


def test_without_room_a_backup_is_not_begun(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("wfd.store.backup.shutil.disk_usage", lambda folder: usage)
    with pytest.raises(StoreDown, match=r"needs .* bytes and 1,000 are free; make room"):
        backup(path, path.with_name("kept.db"))
    assert list(path.parent.glob("*kept*")) == []


def test_a_store_with_damaged_pages_makes_no_backup_that_seems_good(path: Path) -> None:
    filled(path)
    with path.open("r+b") as file:
        file.seek(50 * 4096)
        file.write(os.urandom(4096 * 20))
    with pytest.raises(DamagedStore, match="damaged"):
        backup(path, path.with_name("kept.db"))
    assert not path.with_name("kept.db").exists()
    with pytest.raises(NotFound, match="nothing to keep"):
        backup(path.with_name("no.db"), path.with_name("kept.db"))


def test_vacuum_gives_free_pages_back(path: Path) -> None:
    filled(path)
    with closing(open_writer(path)) as store:
        store.execute("delete from namespace")
    assert vacuum(path) > 1_000_000
    assert problem(path) is None


# --- a backup becomes the store ---------------------------------------------------


def test_what_cannot_be_a_store_is_refused(path: Path) -> None:
    other = path.with_name("other.db")
    with pytest.raises(NotFound, match="no file"):
        refuse_useless(other)
    other.write_text("my notes\n" * 1000)
    with pytest.raises(Broken, match=r"damaged, and nothing was changed: .*not a database"):
        refuse_useless(other)
    other.unlink()
    with closing(sqlite3.connect(other)) as foreign:
        foreign.execute("create table notes (text)")
    with pytest.raises(Broken, match="no store of wfd"):
        refuse_useless(other)
    with closing(sqlite3.connect(path)) as store:
        store.execute("pragma user_version = 99")
    with pytest.raises(NewerStore, match="schema 99"):
        refuse_useless(path)


async def test_no_id_is_given_out_again_after_a_restore(path: Path) -> None:
    store = await SqliteStore.open(path, lambda: NOW)
    await store.write(add("a"))
    await store.close()
    ready(path, {"namespace": 7, "job": 5}, {"run": 12}, lambda branch: Found())
    store = await SqliteStore.open(path, lambda: NOW)
    assert await store.write(add("b")) == 8
    assert await names(store) == ["a", "b"]
    await store.close()
    assert ids(path)["run"] == 12
    assert ids(path)["job"] == 5


def test_where_nobody_can_say_which_ids_were_given_out_they_jump(path: Path) -> None:
    ready(path, None, {"namespace": 2, "assignment": 3, "run": 9}, lambda branch: Found())
    known = ids(path)
    assert (known["namespace"], known["assignment"], known["run"]) == (2, 3, 9)
    assert known["job"] >= 1000
    assert known["event"] >= 1_000_000, "a follower's cursor is not behind the next event"


def ids(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as store:
        return dict(store.execute("select name, seq from sqlite_sequence"))


ONE_RUN = """
insert into namespace (id, name, git_dir, checkout, created_at) values (1, 'n', 'g', 'c', 0);
insert into assignment (id, namespace_id, north_star, state, base_commit, base_tree,
                        head_commit, head_tree, created_at)
values (7, 1, 'x', 'active', 'b', 'bt', 'old', 'oldt', 0),
       (8, 1, 'y', 'active', null, null, null, null, 0);
insert into job (id, namespace_id, assignment_id, type, lane, state, context, created_by,
                 type_seq, created_at)
values (41, 1, 7, 'plan', 'main', 'running', 'go', 'person', 1, 0);
insert into run (id, job_id, assignment_id, namespace_id, state, worker, harness, ai, lease_until,
                 started_at, spawned_at, pid, pid_start, boot_id, session_id)
values (101, 41, 7, 1, 'running', 'w', 'sim', 'sim', 0, 0, 5, 1, 2, 'boot', 'session');
"""


def test_a_run_that_was_open_is_lost_and_its_branch_is_gone_on_from_where_it_is(
    path: Path,
) -> None:
    with closing(open_writer(path)) as store:
        store.executescript(ONE_RUN)

    def find(branch: Branch) -> Found:
        if branch.assignment_id == 7:
            return Found(head=Head("new", "newt"), is_set_up=True)
        return Found(base=Head("base", "baset"))

    readied = ready(path, {}, {}, find)

    assert (readied.open_runs, readied.moved, readied.assignments) == ([101], [7], 2)
    with closing(sqlite3.connect(path)) as store:
        assert store.execute(
            "select state, spawned_at, pid, boot_id, session_id from run"
        ).fetchall() == [("running", None, None, None, None)]
        assert store.execute(
            "select base_commit, base_tree, head_commit, head_tree, is_set_up"
            " from assignment order by id"
        ).fetchall() == [("b", "bt", "new", "newt", 1), ("base", "baset", None, None, 0)]
    assert not path.with_name("wfd.db-wal").exists()


def test_a_result_that_was_given_by_hand_and_not_taken_is_lost_like_any_other_run(
    path: Path,
) -> None:
    given = "update run set by_hand = 'ada', answer = 'done', exit_code = 0, session_id = null"
    with closing(open_writer(path)) as store:
        store.executescript(ONE_RUN)
        store.execute(given)
    ready(path, {}, {}, lambda branch: Found())
    with closing(sqlite3.connect(path)) as store:
        told = store.execute("select by_hand, answer, exit_code, spawned_at from run").fetchall()
    assert told == [("ada", None, None, None)], "or it would be done, with no work to show"


def test_a_lane_is_gone_on_with_from_where_its_own_branch_is(path: Path) -> None:
    with closing(open_writer(path)) as store:
        store.executescript(ONE_RUN)
        for name, state in (("J41", "open"), ("J40", "merged")):
            store.execute(
                "insert into lane (assignment_id, name, state, base_commit, created_at, closed_at)"
                " values (7, ?, ?, 'b', 0, ?)",
                [name, state, None if state == "open" else 1],
            )
    places: list[str] = []

    def find(branch: Branch) -> Found:
        places.append(branch.place)
        return Found(head=Head("new", "newt"), is_set_up=True) if branch.lane else Found()

    readied = ready(path, {}, {}, find)

    assert sorted(places) == ["A7", "A7-J41", "A8"], "a lane that is over stays as it is"
    assert readied.moved == [7]
    with closing(sqlite3.connect(path)) as store:
        lanes = store.execute("select name, head_commit, is_set_up from lane order by name")
        assert lanes.fetchall() == [("J40", None, 0), ("J41", "new", 1)]
        assert store.execute("select head_commit from assignment where id = 7").fetchall() == [
            ("old",)
        ]


def test_a_copy_that_has_taken_its_name_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    part = tmp_path / ".wfd.db.partial"
    part.touch()
    with part.open("rb") as opened:  # by a second process, just before the first one is done
        part.rename(tmp_path / "wfd.db")
        assert not _is_left(part, opened.fileno())
        part.touch()  # of a third
        assert not _is_left(part, opened.fileno())
    with part.open("rb") as opened:
        assert _is_left(part, opened.fileno())
