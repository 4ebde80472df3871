"""The lists: the queue, assignments, jobs, evidence."""

from collections.abc import Sequence

from wfd.commands.inspect import ListedAssignment, ListedJob, QueuedJob
from wfd.domain.evidence import Evidence
from wfd.domain.job import JobState
from wfd.edge.evidence_words import result_of
from wfd.edge.table import Cell, Column, cell, print_table, state_cell
from wfd.edge.waiting import briefly
from wfd.edge.words import ago, duration, iso, one_line, spend

NOTHING_OPEN = (
    "nothing is open.\n  wfctl create 'what you want'   starts an assignment\n"
    "  wfctl assignments              lists what there was"
)
NO_ASSIGNMENT = "no assignment here yet.\n  wfctl create 'what you want'   starts one"
NO_JOB = "no such job here.\n  wfctl assignments   lists what there is to look into"
NO_EVIDENCE = "no evidence yet: the daemon collects it when a run of this job has ended."


def print_queue(jobs: Sequence[QueuedJob], now: int) -> None:
    columns = [
        Column("JOB"),
        Column("ASSIGNMENT"),
        Column("NAMESPACE"),
        Column("TYPE"),
        Column("STATE"),
        Column("PRIO", is_number=True),
        Column("HARNESS"),
        Column("WAITS FOR", can_wrap=True),
        Column("MADE"),
    ]
    print_table(columns, [_queue_row(job, now) for job in jobs], empty=NOTHING_OPEN)


def print_assignments(assignments: Sequence[ListedAssignment], now: int) -> None:
    columns = [
        Column("ASSIGNMENT"),
        Column("NAMESPACE"),
        Column("STATE"),
        Column("OPEN", is_number=True),
        Column("JOBS", is_number=True),
        Column("COST", can_wrap=True),
        Column("MADE"),
        Column("NORTH STAR", can_wrap=True),
    ]
    rows = [_assignment_row(one, now) for one in assignments]
    print_table(columns, rows, empty=NO_ASSIGNMENT)


def print_jobs(jobs: Sequence[ListedJob], now: int) -> None:
    columns = [
        Column("JOB"),
        Column("ASSIGNMENT"),
        Column("NAMESPACE"),
        Column("TYPE"),
        Column("STATE"),
        Column("OUTCOME"),
        Column("ATTEMPT", is_number=True),
        Column("BY"),
        Column("MADE"),
        Column("TOOK"),
    ]
    print_table(columns, [_job_row(job, now) for job in jobs], empty=NO_JOB)


def print_evidence(evidence: Sequence[Evidence]) -> None:
    columns = [
        Column("RUN"),
        Column("KIND"),
        Column("NAME"),
        Column("RESULT", can_wrap=True),
        Column("TOOK"),
        Column("TREE"),
        Column("FILE", can_wrap=True),
    ]
    print_table(columns, [_evidence_row(one) for one in evidence], empty=NO_EVIDENCE)


def _queue_row(job: QueuedJob, now: int) -> list[Cell]:
    return [
        cell(f"J{job.id}"),
        cell(f"A{job.assignment_id}"),
        cell(job.namespace),
        cell(job.type),
        state_cell(job.state),
        cell(job.priority),
        cell(job.run_harness or job.harness),
        cell(briefly(job, now), job.waits_for or ""),
        cell(ago(job.created_at, now), iso(job.created_at)),
    ]


def _assignment_row(one: ListedAssignment, now: int) -> list[Cell]:
    return [
        cell(f"A{one.id}"),
        cell(one.namespace),
        state_cell(one.state),
        cell(one.open_jobs),
        cell(one.jobs),
        cell(spend(one.cost_usd, one.unmeasured)),
        cell(ago(one.created_at, now), iso(one.created_at)),
        cell(one_line(one.north_star, 80), one.north_star),
    ]


def _job_row(job: ListedJob, now: int) -> list[Cell]:
    took = "" if job.closed_at is None else duration(job.closed_at - job.created_at)
    state = state_cell(job.state)
    if job.state is JobState.WAITING:
        state = Cell(f"{job.state} ({job.waits_for})", str(job.state), state.colour)
    return [
        cell(f"J{job.id}"),
        cell(f"A{job.assignment_id}"),
        cell(job.namespace),
        cell(job.type),
        state,
        state_cell(job.outcome),
        cell(job.attempts),
        cell(job.created_by),
        cell(ago(job.created_at, now), iso(job.created_at)),
        cell(took),
    ]


def _evidence_row(one: Evidence) -> list[Cell]:
    return [
        cell(f"R{one.run_id}"),
        cell(one.kind),
        cell(one.name),
        result_of(one),
        cell("" if one.duration_ms is None else duration(one.duration_ms)),
        cell((one.tree or "")[:12], one.tree or ""),
        cell(one.path),
    ]
