"""The lists: the queue, assignments, jobs."""

from collections.abc import Sequence
from typing import assert_never

from wfd.commands.listing import ListedAssignment, ListedJob, LockedJob, QueuedJob
from wfd.domain.job import HAND, MAIN_LANE, PM_LANE, JobState, WaitsFor
from wfd.edge.ai_words import Ais, hindrance
from wfd.edge.outcome_word import ended
from wfd.edge.table import Cell, Column, cell, print_table, state_cell
from wfd.edge.words import activity, ago, duration, globs_in_words, iso, one_line, spend
from wfd.rules.share import pm_share

NOTHING_OPEN = (
    "nothing is open.\n  wfctl create 'what you want'   starts an assignment\n"
    "  wfctl assignments              lists all assignments"
)
NO_ASSIGNMENT = "no assignment here yet.\n  wfctl create 'what you want'   starts one"
NO_LOCK = "no job holds a path lock, and none waits for one.\n  wfctl insert-job … --lock 'src/**'"
NO_JOB = "no such job here.\n  wfctl assignments   lists the assignments"


def print_queue(jobs: Sequence[QueuedJob], now: int, ais: Ais, *, is_all: bool = False) -> None:
    columns = [
        Column("JOB"),
        Column("OF"),
        Column("NAMESPACE", is_for_programs=not is_all),
        Column("TYPE"),
        Column("STATE"),
        Column("PRIO", is_number=True, gives_way=2),
        Column("HARNESS", can_wrap=True),
        Column("WAITS FOR", can_wrap=True),
        Column("MADE", gives_way=1),
        Column("LANE", is_for_programs=all(job.lane in (MAIN_LANE, PM_LANE) for job in jobs)),
        Column("LOCKS", can_wrap=True, is_for_programs=all(job.locks is None for job in jobs)),
    ]
    print_table(columns, [_queue_row(job, now, ais) for job in jobs], empty=NOTHING_OPEN)


def print_locks(jobs: Sequence[LockedJob], now: int, *, is_all: bool = False) -> None:
    columns = [
        Column("JOB"),
        Column("OF"),
        Column("NAMESPACE", is_for_programs=not is_all),
        Column("TYPE"),
        Column("STATE", can_wrap=True),
        Column("LANE"),
        Column("PATHS", can_wrap=True),
        Column("WAITS FOR"),
        Column("MADE"),
    ]
    print_table(columns, [_lock_row(job, now) for job in jobs], empty=NO_LOCK)


def print_assignments(
    assignments: Sequence[ListedAssignment], now: int, *, is_all: bool = False
) -> None:
    columns = [
        Column("ASSIGNMENT"),
        Column("NAMESPACE", is_for_programs=not is_all),
        Column("STATE"),
        Column("OPEN", is_number=True),
        Column("JOBS", is_number=True, gives_way=3),
        Column("COST", can_wrap=True, gives_way=1),
        Column("TOKENS", is_number=True, gives_way=4),
        Column("PM", is_number=True, gives_way=5),
        Column("MADE", gives_way=2),
        Column("GOAL", can_cut=True),
    ]
    rows = [_assignment_row(one, now) for one in assignments]
    print_table(columns, rows, empty=NO_ASSIGNMENT)


def print_jobs(jobs: Sequence[ListedJob], now: int, *, is_all: bool = False) -> None:
    columns = [
        Column("JOB"),
        Column("ASSIGNMENT"),
        Column("NAMESPACE", is_for_programs=not is_all),
        Column("TYPE"),
        Column("STATE"),
        Column("OUTCOME"),
        Column("ATTEMPT", is_number=True, gives_way=3),
        Column("BY", gives_way=2),
        Column("MADE", gives_way=1),
        Column("TOOK", gives_way=4),
    ]
    print_table(columns, [_job_row(job, now) for job in jobs], empty=NO_JOB)


def _queue_row(job: QueuedJob, now: int, ais: Ais) -> list[Cell]:
    return [
        cell(f"J{job.id}"),
        cell(f"A{job.assignment_id}"),
        cell(job.namespace),
        cell(job.type),
        state_cell(job.state),
        cell(job.priority),
        cell(_by(job), job.run_ai or job.harness or ""),
        cell(_waits_for(job, now, ais), job.waits_for or job.run_activity or ""),
        cell(ago(job.created_at, now), iso(job.created_at)),
        cell(job.lane),
        cell(globs_in_words(job.locks)),
    ]


def _lock_row(job: LockedJob, now: int) -> list[Cell]:
    waits = job.waits_for is WaitsFor.LOCK
    state = "waits" if waits else "has them until it is merged" if job.merges else "has them"
    return [
        cell(f"J{job.id}"),
        cell(f"A{job.assignment_id}"),
        cell(job.namespace),
        cell(job.type),
        cell(state, "waits" if waits else "has"),
        cell(job.lane),
        cell("all" if job.locks is None else globs_in_words(job.locks)),
        cell(job.waits_on if waits else ""),
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
        cell("" if one.tokens is None else f"{one.tokens:,}", one.tokens),
        _pm_share(one),
        cell(ago(one.created_at, now), iso(one.created_at)),
        cell(one_line(one.north_star, 80), one.north_star),
    ]


def _pm_share(one: ListedAssignment) -> Cell:
    share = pm_share(one)
    return cell("") if share is None else cell(f"{share.part:.0%}", f"{share.part:.3f}")


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
        state_cell(ended(job.state, job.outcome)),
        cell(job.attempts),
        cell(job.created_by),
        cell(ago(job.created_at, now), iso(job.created_at)),
        cell(took),
    ]


def _by(job: QueuedJob) -> str | None:
    """Who does it, or is to do it."""
    if job.run_by_hand is not None:
        return f"by hand: {one_line(job.run_by_hand, 30)}"
    return job.run_ai or job.harness


def _waits_for(job: QueuedJob, now: int, ais: Ais) -> str:
    """What it waits for, in a few words."""
    match job.waits_for:
        case None:
            if job.state is JobState.RUNNING and job.run_started_at is not None:
                taken = f"running for {duration(max(0, now - job.run_started_at))}"
                if job.run_activity is None:
                    return taken
                doing = activity(job.run_activity, job.run_activity_since, now, 60)
                return f"{taken}; {doing}"
            return "a worker" if job.state is JobState.QUEUED else ""
        case WaitsFor.LANE:
            return "its turn"
        case WaitsFor.TIME:
            after = f" after {job.outcome}" if job.outcome else ""
            return f"its time, {ago(job.run_after, now)}{after}"
        case WaitsFor.AI:
            if job.waits_on == HAND:
                return f"somebody: wfctl claim J{job.id}"
            return hindrance(job.waits_on, ais, now)
        case WaitsFor.DEPENDENCY:
            asks = "" if job.question_id is None else " (wfctl inbox)"
            return f"{job.waits_on}, which it comes after{asks}"
        case WaitsFor.LOCK:
            return f"paths that {job.waits_on} has"
        case WaitsFor.ASSIGNMENT:
            reason = f": {one_line(job.assignment_reason, 60)}" if job.assignment_reason else ""
            ends = job.assignment_resumes_at
            whom = "a person" if ends is None else f"the next day, {ago(ends, now)}"
            asks = f" (wfctl answer Q{job.question_id})" if job.question_id is not None else ""
            return f"{whom}, A{job.assignment_id} is {job.assignment_state}{reason}{asks}"
        case _:
            assert_never(job.waits_for)
