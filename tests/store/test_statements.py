"""Every statement that the code names is there, every one there is named, and the hot ones
find their rows by an index."""

import ast
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest

from wfd.store.sqlite import open_writer
from wfd.store.statements import positional, statements

SOURCES = Path(str(files("wfd")))
CALLS = {"one": 1, "all": 1, "run": 0, "insert": 0}  # where a call has the statement's name
PORTS = {"tx", "read", "store"}  # what these calls are made on


def named_in_code() -> set[str]:
    return {name for file in SOURCES.rglob("*.py") for name in _named_in(file)}


def _named_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            place = CALLS.get(node.func.attr)
            on = ast.unparse(node.func.value).rpartition(".")[2].lstrip("_")
            if place is not None and on in PORTS and len(node.args) > place:
                yield from _literals(node.args[place])


def _literals(node: ast.expr) -> Iterator[str]:
    """The text of an argument; both of them, where it is a choice."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from _literals(node.body)
            yield from _literals(node.orelse)


def test_every_statement_that_the_code_names_is_in_the_sql() -> None:
    assert named_in_code() - set(statements()) == set()


def test_every_statement_in_the_sql_is_named_by_the_code() -> None:
    assert set(statements()) - named_in_code() == set()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = open_writer(tmp_path / "wfd.db")
    yield opened
    opened.close()


class _Any(dict[str, object]):
    """A value for every parameter: a plan does not depend on it."""

    def __missing__(self, name: str) -> object:
        return None


@pytest.mark.parametrize("name", sorted(statements()))
def test_every_statement_is_understood_by_the_database(
    connection: sqlite3.Connection, name: str
) -> None:
    connection.execute(f"explain {statements()[name]}", _Any())


class _Numbered(dict[str, object]):
    """A value of its own for every parameter."""

    def __missing__(self, name: str) -> object:
        self[name] = 1000 + len(self)
        return self[name]


@pytest.mark.parametrize("name", sorted(statements()))
def test_values_by_position_come_where_they_belong_by_name(
    connection: sqlite3.Connection, name: str
) -> None:
    told: list[str] = []  # the statements as SQLite sees them, with their values put in
    values = _Numbered()
    known = positional(statements()[name])
    connection.set_trace_callback(told.append)
    with suppress(sqlite3.IntegrityError):  # of values that make no sense
        connection.execute(statements()[name], values)
    with suppress(sqlite3.IntegrityError):
        connection.execute(known.sql, known.in_order(values))
    assert told[0] == told[1]
    assert not any(f"?{number}" in told[1] for number in range(1, len(values) + 1))


def plan(connection: sqlite3.Connection, name: str) -> str:
    connection.execute("pragma foreign_keys = off")  # or it tells of checks that an insert skips
    rows = connection.execute(f"explain query plan {statements()[name]}", _Any())
    return "\n".join(row[3] for row in rows)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("take_turn", "job_ready (namespace_id=?)"),
        ("take_job", "job_ready (namespace_id=?)"),
        ("queue_ready", "job_ready (namespace_id=?)"),
        ("due_jobs", "job_due (run_after<?)"),
        ("next_due", "job_due"),
        ("lapsed_runs", "run_lease (lease_until<?)"),
        ("head_of", "job_open (assignment_id=?)"),
        ("open_jobs_of", "job_open (assignment_id=?)"),
        ("begun_jobs_of", "job_open (assignment_id=?)"),
        ("waiting_pm", "job_open (assignment_id=?)"),
        ("running_with_locks", "job_locking (namespace_id=?)"),
        ("parked_for_lock", "job_parked_for_lock (namespace_id=?)"),
        ("needs_of", "PRIMARY KEY (job_id=?)"),
        ("waiting_for", "dependency_by_need (needs_job_id=?)"),
        ("not_begun_after", "dependency_by_need (needs_job_id=?)"),
        ("open_lanes_of", "sqlite_autoindex_lane_1 (assignment_id=?)"),
        ("lane_by_name", "sqlite_autoindex_lane_1 (assignment_id=? AND name=?)"),
        ("closed_lanes_with_workspace", "lane_with_workspace"),
        ("jobs_of", "job_by_assignment (assignment_id=?)"),
        ("job_by_key", "job_by_key (namespace_id=? AND idempotency_key=?)"),
        ("live_runs_of", "run_by_assignment (assignment_id=?)"),
        ("runs_of", "run_by_assignment (assignment_id=?)"),
        ("usage_of_session", "run_by_assignment (assignment_id=?)"),
        ("runs_of_job", "run_by_job (job_id=?)"),
        ("evidence_of", "evidence_by_assignment (assignment_id=?)"),
        ("decisions_of", "decision_by_assignment (assignment_id=?)"),
        ("closed_with_workspace", "assignment_with_workspace"),
        ("run_before", "run_by_job (job_id=?)"),
        ("ai_of_last_run", "run_by_assignment (assignment_id=?)"),
        ("ai_by_name", "sqlite_autoindex_ai_1 (name=?)"),
        ("open_hold", "hold_open (account=?)"),
        ("parked_for", "job_parked_for_ai (waits_on=?)"),
        ("notes_of", "note_by_assignment (assignment_id=?)"),
        ("questions_of", "question_by_assignment (assignment_id=?)"),
        ("open_questions_of", "question_by_assignment (assignment_id=?)"),
        ("last_question_of", "question_by_assignment (assignment_id=?)"),
        ("due_questions", "question_open"),
        ("events_after", "INTEGER PRIMARY KEY (rowid>?)"),
    ],
)
def test_a_hot_query_finds_its_rows_in_order_by_an_index(
    connection: sqlite3.Connection, name: str, index: str
) -> None:
    told = plan(connection, name)
    assert index in told
    assert "SCAN job\n" not in f"{told}\n" and "SCAN run\n" not in f"{told}\n"
    if name != "take_turn":  # namespaces are few, and sorted by whose turn it is
        assert "TEMP B-TREE" not in told


@pytest.mark.parametrize("name", ["live_runs", "cancels_asked", "running_by_ai"])
def test_the_live_runs_are_found_among_a_million_that_ended(
    connection: sqlite3.Connection, name: str
) -> None:
    assert "USING INDEX run_lease" in plan(connection, name)


def test_whose_turn_it_is_sorts_the_open_jobs_of_its_assignment_alone(
    connection: sqlite3.Connection,
) -> None:
    assert "SEARCH job USING INDEX job_open (assignment_id=?)" in plan(connection, "whose_turn")


# Those that walk a whole table, and why that is no harm.
WALKS = {
    "assignments_in": ["SCAN a"],  # from the newest on, up to a limit
    "jobs_in": ["SCAN j"],  # the same
    "closed_questions": ["SCAN q"],  # the same
    "namespaces": ["SCAN namespace"],  # they are few
    "namespace_by_checkout": ["SCAN namespace"],
    "namespaces_listed": ["SCAN n"],
    "forget_questions_of_namespace": ["SCAN question"],  # once, at the end of its namespace
    "take_turn": ["SCAN n"],
    "ready_before": ["SCAN (subquery-1)"],  # of as many rows as its limit
    "ais": ["SCAN ai USING INDEX sqlite_autoindex_ai_1"],  # they are few
    "count_parked": ["SCAN (subquery-1)"],  # of as many rows as its limit
    "parked_sets": ["SCAN sets", "SCAN sets"],  # one row for each set of AIs
    "spend_by_ai": ["SCAN run", "SCAN (subquery-1)"],  # from the newest on, up to a limit
}


@pytest.mark.parametrize("name", sorted(statements()))
def test_no_other_statement_walks_a_table_or_an_index_of_all_its_rows(
    connection: sqlite3.Connection, name: str
) -> None:
    """An index of a part of the rows, of those that are open say, may be walked."""
    parts = [
        row[0]
        for row in connection.execute(
            "select i.name from sqlite_master t, pragma_index_list(t.name) i where i.partial"
        )
    ]
    walks = [line for line in plan(connection, name).splitlines() if line.startswith("SCAN")]
    walks = [line for line in walks if line.partition(" USING INDEX ")[2] not in parts]
    assert walks == WALKS.get(name, [])


def test_the_sets_of_ais_that_jobs_wait_for_are_found_by_the_index_and_not_job_by_job(
    connection: sqlite3.Connection,
) -> None:
    told = plan(connection, "parked_sets")
    assert "SEARCH job USING INDEX job_parked_for_ai\n" in told
    assert "job_parked_for_ai (waits_on>?)" in told
