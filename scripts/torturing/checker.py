"""What must hold in the end, whatever was done: of the rows, of the answers, of the repository."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from torturing.ledger import Call
from wfd.domain.assignment import MOVES, AssignmentState
from wfd.rules.globs import overlap

_CLOSED = ("done", "failed", "cancelled")
_COUNTED = {"lost": "lost", "interrupted": "interrupted", "transient": "transient"}
_MOVED_BY = {
    "assignment.activated": "active",
    "assignment.paused": "paused",
    "assignment.blocked": "blocked",
    "assignment.completed": "complete",
    "assignment.cancelled": "cancelled",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """All that is left in the end."""

    store: sqlite3.Connection
    calls: list[Call]
    survivors: list[int]
    git: Callable[..., str]

    def rows(self, sql: str, *values: object) -> list[Row]:
        cursor = self.store.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def told(self, command: str) -> list[Call]:
        return [c for c in self.calls if c.command == command and c.end == "told"]


@contextmanager
def scene(
    store: Path, calls: list[Call], survivors: list[int], git: Callable[..., str]
) -> Iterator[Scene]:
    with closing(_reading(store)) as connection:
        yield Scene(connection, calls, survivors, git)


def open_jobs(store: Path) -> int:
    """Jobs that are at work or move by themselves."""
    with closing(_reading(store)) as connection:
        sql = (
            "select count(*) from job where state in ('queued', 'running')"
            " or (state = 'waiting' and waits_for in ('time', 'ai'))"
        )
        return int(connection.execute(sql).fetchone()[0])


def violations(of: Scene) -> list[str]:
    """Every law that does not hold, in words; none if all is well."""
    return [f"{law.__name__}: {words}" for law in LAWS for words in law(of)]


def the_store_is_whole(of: Scene) -> Iterator[str]:
    for pragma in ("integrity_check", "foreign_key_check"):
        for row in of.store.execute(f"pragma {pragma}"):
            if row != ("ok",):
                yield f"{pragma}: {row}"


def nothing_is_left_running(of: Scene) -> Iterator[str]:
    for run in of.rows("select id from run where state = 'running'"):
        yield f"R{run['id']} is still running"
    for job in of.rows("select id from job where state = 'running'"):
        yield f"J{job['id']} is still running"
    for row in of.rows("select name, running from namespace where running <> 0"):
        yield f"namespace {row['name']} counts {row['running']} running"
    if of.survivors:
        yield f"processes survive: {of.survivors}"


def each_key_made_one_job(of: Scene) -> Iterator[str]:
    by_key = {
        row["idempotency_key"]: row
        for row in of.rows("select * from job where idempotency_key is not null")
    }
    makers: Counter[str] = Counter()
    for call in [*of.told("create"), *of.told("insert_job")]:
        row = by_key.get(call.values["key"])
        if row is None or row["id"] != call.answer["job"]:
            yield f"client {call.client} was told J{call.answer['job']} by {call.values['key']}"
        makers[call.values["key"]] += call.answer["created"]
    yield from (f"{key} made {n} jobs" for key, n in makers.items() if n > 1)
    asked = {call.values["key"] for call in of.calls if "key" in call.values}
    yield from (f"nobody asked for {key}" for key in by_key.keys() - asked)


def what_was_told_is_there(of: Scene) -> Iterator[str]:
    states = {row["id"]: row["state"] for row in of.rows("select id, state from job")}
    for call in of.told("cancel_job"):
        job = call.values["job"]
        if states[job] not in _CLOSED:
            yield f"J{job} was cancelled and is {states[job]}"
        if call.answer["state"] == "cancelled" and states[job] != "cancelled":
            yield f"J{job} was told to be cancelled and is {states[job]}"
    for call in of.told("retry_job"):
        if call.answer["job"] not in states:
            yield f"J{call.answer['job']} was told to be made, and is not there"
    texts = Counter(row["text"] for row in of.rows("select text from note"))
    for call in of.calls:
        if call.command == "note":
            least = 1 if call.end == "told" else 0
            most = 0 if call.end == "refused" else 1
            if not least <= texts[call.values["text"]] <= most:
                yield f"note {call.values['text']} is there {texts[call.values['text']]} times"


def each_job_ends_once(of: Scene) -> Iterator[str]:
    twice = "select job_id from run where outcome = 'succeeded' group by 1 having count(*) > 1"
    yield from (f"J{row['job_id']} succeeded twice" for row in of.rows(twice))
    told = Counter(row["job_id"] for row in of.rows("select * from event where kind='job.closed'"))
    for job in of.rows("select id, state from job"):
        if told[job["id"]] != (job["state"] in _CLOSED):
            yield f"J{job['id']} is {job['state']} and was closed {told[job['id']]} times"
    told = Counter(row["run_id"] for row in of.rows("select * from event where kind='run.closed'"))
    for run in of.rows("select id from run"):
        if told[run["id"]] != 1:
            yield f"R{run['id']} was closed {told[run['id']]} times"


def no_two_run_in_one_lane(of: Scene) -> Iterator[str]:
    lanes = defaultdict(list)
    sql = "select run.*, job.lane from run join job on job.id = run.job_id order by run.id"
    for run in of.rows(sql):
        line = "main" if run["lane"] in ("main", "pm") else run["lane"]
        lanes[run["assignment_id"], line].append(run)
    for (assignment, _), runs in lanes.items():
        for one, other in pairwise(runs):
            if other["started_at"] < one["ended_at"]:
                yield f"A{assignment}: R{other['id']} began before R{one['id']} had ended"


def nothing_runs_before_what_it_comes_after(of: Scene) -> Iterator[str]:
    sql = """select run.id, need.id as need from run
               join dependency as edge on edge.job_id = run.job_id
               join job as need on need.id = edge.needs_job_id
              where need.closed_at is null or need.closed_at > run.started_at"""
    for row in of.rows(sql):
        yield f"R{row['id']} began before J{row['need']} was over"


def nobody_runs_on_the_paths_of_another(of: Scene) -> Iterator[str]:
    sql = """select run.id, run.started_at, run.ended_at, run.assignment_id, job.locks, job.merges
               from run join job on job.id = run.job_id
              where job.locks is not null and run.ended_at is not null"""
    runs = of.rows(sql)
    for one, other in combinations(runs, 2):
        together = one["started_at"] < other["ended_at"] and other["started_at"] < one["ended_at"]
        # what a merge brings together is its assignment's own, and no other waits for it
        is_merge = one["merges"] is not None or other["merges"] is not None
        if is_merge and one["assignment_id"] != other["assignment_id"]:
            continue
        if together and overlap(json.loads(one["locks"]), json.loads(other["locks"])):
            yield f"R{one['id']} and R{other['id']} ran together on {one['locks']}"


def counters_count(of: Scene) -> Iterator[str]:
    outcomes: dict[int, Counter[str]] = defaultdict(Counter)
    for run in of.rows("select job_id, outcome from run"):
        outcomes[run["job_id"]][run["outcome"]] += 1
    for job in of.rows("select * from job"):
        for outcome, counter in _COUNTED.items():
            seen = outcomes[job["id"]][outcome]
            spent = job["outcome"] == outcome and job["state"] in _CLOSED  # and no more tries
            if job[counter] not in (seen, seen - spent):
                yield f"J{job['id']} counts {job[counter]} {counter}, and had {seen}"
        if job["retry_of"] is None and job["attempts"] > 1:
            tried = sum(outcomes[job["id"]].values())
            if job["attempts"] > tried:
                yield f"J{job['id']} counts {job['attempts']} attempts in {tried} runs"


def assignments_made_legal_moves(of: Scene) -> Iterator[str]:
    now: dict[int, str] = {}
    for event in of.rows("select * from event where kind glob 'assignment.*' order by seq"):
        assignment = event["assignment_id"]
        if event["kind"] == "assignment.created":
            now[assignment] = "active"
        elif event["kind"] in _MOVED_BY:
            was, state = now[assignment], _MOVED_BY[event["kind"]]
            if AssignmentState(state) not in MOVES[AssignmentState(was)]:
                yield f"A{assignment} went from {was} to {state}"
            now[assignment] = state
    for row in of.rows("select id, state from assignment"):
        if now.get(row["id"]) != row["state"]:
            yield f"A{row['id']} is {row['state']}, and its events say {now.get(row['id'])}"


def nobody_waits_for_nothing(of: Scene) -> Iterator[str]:
    sql = """select id from assignment where state = 'active' and not exists
             (select 1 from job where assignment_id = assignment.id
                 and state in ('queued', 'waiting', 'running'))"""
    yield from (f"A{row['id']} is active, and nothing of it is open" for row in of.rows(sql))
    sql = """select job.id from job join assignment on assignment.id = job.assignment_id
              where job.waits_for = 'lane' and assignment.state = 'active' and not exists
             (select 1 from job as ahead where ahead.assignment_id = job.assignment_id
                 and iif(ahead.lane = 'pm', 'main', ahead.lane) =
                     iif(job.lane = 'pm', 'main', job.lane)
                 and coalesce(ahead.waits_for, '') not in ('lane', 'dependency')
                 and ahead.state in ('queued', 'waiting', 'running'))"""
    yield from (f"J{row['id']} waits for its turn behind nobody" for row in of.rows(sql))


def branches_hold_what_the_rows_say(of: Scene) -> Iterator[str]:
    refs = of.git("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/wfd")
    heads = dict(line.split() for line in refs.splitlines())
    sql = "select id, head_commit, base_commit from assignment where head_commit is not null"
    for row in of.rows(sql):
        held = heads.get(f"wfd/A{row['id']}")
        if held != row["head_commit"] and (held or row["head_commit"] != row["base_commit"]):
            yield f"wfd/A{row['id']} is at {held}, and its row says {row['head_commit']}"
    kept = set(of.git("for-each-ref", "--format=%(objectname)", "refs/wfd").split())
    for run in of.rows("select id, snapshot_commit from run where snapshot_commit is not null"):
        if run["snapshot_commit"] not in kept:
            yield f"the snapshot of R{run['id']} is under no ref"
    wrong = of.git("fsck", "--no-dangling", "--no-progress")
    if wrong:
        yield f"git fsck: {wrong}"


LAWS: list[Callable[[Scene], Iterator[str]]] = [
    the_store_is_whole,
    nothing_is_left_running,
    each_key_made_one_job,
    what_was_told_is_there,
    each_job_ends_once,
    no_two_run_in_one_lane,
    nothing_runs_before_what_it_comes_after,
    nobody_runs_on_the_paths_of_another,
    counters_count,
    assignments_made_legal_moves,
    nobody_waits_for_nothing,
    branches_hold_what_the_rows_say,
]


def _reading(store: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=10)
