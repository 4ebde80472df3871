"""What a backup needs before it can be the store: ids that go on, and no run that seems to run.

What was done since it was taken lies on the disk: folders and refs of runs that it has never
heard of. No later run may have their numbers, for its own would be taken for them.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from wfd.domain.errors import Broken, NotFound
from wfd.store.backup import problem
from wfd.store.sqlite import open_writer, refuse_newer

# How far ids jump where nobody can say which were given out since.
JUMPS = {"event": 1_000_000}
_JUMP = 1000


@dataclass(frozen=True)
class Head:
    """Where the branch of an assignment is, by the daemon's own repository."""

    commit: str
    tree: str


@dataclass(frozen=True)
class Branch:
    """The branch of an assignment, or of one of its lanes, as the store knows it."""

    assignment_id: int
    lane: str | None  # None: its own
    namespace_id: int
    base: str | None
    head: str | None

    @property
    def place(self) -> str:
        """The name of its workspace, and of its refs."""
        return (
            f"A{self.assignment_id}" if self.lane is None else f"A{self.assignment_id}-{self.lane}"
        )


@dataclass(frozen=True)
class Found:
    """What the disk tells of a branch beyond its row."""

    base: Head | None = None
    head: Head | None = None
    is_set_up: bool = False  # agents may have worked there: what is new is no fruit of set-up


@dataclass(frozen=True)
class Readied:
    """What a backup holds, now that it is ready."""

    last_event_at: int | None  # in UTC milliseconds; about when it was taken
    assignments: int
    open_runs: list[int]
    moved: list[int]  # the assignments whose branch has moved on since


def refuse_useless(file: Path) -> None:
    """Raise Broken, or NewerStore, for a file that cannot become the store."""
    if not file.is_file():
        raise NotFound(f"there is no file {file}")
    found = problem(file)
    if found is not None:
        raise Broken(f"{file} is damaged, and nothing was changed: {found}")
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as read:
        version = int(read.execute("pragma user_version").fetchone()[0])
        tables = {row[0] for row in read.execute("select name from sqlite_master")}
    if version == 0 or not {"assignment", "run", "event"} <= tables:
        raise Broken(f"{file} is no store of wfd, and nothing was changed")
    refuse_newer(version, file)


def last_ids(path: Path) -> dict[str, int] | None:
    """The last id that each table has given out; None for a store that cannot say."""
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as read:
            return dict(read.execute("select name, seq from sqlite_sequence"))
    except sqlite3.Error:
        return None


def ready(
    path: Path,
    replaced: Mapping[str, int] | None,
    on_disk: Mapping[str, int],
    find: Callable[[Branch], Found],
) -> Readied:
    """Make a copy of a backup fit to be the store: one file, of the present schema.

    `replaced` are the last ids of the store before it, `on_disk` those of what lies beside it;
    `find` looks at what lies there of an assignment.
    """
    with closing(open_writer(path, keeps_before=False)) as connection:
        connection.execute("begin immediate")
        _go_on_counting(connection, replaced, on_disk)
        readied = Readied(
            last_event_at=_first(connection, "select at from event order by seq desc limit 1"),
            assignments=_first(connection, "select count(*) from assignment") or 0,
            open_runs=_lose_open_runs(connection),
            moved=_move_on(connection, find),
        )
        connection.execute("commit")
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("pragma journal_mode = delete")
    return readied


def _go_on_counting(
    connection: sqlite3.Connection, replaced: Mapping[str, int] | None, on_disk: Mapping[str, int]
) -> None:
    tables = [row[0] for row in connection.execute(
        "select name from sqlite_master where type = 'table' and sql like '%autoincrement%'"
    )]  # fmt: skip
    own = dict(connection.execute("select name, seq from sqlite_sequence").fetchall())
    for table in tables:
        last = max(own.get(table, 0), on_disk.get(table, 0))
        if replaced is not None:
            last = max(last, replaced.get(table, 0))
        else:
            last += JUMPS.get(table, 0 if table in on_disk else _JUMP)
        connection.execute("delete from sqlite_sequence where name = ?", [table])
        connection.execute("insert into sqlite_sequence values (?, ?)", [table, last])


def _lose_open_runs(connection: sqlite3.Connection) -> list[int]:
    """Have the next start take them for lost, whatever their transcripts say by now.

    They may have ended since, and their work lies beneath that of later runs.
    """
    return sorted(
        row[0]
        for row in connection.execute(
            "update run set spawned_at = null, prompt_hash = null, pid = null, pid_start = null,"
            " boot_id = null, session_id = null, answer = null, exit_code = null"
            " where state = 'running' returning id"
        ).fetchall()
    )


def set_up_in(path: Path) -> set[tuple[int, str | None]] | None:
    """The assignments and lanes that a store knows as set up; None for one that cannot say."""
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as read:
            return set(read.execute(_SET_UP))
    except sqlite3.Error:
        return None


_SET_UP = """
select id, null from assignment where is_set_up = 1
union all
select assignment_id, name from lane where is_set_up = 1
"""
_BRANCHES = """
select id, null, namespace_id, base_commit, head_commit from assignment
union all
select a.id, lane.name, a.namespace_id, lane.base_commit, lane.head_commit
  from lane join assignment as a on a.id = lane.assignment_id
 where lane.state = 'open'
"""


def _move_on(connection: sqlite3.Connection, find: Callable[[Branch], Found]) -> list[int]:
    moved = set()
    for row in connection.execute(_BRANCHES).fetchall():
        branch = Branch(*row)
        found = find(branch)
        base, head = found.base, found.head
        if found.is_set_up:
            _write(connection, branch, "is_set_up = 1")
        if branch.base is None and base is not None:
            _write(connection, branch, "base_commit = ?, base_tree = ?", base.commit, base.tree)
        if head is not None and head.commit != branch.head:
            _write(connection, branch, "head_commit = ?, head_tree = ?", head.commit, head.tree)
            moved.add(branch.assignment_id)
    return sorted(moved)


def _write(connection: sqlite3.Connection, branch: Branch, what: str, *values: str) -> None:
    of = branch.assignment_id
    if branch.lane is None:
        connection.execute(f"update assignment set {what} where id = ?", [*values, of])
        return
    in_lane = f"update lane set {what} where assignment_id = ? and name = ?"
    connection.execute(in_lane, [*values, of, branch.lane])


def _first(connection: sqlite3.Connection, sql: str) -> int | None:
    row = connection.execute(sql).fetchone()
    return None if row is None else int(row[0])
