"""What holds of the queue after every step, whatever the step was."""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.job import PARKED, Job, JobState, WaitsFor
from wfd.domain.outcome import Kind
from wfd.domain.run import Run, RunState
from wfd.rules.policy import Policy
from wfd.store.rows import reader

T = TypeVar("T")

FIXED = ("assignment_id", "type", "lane", "priority", "context", "created_by", "retry_of")
COUNTERS = ("attempts", "no_work", "transient", "lost", "interrupted", "rate_limited")


@dataclass(frozen=True)
class Scene:
    """All rows of the queue at one moment."""

    assignments: dict[AssignmentId, Assignment]
    jobs: dict[JobId, Job]
    runs: dict[RunId, Run]
    running: dict[NamespaceId, int]  # as the namespaces count them

    def open_jobs(self, of: AssignmentId) -> list[Job]:
        return [j for j in self.jobs.values() if j.assignment_id == of and not j.is_closed]

    def turn(self, of: AssignmentId) -> Job | None:
        """The job whose turn it is."""
        return next((j for j in self.open_jobs(of) if _has_turn(j)), None)


def look(connection: sqlite3.Connection) -> Scene:
    return Scene(
        {a.id: a for a in _rows(connection, Assignment, "assignment")},
        {j.id: j for j in _rows(connection, Job, "job")},
        {r.id: r for r in _rows(connection, Run, "run")},
        dict(connection.execute("select id, running from namespace")),
    )


def _rows(connection: sqlite3.Connection, into: type[T], table: str) -> list[T]:
    cursor = connection.execute(f"select * from {table} order by id")
    read = reader(into, [column[0] for column in cursor.description])
    return [read(row) for row in cursor.fetchall()]


def hold_now(now: Scene, policy: Policy) -> None:
    """The laws of one moment."""
    running = [r for r in now.runs.values() if r.state is RunState.RUNNING]
    busy = [j for j in now.jobs.values() if j.state is JobState.RUNNING]
    assert sorted(r.job_id for r in running) == sorted(j.id for j in busy), (
        "each running job has one running run, and each running run a running job"
    )
    assert _most(j.assignment_id for j in busy) <= 1, "one running job per assignment, PM or not"
    in_each = Counter(r.namespace_id for r in running)
    assert now.running == {id_: in_each[id_] for id_ in now.running}
    for assignment in now.assignments.values():
        _holds_of(assignment, now)
    for job in now.jobs.values():
        _is_within_limits(job, policy)


def hold_between(before: Scene, now: Scene, counted: dict[JobId, str | None]) -> None:
    """The laws of one step. `counted` are the counters that it was to move, by job."""
    assert before.jobs.keys() <= now.jobs.keys(), "no job is lost"
    assert before.runs.keys() <= now.runs.keys(), "no run is lost"
    assert len(now.jobs) - len(before.jobs) <= 1, "one step makes one job"
    for run in before.runs.values():
        if run.state is RunState.CLOSED:
            assert now.runs[run.id] == run, "a closed run is never written again"
    for run in now.runs.values():
        if run.state is RunState.CLOSED and run.cancel_reason is not None:
            assert run.outcome is Kind.CANCELLED, "what was asked to end has no other outcome"
    newest = max(before.runs, default=0)
    assert all(id_ > newest for id_ in now.runs.keys() - before.runs.keys()), "a token is new"
    for job in before.jobs.values():
        _moved_lawfully(job, now.jobs[job.id], counted.get(job.id))
    for assignment in now.assignments.values():
        _passed_the_turn_in_order(before, now, assignment.id)


def _holds_of(assignment: Assignment, now: Scene) -> None:
    jobs = [j for j in now.jobs.values() if j.assignment_id == assignment.id]
    is_open = now.open_jobs(assignment.id)
    assert assignment.jobs == sum(not j.is_pm for j in jobs)
    with_turn = [j for j in is_open if _has_turn(j)]
    assert len(with_turn) == (1 if is_open else 0), f"one has the turn: {with_turn}"
    if assignment.state is AssignmentState.ACTIVE:
        assert is_open, "an active assignment has something open, or it would wait for ever"
        assert with_turn[0].waits_for in (None, WaitsFor.TIME, *PARKED)
    else:
        assert with_turn == [j for j in with_turn if _is_parked(j)]
    if assignment.is_closed:
        assert all(j.state is JobState.RUNNING for j in is_open)
    for job in is_open:
        assert job.waits_for is not WaitsFor.TIME or job.run_after is not None
    for run in now.runs.values():
        if run.assignment_id == assignment.id and run.state is RunState.RUNNING:
            assert not assignment.is_closed or run.cancel_reason is not None


def _is_within_limits(job: Job, policy: Policy) -> None:
    for kind, rule in policy.outcomes.items():
        limit = policy.limit(kind)
        if rule.counter is not None and limit is not None:
            assert getattr(job, rule.counter) <= limit, f"J{job.id}: {rule.counter}"


def _moved_lawfully(was: Job, job: Job, counted: str | None) -> None:
    if was.is_closed:
        assert job == was, "a closed job never reopens, nor changes"
    for name in FIXED:
        assert getattr(job, name) == getattr(was, name), f"J{job.id}: {name}"
    moved = {c: getattr(job, c) - getattr(was, c) for c in COUNTERS if _differs(was, job, c)}
    assert moved == ({counted: 1} if counted else {}), f"J{job.id}"


def _passed_the_turn_in_order(before: Scene, now: Scene, of: AssignmentId) -> None:
    """PM first, then priority, then age; and nobody loses a turn but by being closed."""
    had, has = before.turn(of), now.turn(of)
    if had is not None and not now.jobs[had.id].is_closed:
        assert has is not None and has.id == had.id, "whoever has the turn keeps it"
        return
    if has is not None:
        assert _rank(has) == max(_rank(j) for j in now.open_jobs(of))


def _rank(job: Job) -> tuple[bool, int, int]:
    return job.is_pm, job.priority, -job.id


def _has_turn(job: Job) -> bool:
    return job.waits_for is not WaitsFor.LANE


def _is_parked(job: Job) -> bool:
    return job.state is JobState.RUNNING or job.waits_for in (WaitsFor.ASSIGNMENT, *PARKED)


def _differs(was: Job, job: Job, counter: str) -> bool:
    return bool(getattr(was, counter) != getattr(job, counter))


def _most(values: Iterable[object]) -> int:
    return max(Counter(values).values(), default=0)
