"""Give up a lane that is not merged: what was done in it stays on its branch."""

from dataclasses import dataclass

from wfd.commands.closing import close_lane
from wfd.commands.house import MAX_REASON, HouseOf
from wfd.commands.queue import promote_all
from wfd.commands.record import decide
from wfd.commands.scope import assignment_in, namespace_of, text_of
from wfd.commands.settle import pause_if_idle
from wfd.domain.assignment import AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import NotAllowed, NotFound, unknown
from wfd.domain.job import By, Job
from wfd.domain.lane import Lane, LaneState
from wfd.ports import Tx


@dataclass(frozen=True)
class AbandonLane:
    namespace: str | None  # None: whichever it belongs to
    assignment: int
    lane: str
    reason: str | None = None


def abandon_lane(tx: Tx, house_of: HouseOf, want: AbandonLane) -> dict[str, object]:
    """{"assignment": id, "lane": name, "branch": …}. Refused while a job works in it."""
    assignment = assignment_in(tx, want.namespace, want.assignment)
    lanes = {lane.name: lane for lane in tx.all(Lane, "lanes_of", assignment_id=assignment.id)}
    lane = lanes.get(want.lane)
    if lane is None:
        raise NotFound(unknown(f"lane of A{assignment.id}", want.lane, lanes))
    if lane.state is not LaneState.OPEN:
        raise NotAllowed(f"the lane {lane.name} of A{assignment.id} is {lane.state} already")
    for job in tx.all(Job, "open_jobs_of", assignment_id=assignment.id):
        if lane.name in (job.lane, job.merges):
            raise NotAllowed(
                f"J{job.id} ({job.type}, {job.state}) works on it; 'wfctl cancel J{job.id}' first"
            )
    own_words = text_of(want.reason, "reason", MAX_REASON) if want.reason else None
    reason = f"the lane {lane.name} is given up" + (f": {own_words}" if own_words else "")
    decide(tx, assignment, By.PERSON, DecisionKind.CANCEL, reason)
    close_lane(tx, assignment.id, lane.name, LaneState.ABANDONED)
    promote_all(tx, assignment.id)
    if assignment.state is AssignmentState.ACTIVE:
        patience = house_of(namespace_of(tx, assignment.namespace_id)).patience
        pause_if_idle(tx, assignment, reason, patience)
    return {
        "assignment": assignment.id,
        "lane": lane.name,
        "branch": lane.view(assignment).branch,
    }
