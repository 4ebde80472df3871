"""The story of a merge: what a parallel job has done comes into the branch of its assignment.

It takes its turn, its lease and its end like any other job, but no agent runs.
"""

from dataclasses import replace
from functools import partial

import anyio

from wfd.commands.closing import close_lane, get_lane
from wfd.commands.queue import get_assignment
from wfd.domain.assignment import Assignment
from wfd.domain.errors import DamagedStore, LeaseLost
from wfd.domain.lane import Lane, LaneState
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.template import Template
from wfd.engine.finish import CANCELLED_DEADLINE_S, need_lease, stand_at, tell_unforeseen
from wfd.engine.gathering import gather_evidence, left_out
from wfd.engine.over import Closing
from wfd.engine.parts import Lease, Parts, Settings
from wfd.engine.room import ROOM_DEADLINE_S, may_heal, once_it_passes
from wfd.engine.step_failed import FORESEEN, during, outcome_of
from wfd.engine.steps import Step, reached
from wfd.engine.workplace import NotReady, empty_folder, ready_workspace, settings_for
from wfd.ports import Conflicting, Snapshot, Tx
from wfd.rules.clip import named

MAX_NAMED = 50  # paths of a conflict

_MERGE = Template(type="merge", path="", body="", body_line=1, checks=None)  # with all checks


async def merge(parts: Parts, lease: Lease) -> Closing:
    """Merge, deliver, stand at it and run the checks. Done again, it comes to the same commit."""
    try:
        return await once_it_passes(
            parts, lease.run, partial(_merge, parts, lease), ROOM_DEADLINE_S
        )
    except NotReady as error:
        closing = _closing(error.outcome)
        return replace(closing, evidence=error.evidence, lacks_trust=error.lacks_trust)
    except (LeaseLost, DamagedStore):
        raise
    except Exception as error:
        tell_unforeseen(parts, lease, error)
        return _closing(outcome_of(error))


async def _merge(parts: Parts, lease: Lease) -> Closing:
    settings = settings_for(parts, lease)
    await empty_folder(parts, lease.run)
    try:
        with during("making the workspace ready"):
            _, assignment = await ready_workspace(parts, lease, settings)
    except NotReady as error:
        if isinstance(error.__cause__, FORESEEN) and may_heal(error.__cause__):
            raise error.__cause__ from None
        raise
    with during("the merge"):
        return await _merged(parts, lease, assignment, settings)


async def _merged(
    parts: Parts, lease: Lease, assignment: Assignment, settings: Settings
) -> Closing:
    lane, made = await _made(parts, lease, assignment)
    if isinstance(made, Conflicting):
        return _closing(Outcome(Kind.FAILED, _conflict(assignment, lane, made)))
    reached(Step.MERGED)
    await need_lease(parts, lease)
    # together, though somebody ends the run now: gates speak of the tree that the branch holds
    with anyio.CancelScope(shield=True):
        await _keep(parts, lease, assignment, lane, made)
    told = Conclusion(Outcome(Kind.SUCCEEDED), text=f"Merged {lane.view(assignment).branch}.")
    told, evidence = await gather_evidence(parts, lease, assignment, settings, _MERGE, told, made)
    return Closing(told, EndedBy.NONE, None, made, [*left_out(made, made), *evidence])


async def finish_cancelled_merge(parts: Parts, lease: Lease) -> Closing:
    """A merge that is cancelled, or was when the daemon died.

    A branch that has moved already stays where it is. Shield it.
    """
    made: Snapshot | None = None
    try:
        stand = partial(_stand_where_it_has_moved, parts, lease)
        made = await once_it_passes(parts, lease.run, stand, CANCELLED_DEADLINE_S)
    except FORESEEN as error:  # a person clears the way, and asks for it again
        parts.log.warning("merge.not_kept", run_id=lease.run.id, error=str(error))
    outcome = Outcome(Kind.CANCELLED, "cancelled while it was merged")
    return replace(_closing(outcome), snapshot=made)


async def _stand_where_it_has_moved(parts: Parts, lease: Lease) -> Snapshot | None:
    """What the branch has moved to, and its row did not say yet; None if it has not moved."""
    whole = await parts.store.write(lambda tx: get_assignment(tx, lease.assignment.id))
    at = await parts.workspaces.delivered(lease.namespace, whole)
    if at is None or at == (whole.head_commit or whole.base_commit):
        return None
    lane, made = await _made(parts, lease, whole)
    if not isinstance(made, Snapshot):
        return None
    await _keep(parts, lease, whole, lane, made)
    return made


async def _made(
    parts: Parts, lease: Lease, assignment: Assignment
) -> tuple[Lane, Snapshot | Conflicting]:
    job = lease.job
    assert job.merges is not None, "this job merges a lane"
    name = job.merges
    lane = await parts.store.write(lambda tx: get_lane(tx, assignment.id, name))
    seen = lane.view(assignment)
    made = await parts.workspaces.merge(lease.namespace, assignment, seen, job.id, lease.run.id)
    return lane, made


async def _keep(
    parts: Parts, lease: Lease, assignment: Assignment, lane: Lane, made: Snapshot
) -> None:
    await parts.workspaces.deliver(
        lease.namespace, assignment, lease.run.id, made.commit, moves_branch=True
    )
    reached(Step.DELIVERED)

    def record(tx: Tx) -> None:
        stand_at(tx, assignment, lease.run.id, made)
        close_lane(tx, assignment.id, lane.name, LaneState.MERGED)

    # before the head says so: a workspace that lacks what its head has would look like an agent's
    # that took it back
    await parts.workspaces.restore(lease.namespace, assignment, made.commit)
    reached(Step.RESTORED)
    await parts.store.write(record)


def _conflict(assignment: Assignment, lane: Lane, made: Conflicting) -> str:
    branch, where = lane.view(assignment).branch, named(made.paths, MAX_NAMED)
    return (
        f"{branch} conflicts with {assignment.branch} in {where}; nothing was changed."
        f" A retry does the work of {lane.name} again on top of {assignment.branch}"
    )


def _closing(outcome: Outcome) -> Closing:
    return Closing(Conclusion(outcome, text=outcome.message), EndedBy.NONE, None)
