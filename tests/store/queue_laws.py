"""What holds of the queue after every step, whatever the step was."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.dependency import Need, OnFailure, Standing
from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.job import PARKED, PM_LANE, RESERVED, Job, JobState, WaitsFor
from wfd.domain.lane import Lane, LaneState
from wfd.domain.outcome import Kind
from wfd.domain.run import Run, RunState
from wfd.rules.globs import overlap
from wfd.rules.policy import Policy
from wfd.store.rows import reader

T = TypeVar("T")

FIXED = ("assignment_id", "type", "lane", "priority", "context", "created_by", "retry_of",
         "locks", "merges")  # fmt: skip
COUNTERS = ("attempts", "no_work", "transient", "lost", "interrupted", "rate_limited")


@dataclass(frozen=True)
class Scene:
    """All rows of the queue at one moment."""

    assignments: dict[AssignmentId, Assignment]
    jobs: dict[JobId, Job]
    runs: dict[RunId, Run]
    running: dict[NamespaceId, int]  # as the namespaces count them
    lanes: dict[tuple[AssignmentId, str], Lane]
    edges: dict[tuple[JobId, JobId], OnFailure]  # who comes after whom

    def needs(self, of: JobId) -> list[Need]:
        return [
            self._need(self.jobs[needed], then)
            for (job, needed), then in self.edges.items()
            if job == of
        ]

    def _need(self, job: Job, then: OnFailure) -> Need:
        lane = self.lanes.get((job.assignment_id, job.lane))
        state = lane.state if lane else None
        return Need(job.id, job.assignment_id, job.type, job.state, state, then)

    def lines(self, of: AssignmentId) -> dict[str, list[Job]]:
        """The open jobs that stand in a line, by line."""
        found: dict[str, list[Job]] = {}
        for job in self.open_jobs(of):
            if job.waits_for is not WaitsFor.DEPENDENCY:
                found.setdefault(_line(job), []).append(job)
        return found

    def open_jobs(self, of: AssignmentId) -> list[Job]:
        return [j for j in self.jobs.values() if j.assignment_id == of and not j.is_closed]

    def turn(self, of: AssignmentId, line: str) -> Job | None:
        """The job whose turn it is."""
        return next((j for j in self.lines(of).get(line, []) if _has_turn(j)), None)


def look(connection: sqlite3.Connection) -> Scene:
    return Scene(
        {a.id: a for a in _rows(connection, Assignment, "assignment")},
        {j.id: j for j in _rows(connection, Job, "job")},
        {r.id: r for r in _rows(connection, Run, "run")},
        dict(connection.execute("select id, running from namespace")),
        {(lane.assignment_id, lane.name): lane for lane in _rows(connection, Lane, "lane", "name")},
        {
            (JobId(job), JobId(needed)): OnFailure(then)
            for job, needed, then in connection.execute("select * from dependency")
        },
    )


def _rows(connection: sqlite3.Connection, into: type[T], table: str, order: str = "id") -> list[T]:
    cursor = connection.execute(f"select * from {table} order by {order}")
    read = reader(into, [column[0] for column in cursor.description])
    return [read(row) for row in cursor.fetchall()]


def hold_now(now: Scene, policy: Policy) -> None:
    """The laws of one moment."""
    running = [r for r in now.runs.values() if r.state is RunState.RUNNING]
    busy = [j for j in now.jobs.values() if j.state is JobState.RUNNING]
    assert sorted(r.job_id for r in running) == sorted(j.id for j in busy), (
        "each running job has one running run, and each running run a running job"
    )
    assert _most((j.assignment_id, _line(j)) for j in busy) <= 1, "one per line, PM or not"
    _share_no_path(busy)
    in_each = Counter(r.namespace_id for r in running)
    assert now.running == {id_: in_each[id_] for id_ in now.running}
    for assignment in now.assignments.values():
        _holds_of(assignment, now)
    for job in now.jobs.values():
        _is_within_limits(job, policy)
        _comes_after(job, now)
        _waits_for_somebody(job, now)


def _share_no_path(busy: list[Job]) -> None:
    """Of an assignment, what declares nothing may touch all; but what runs no agent waits not."""
    working = [job for job in busy if job.type not in RESERVED]
    for number, one in enumerate(working):
        for other in working[:number]:
            if one.namespace_id == other.namespace_id and one.locks and other.locks:
                both = json.loads(one.locks), json.loads(other.locks)
                assert not overlap(*both), f"J{other.id} and J{one.id} run on one path"
            if one.assignment_id == other.assignment_id:
                assert one.locks and other.locks, "beside each other, and one declares nothing"


def _comes_after(job: Job, now: Scene) -> None:
    needs = now.needs(job.id)
    are_met = all(need.standing is Standing.MET for need in needs)
    if job.waits_for is WaitsFor.DEPENDENCY:
        assert needs and not are_met, f"J{job.id} waits for nothing"
    elif not job.is_closed:
        assert are_met, f"J{job.id} goes on before what it comes after: {needs}"
    for need in needs:
        assert need.id != job.id, "no job comes after itself"


def _waits_for_somebody(job: Job, now: Scene) -> None:
    if job.waits_for is WaitsFor.LOCK:
        assert job.waits_on is not None
        other = now.jobs[JobId(int(job.waits_on.removeprefix("J")))]
        assert not other.is_closed, f"J{job.id} waits for J{other.id}, which has ended"


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
        for line in before.lines(assignment.id).keys() | now.lines(assignment.id).keys():
            _passed_the_turn_in_order(before, now, assignment.id, line)
    for key, lane in before.lanes.items():
        if lane.state is not LaneState.OPEN:
            assert now.lanes[key].state is lane.state, "a closed lane stays what it is"
    _loses_no_work(before, now)


def _loses_no_work(before: Scene, now: Scene) -> None:
    """What was done in a lane is merged, or about to be, or a person or a PM decides on it."""
    for job in now.jobs.values():
        lane = now.lanes.get((job.assignment_id, job.lane))
        was = before.jobs.get(job.id)
        if lane is None or job.state is not JobState.DONE or (was and was.is_closed):
            continue
        merges = [j for j in now.jobs.values() if j.merges == job.lane and not j.is_closed]
        assert lane.state is LaneState.MERGED or merges, f"J{job.id} is done and not merged"


def _holds_of(assignment: Assignment, now: Scene) -> None:
    jobs = [j for j in now.jobs.values() if j.assignment_id == assignment.id]
    is_open = now.open_jobs(assignment.id)
    assert assignment.jobs == sum(j.type not in RESERVED for j in jobs)
    for line, members in now.lines(assignment.id).items():
        with_turn = [j for j in members if _has_turn(j)]
        assert len(with_turn) == 1, f"one has the turn of {line}: {with_turn}"
        if assignment.state is AssignmentState.ACTIVE:
            assert with_turn[0].waits_for in (None, WaitsFor.TIME, *PARKED)
        else:
            assert with_turn == [j for j in with_turn if _is_parked(j)]
    if assignment.state is AssignmentState.ACTIVE:
        assert is_open, "an active assignment has something open, or it would wait for ever"
        can_move = now.lines(assignment.id) or _waits_for_others(assignment, now)
        assert can_move, f"A{assignment.id} looks active, and nothing of it can move"
    if assignment.is_closed:
        assert all(j.state is JobState.RUNNING for j in is_open)
    for job in is_open:
        assert job.waits_for is not WaitsFor.TIME or job.run_after is not None
    for run in now.runs.values():
        if run.assignment_id == assignment.id and run.state is RunState.RUNNING:
            assert not assignment.is_closed or run.cancel_reason is not None


def _waits_for_others(assignment: Assignment, now: Scene) -> bool:
    needs = [need for job in now.open_jobs(assignment.id) for need in now.needs(job.id)]
    return any(
        need.standing is Standing.OPEN and need.assignment_id != assignment.id for need in needs
    )


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


def _passed_the_turn_in_order(before: Scene, now: Scene, of: AssignmentId, line: str) -> None:
    """Merges first, then PM, then priority, then age. Nobody loses a turn but by being closed;

    unless it has not begun, and comes after another now, or makes way for the daemon's own.
    """
    had, has = before.turn(of, line), now.turn(of, line)
    if had is not None and not now.jobs[had.id].is_closed:
        if has is not None and has.id == had.id:
            return
        lost = now.jobs[had.id]
        assert not had.has_begun, "whoever has begun keeps the turn"
        made_way = has is not None and has.type in RESERVED
        assert made_way or lost.waits_for is WaitsFor.DEPENDENCY, "whoever has the turn keeps it"
    if has is not None:
        assert _rank(has) == max(_rank(j) for j in now.lines(of)[line])


def _rank(job: Job) -> tuple[bool, bool, int, int]:
    return job.merges is not None, job.is_pm, job.priority, -job.id


def _line(job: Job) -> str:
    return "main" if job.lane == PM_LANE else job.lane


def _has_turn(job: Job) -> bool:
    return job.waits_for is not WaitsFor.LANE


def _is_parked(job: Job) -> bool:
    return job.state is JobState.RUNNING or job.waits_for in (WaitsFor.ASSIGNMENT, *PARKED)


def _differs(was: Job, job: Job, counter: str) -> bool:
    return bool(getattr(was, counter) != getattr(job, counter))


def _most(values: Iterable[object]) -> int:
    return max(Counter(values).values(), default=0)
