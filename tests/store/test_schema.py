"""schema.sql is what a reader looks at; the migrations are what a store is made of."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import Decision, DecisionKind
from wfd.domain.errors import Broken, StoreDown
from wfd.domain.event import Event
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.job import By, Job, JobState, WaitsFor
from wfd.domain.namespace import Namespace
from wfd.domain.note import Note
from wfd.domain.question import Asker, Question, QuestionKind, QuestionState
from wfd.domain.run import Run, RunState
from wfd.store.backup import problem
from wfd.store.rows import reader
from wfd.store.sqlite import BACKUPS_KEPT, migrate, open_writer
from wfd.store.statements import migrations

SQL = files("wfd.store") / "sql" / "sqlite"
NEWEST = migrations()[-1][0]


def shape(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Every table and index with its SQL, whatever its white space: SQLite writes its own."""
    rows = connection.execute("select type, name, sql from sqlite_master where sql is not null")
    return sorted((kind, name, _plain(sql)) for kind, name, sql in rows)


def _plain(sql: str) -> str:
    """Without what SQLite itself writes in: quotes around the name of a table that was renamed."""
    return re.sub(r"\s*([,()])\s*|\s+", r"\1 ", sql.replace('"', ""))


_ONE_JOB = """
insert into namespace (id, name, git_dir, checkout, created_at) values (1, 'n', 'g', 'c', 0);
insert into assignment (id, namespace_id, north_star, state, created_at)
values (7, 1, 'x', 'active', 0);
insert into job (id, namespace_id, assignment_id, type, lane, state, waits_for, context,
                 created_by, type_seq, created_at)
values (41, 1, 7, 'plan', 'main', 'waiting', 'lane', 'go', 'person', 1, 0);
"""


def test_the_migrations_from_nothing_give_schema_sql(tmp_path: Path) -> None:
    migrated = open_writer(tmp_path / "wfd.db")
    drawn = sqlite3.connect(":memory:")
    drawn.executescript((SQL / "schema.sql").read_text(encoding="utf-8"))
    assert shape(migrated) == shape(drawn)
    migrated.close()
    drawn.close()


def test_migrations_are_numbered_without_a_gap_and_leave_their_number(tmp_path: Path) -> None:
    numbers = [number for number, _ in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    connection = open_writer(tmp_path / "wfd.db")
    assert connection.execute("pragma user_version").fetchone()[0] == numbers[-1]
    connection.close()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "wfd.db"
    connection = open_writer(path)
    before = shape(connection)
    migrate(connection, path)
    connection.close()
    again = open_writer(path)
    assert shape(again) == before
    again.close()


def test_a_migration_that_fails_leaves_neither_its_tables_nor_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wfd.db"
    last = migrations()[-1][0]
    half = "create table half (id integer) strict; select no_such_column"
    broken = [*migrations(), (last + 1, half)]
    monkeypatch.setattr("wfd.store.sqlite.migrations", lambda: broken)
    with pytest.raises(Exception, match="no_such_column"):
        open_writer(path)
    connection = sqlite3.connect(path)
    assert connection.execute("pragma user_version").fetchone()[0] == last
    assert "half" not in [name for _, name, _ in shape(connection)]
    connection.close()


def test_a_store_of_the_first_wfd_keeps_its_runs_and_learns_to_count_retries(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wfd.db"
    old = sqlite3.connect(path)
    old.executescript(f"begin; {migrations()[0][1]}; pragma user_version = 1; commit;")
    old.executescript(_ONE_JOB)
    columns = ["job_id", "assignment_id", "namespace_id", "worker", "harness", "ai", "started_at"]
    for state, outcome in (("running", None), ("closed", "stalled")):
        old.execute(
            f"insert into run ({', '.join(columns)}, state, outcome, lease_until)"
            " values (41, 7, 1, 'w', 'sim', 'sim', 0, ?, ?, 0)",
            [state, outcome],
        )
    old.commit()
    old.close()

    connection = open_writer(path)

    told = connection.execute("select id, state, activity, retries from run").fetchall()
    assert told == [(1, "running", None, 0), (2, "closed", None, 0)]
    connection.close()


def test_a_store_of_the_third_schema_keeps_its_jobs_and_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "wfd.db"
    old = sqlite3.connect(path)
    for number, sql in migrations()[:3]:
        old.executescript(f"begin; {sql}; pragma user_version = {number}; commit;")
    old.executescript(_ONE_JOB)
    old.execute("update assignment set state = 'blocked', reason = 'which one?'")
    old.commit()
    old.close()

    connection = open_writer(path)

    asked = connection.execute("select assignment_id, kind, text, state from question").fetchall()
    assert asked == [(7, "blocked", "which one?", "open")]
    assert connection.execute("select id, waits_for, locks from job").fetchall() == [
        (41, "lane", None)
    ]
    assert connection.execute("select seq from sqlite_sequence where name = 'job'").fetchone() == (
        41,
    )
    assert connection.execute("pragma foreign_keys").fetchone() == (1,)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("insert into dependency values (41, 99, 'wait')")
    connection.close()


def third(path: Path) -> None:
    """A store as the third schema had it, with one job."""
    with closing(sqlite3.connect(path)) as old:
        for number, sql in migrations()[:3]:
            old.executescript(f"begin; {sql}; pragma user_version = {number}; commit;")
        old.executescript(_ONE_JOB)


def test_what_a_store_was_before_it_is_brought_forward_is_kept_and_of_that_the_newest_few(
    tmp_path: Path,
) -> None:
    path = tmp_path / "wfd.db"
    third(path)
    backups = tmp_path / "backups"
    backups.mkdir()
    for number in range(BACKUPS_KEPT + 1):
        old = backups / f"wfd.db.before-schema-{number}"
        old.touch()
        os.utime(old, (number, number))

    open_writer(path).close()

    kept = sorted(file.name for file in backups.iterdir())
    assert kept == [f"wfd.db.before-schema-{n}" for n in (2, 3, NEWEST)]
    with closing(sqlite3.connect(backups / f"wfd.db.before-schema-{NEWEST}")) as before:
        assert before.execute("pragma user_version").fetchone() == (3,)
        assert before.execute("select id from job").fetchall() == [(41,)]


def test_a_new_store_and_one_of_this_schema_leave_no_backup(tmp_path: Path) -> None:
    for _ in range(2):
        open_writer(tmp_path / "wfd.db").close()
    assert not (tmp_path / "backups").exists()


def test_a_store_is_not_brought_forward_without_room_for_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wfd.db"
    third(path)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("wfd.store.backup.shutil.disk_usage", lambda folder: usage)
    with pytest.raises(StoreDown, match=rf"no room .* migrating the store to schema {NEWEST}"):
        open_writer(path)
    with closing(sqlite3.connect(path)) as store:
        assert store.execute("pragma user_version").fetchone() == (3,)


def test_two_processes_that_open_an_old_store_at_once_bring_it_forward_once(
    tmp_path: Path,
) -> None:
    """Migrations that raced at the start."""
    path = tmp_path / "wfd.db"
    third(path)
    code = (
        "import sys; from pathlib import Path; from wfd.store.sqlite import open_writer;"
        "sys.stdin.read(); open_writer(Path(sys.argv[1])).close()"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in both:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = [process.communicate(timeout=60)[1] for process in both]
    codes = [process.returncode for process in both]
    # whoever meets another's backup in the making is told so, and nothing is done twice
    assert all(code == 0 or "writes" in text for code, text in zip(codes, said, strict=True)), said
    assert 0 in codes
    connection = open_writer(path)
    assert connection.execute("select id from job").fetchall() == [(41,)]
    assert problem(path) is None
    connection.close()


def test_a_migration_that_would_leave_rows_that_point_at_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wfd.db"
    last = migrations()[-1][0]
    astray = "insert into note (assignment_id, text, created_at) values (9, 'x', 0)"
    monkeypatch.setattr("wfd.store.sqlite.migrations", lambda: [*migrations(), (last + 1, astray)])
    with pytest.raises(Broken, match="point at none"):
        open_writer(path)
    connection = sqlite3.connect(path)
    assert connection.execute("pragma user_version").fetchone()[0] == last
    assert connection.execute("select count(*) from note").fetchone()[0] == 0
    connection.close()


def test_a_closed_run_has_no_activity_by_the_word_of_the_database(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / "wfd.db")
    connection.execute("pragma foreign_keys = off")
    begun = (
        "insert into run (job_id, assignment_id, namespace_id, worker, harness, ai, lease_until,"
        " started_at, state, outcome, activity) values (1, 1, 1, 'w', 'sim', 'sim', 0, 0, ?, ?, ?)"
    )
    connection.execute(begun, ["running", None, "tries again"])
    with pytest.raises(sqlite3.IntegrityError, match="activity"):
        connection.execute(begun, ["closed", "failed", "tries again"])
    connection.close()


@pytest.mark.parametrize(
    ("table", "into"),
    [
        ("namespace", Namespace),
        ("assignment", Assignment),
        ("job", Job),
        ("run", Run),
        ("evidence", Evidence),
        ("decision", Decision),
        ("note", Note),
        ("question", Question),
        ("event", Event),
    ],
)
def test_every_noun_finds_its_columns(tmp_path: Path, table: str, into: type[object]) -> None:
    connection = open_writer(tmp_path / "wfd.db")
    columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
    reader(into, columns)
    connection.close()


@pytest.mark.parametrize(
    ("table", "column", "states"),
    [
        ("assignment", "state", AssignmentState),
        ("job", "state", JobState),
        ("job", "waits_for", WaitsFor),
        ("job", "created_by", By),
        ("run", "state", RunState),
        ("evidence", "kind", EvidenceKind),
        ("decision", "by", By),
        ("question", "kind", QuestionKind),
        ("question", "by", Asker),
        ("question", "state", QuestionState),
    ],
)
def test_the_database_knows_the_same_words_as_the_domain(
    tmp_path: Path, table: str, column: str, states: type[JobState]
) -> None:
    connection = open_writer(tmp_path / "wfd.db")
    sql = connection.execute("select sql from sqlite_master where name = ?", [table]).fetchone()[0]
    words = ", ".join(f"'{state}'" for state in states)
    assert f"check ({column} in ({words}))" in " ".join(sql.split())
    connection.close()


def test_every_kind_of_decision_is_taken_by_the_database(tmp_path: Path) -> None:
    """No check names them: a new kind needs no migration."""
    connection = open_writer(tmp_path / "wfd.db")
    connection.execute("pragma foreign_keys = off")
    for kind in DecisionKind:
        connection.execute(
            "insert into decision (assignment_id, by, kind, reason, inputs, created_at)"
            " values (1, 'pm', ?, 'why', '{}', 0)",
            [kind],
        )
    connection.close()
