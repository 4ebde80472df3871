"""Have a job come after others, or no longer."""

from collections.abc import Sequence
from dataclasses import dataclass

from wfd.commands.closing import get_lane
from wfd.commands.dependencies import needs_of
from wfd.commands.house import HouseOf
from wfd.commands.locks import free_paths
from wfd.commands.queue import (
    add_need,
    get_assignment,
    get_job,
    hold_back,
    line_up,
    promote,
)
from wfd.commands.record import event_of_job
from wfd.commands.scope import job_in, namespace_of
from wfd.commands.settle import block_if_stuck
from wfd.domain.dependency import After, Need, OnFailure, Standing
from wfd.domain.errors import BadInput, NotAllowed, NotFound
from wfd.domain.ids import JobId, NamespaceId
from wfd.domain.job import RESERVED, Job, WaitsFor
from wfd.ports import Read, Tx

MAX_NEEDS = 100  # jobs that one may come after
MAX_WALK = 10_000  # jobs that are looked at for a cycle


@dataclass(frozen=True)
class Depend:
    namespace: str | None  # None: whichever it belongs to
    job: int
    after: tuple[int, ...] = ()
    if_failed: OnFailure = OnFailure.WAIT
    drop: tuple[int, ...] = ()


def depend(tx: Tx, house_of: HouseOf, want: Depend) -> dict[str, object]:
    """{"job": id, "state": …, "waits_on": …, "assignment_state": …}"""
    job = job_in(tx, want.namespace, want.job)
    _refuse(job, want)
    for dropped in want.drop:
        if not tx.run("drop_dependency", job_id=job.id, needs_job_id=dropped):
            raise NotFound(f"J{job.id} does not come after J{dropped}; 'wfctl job J{job.id}' says")
        event_of_job(tx, "job.dependency_dropped", job, needs=dropped)
    for after in wanted_needs(tx, job.namespace_id, want.after, want.if_failed):
        path = _path(tx, after.job_id, job.id)
        if path is not None:
            names = " → ".join(f"J{id_}" for id_ in (job.id, *path))
            raise NotAllowed(f"that would be a cycle: {names}, where each comes after the next")
        add_need(tx, job.id, after)
        event_of_job(
            tx, "job.dependency_added", job, needs=after.job_id, if_failed=after.on_failure
        )
    if len(needs_of(tx, job.id)) > MAX_NEEDS:
        raise BadInput(f"J{job.id} would come after more than {MAX_NEEDS} jobs")
    _place(tx, job)
    free_paths(tx, job.namespace_id)  # others may have waited behind it
    patience = house_of(namespace_of(tx, job.namespace_id)).patience
    block_if_stuck(tx, get_assignment(tx, job.assignment_id), patience)
    now = get_job(tx, job.id)
    return {
        "job": job.id,
        "state": now.state,
        "waits_on": now.waits_on,
        "assignment_state": get_assignment(tx, job.assignment_id).state,
    }


def wanted_needs(
    tx: Tx, namespace_id: NamespaceId, ids: Sequence[int], on_failure: OnFailure
) -> tuple[After, ...]:
    """What a person named, if each of it can still be met."""
    if len(ids) > MAX_NEEDS:
        raise BadInput(f"a job may come after {MAX_NEEDS} others at most, not {len(ids)}")
    for id_ in ids:
        found = tx.one(Job, "job_by_id", id=id_)
        if found is None or found.namespace_id != namespace_id:
            raise NotFound(f"no job J{id_} in this namespace to come after; see 'wfctl jobs'")
        if _standing(tx, found, on_failure) is Standing.FAILED:
            raise NotAllowed(
                f"J{id_} ({found.type}) is {found.state} already; 'wfctl retry J{id_}' first,"
                " or say --if-failed run"
            )
    return tuple(After(JobId(id_), on_failure) for id_ in dict.fromkeys(ids))


def _standing(tx: Tx, job: Job, on_failure: OnFailure) -> Standing:
    lane_state = None
    if job.has_own_lane:
        lane_state = get_lane(tx, job.assignment_id, job.lane).state
    return Need(job.id, job.assignment_id, job.type, job.state, lane_state, on_failure).standing


def _refuse(job: Job, want: Depend) -> None:
    if not want.after and not want.drop:
        raise BadInput("say --after or --drop, and which job")
    if job.type in RESERVED:
        raise NotAllowed(f"J{job.id} is a {job.type} job, and the daemon chooses when it runs")
    if job.is_closed:
        raise NotAllowed(f"J{job.id} is {job.state}, so its dependencies cannot change any more")
    if job.has_begun:
        raise NotAllowed(f"J{job.id} has begun already; 'wfctl cancel J{job.id}' ends it")
    if job.id in want.after:
        raise NotAllowed(f"that would be a cycle: J{job.id} → J{job.id}")


def _place(tx: Tx, job: Job) -> None:
    if all(need.standing is Standing.MET for need in needs_of(tx, job.id)):
        if job.waits_for is WaitsFor.DEPENDENCY:
            line_up(tx, job)
            promote(tx, job.assignment_id, job.lane)
    else:
        hold_back(tx, job)


def _path(read: Read, start: JobId, goal: JobId) -> list[JobId] | None:
    """How one job comes, through others, after another; both ends are in it."""
    came_from: dict[JobId, JobId | None] = {start: None}
    ahead = [start]
    while ahead:
        here = ahead.pop()
        if here == goal:
            return _way_back(came_from, goal)
        if len(came_from) > MAX_WALK:
            raise NotAllowed(f"J{start} comes after more than {MAX_WALK:,} jobs; that is too many")
        for need in needs_of(read, here):
            if need.id not in came_from:
                came_from[need.id] = here
                ahead.append(need.id)
    return None


def _way_back(came_from: dict[JobId, JobId | None], goal: JobId) -> list[JobId]:
    path = [goal]
    while (before := came_from[path[0]]) is not None:
        path.insert(0, before)
    return path
