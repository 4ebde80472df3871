"""What a job waits for, in words, and who can release it."""

from dataclasses import dataclass
from typing import assert_never

from wfd.commands.inspect import COUNT_TO, JobView
from wfd.domain.dependency import Need, Standing
from wfd.domain.job import HAND, Job, JobState, WaitsFor
from wfd.edge.ai_words import Ais, hindrance, way_out
from wfd.edge.words import ago, globs_in_words, local_time, one_line, plural


@dataclass(frozen=True)
class Wait:
    waits_for: str
    released_by: str


def wait_of(view: JobView, now: int, ais: Ais) -> Wait | None:
    """None for a job that waits for nothing any more."""
    job = view.step.job
    match job.waits_for:
        case None:
            return _for_worker(view) if job.state is JobState.QUEUED else None
        case WaitsFor.LANE:
            return _for_lane(job, view.ahead)
        case WaitsFor.TIME:
            return _for_time(job, now)
        case WaitsFor.ASSIGNMENT:
            return _for_assignment(view)
        case WaitsFor.AI:
            if job.waits_on == HAND:
                return Wait("somebody who does it by hand", f"a person: wfctl claim J{job.id}")
            return Wait(hindrance(job.waits_on, ais, now), way_out(job.waits_on, ais))
        case WaitsFor.DEPENDENCY:
            return _for_dependencies(job, view.needs)
        case WaitsFor.LOCK:
            return _for_paths(job, view.holder)
        case _:
            assert_never(job.waits_for)


def _for_worker(view: JobView) -> Wait:
    before = view.ready_before
    if not before:
        first = "it is the next of its namespace"
    else:
        count = f"more than {COUNT_TO} jobs" if before >= COUNT_TO else plural(before, "job")
        first = f"{count} of its namespace first"
    return Wait(
        f"a free worker; {first}",
        "the daemon, as soon as limits.jobs has room (wfd status says whether it runs)",
    )


def _for_lane(job: Job, ahead: Job | None) -> Wait:
    if ahead is None:
        return Wait("its turn in its assignment", "the daemon")
    later = f"; and not before {local_time(job.run_after)}" if job.run_after else ""
    return Wait(
        f"its turn: J{ahead.id} ({ahead.type}, {ahead.state}) goes first{later}",
        f"the end of J{ahead.id} and of what is before it in line;"
        f" 'wfctl cancel J{ahead.id}' ends J{ahead.id} now",
    )


def _for_dependencies(job: Job, needs: list[Need]) -> Wait:
    left = [need for need in needs if need.standing is not Standing.MET]
    failed = [need for need in left if need.standing is Standing.FAILED]
    still_open = [need for need in left if need.standing is Standing.OPEN]
    names = " and ".join(map(str, left)) or job.waits_on or "other jobs"
    ways = []
    if still_open:
        ways.append(f"the end of {' and of '.join(_end(need) for need in still_open)}")
    ways += [
        f"a person, as J{need.id} is {need.state}: 'wfctl retry J{need.id}',"
        f" 'wfctl depend J{job.id} --drop J{need.id}' or 'wfctl cancel J{job.id}'"
        for need in failed
    ]
    return Wait(f"{names}, which it comes after", "; ".join(ways) or "the daemon")


def _end(need: Need) -> str:
    return f"the merge of J{need.id}" if need.state is JobState.DONE else f"J{need.id}"


def _for_paths(job: Job, holder: Job | None) -> Wait:
    paths = f"its paths {globs_in_words(job.locks)}" if job.locks else "all paths"
    if holder is None:
        return Wait(f"{paths}, which {job.waits_on} has", f"the end of {job.waits_on}")
    whose = f"J{holder.id} ({holder.type}, {holder.state})"
    if holder.waits_for is WaitsFor.LOCK:
        has = f"which {whose} has waited for before it"
    else:
        has = f"which {whose} has" + (f": {globs_in_words(holder.locks)}" if holder.locks else "")
    ends = f"the end of J{holder.id}" + (", and its merge" if holder.has_own_lane else "")
    return Wait(f"{paths}, {has}", f"{ends}; 'wfctl cancel J{holder.id}' ends J{holder.id} now")


def _for_time(job: Job, now: int) -> Wait:
    assert job.run_after is not None, "the schema demands it"
    when = f"{local_time(job.run_after)} ({ago(job.run_after, now)})"
    if job.outcome is None:
        return Wait(f"{when}, as it was inserted to", _clock(job))
    return Wait(f"{when}, because its last run ended {job.outcome}", _clock(job))


def _clock(job: Job) -> str:
    return f"the clock; 'wfctl cancel J{job.id}' gives it up"


def _for_assignment(view: JobView) -> Wait:
    assignment = view.assignment
    reason = f": {one_line(assignment.reason)}" if assignment.reason else ""
    released_by = f"a person: wfctl update-assignment A{assignment.id} --status active"
    if assignment.resumes_at is not None:
        released_by = f"the daemon, {local_time(assignment.resumes_at)}; or {released_by}"
    return Wait(f"A{assignment.id}, which is {assignment.state}{reason}", released_by)
