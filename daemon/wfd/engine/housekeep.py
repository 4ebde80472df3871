"""What is looked after at leisure: questions that nobody answers, workspaces, the store's log.

The workspace of what has ended is removed; every snapshot stays, and so does the branch, but for
that of a lane that was merged.
"""

import json
from dataclasses import asdict

import anyio

from wfd.commands.deadline import expire_due
from wfd.commands.lanes import set_up
from wfd.commands.scope import namespace_of
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken, StoreFailed, WfdError
from wfd.domain.ids import AssignmentId
from wfd.domain.kept import Kept
from wfd.domain.lane import Lane, LaneState
from wfd.domain.question import Question
from wfd.domain.run import Run
from wfd.engine.leftovers import Leftovers
from wfd.engine.parts import Parts
from wfd.engine.room import may_heal
from wfd.ports import Tx

EVERY_S = 5.0
_TRASH_EVERY_S = 600.0
_DAY_MS = 86_400_000
_TURN_S = 600.0  # a turn that takes longer hangs, or removes very much
MUCH_LOG = 64 * 1024**2  # bytes; it is at most a quarter of that if nobody stands in the way


async def housekeep(parts: Parts) -> None:
    refused: set[AssignmentId] = set()
    lanes_refused: set[str] = set()
    was_told = False
    leftovers = Leftovers()
    next_sweep = 0.0
    while True:
        parts.pulse.beat("housekeep", _TURN_S)
        try:
            was_told = _tell_of_log(parts, was_told)
            await expire_questions(parts)
            await leftovers.look(parts)
            lanes = await parts.store.all(Lane, "closed_lanes_with_workspace")
            for lane in [*lanes, *leftovers.lanes]:
                await _remove_lane(parts, lane, lanes_refused)
            closed = await parts.store.all(Assignment, "closed_with_workspace")
            for assignment in [*closed, *leftovers.assignments]:
                if not _is_live(parts, assignment.id) and assignment.id not in refused:
                    await _remove(parts, assignment, refused)
            next_sweep = await _sweep_trash(parts, next_sweep)
        except StoreFailed:  # which it has logged itself
            pass
        except Broken as error:
            parts.log.error("housekeep.failed", error=str(error))
        except Exception:
            parts.log.exception("housekeep.failed")
        await anyio.sleep(EVERY_S)


def _tell_of_log(parts: Parts, was_told: bool) -> bool:
    """Say once that somebody keeps the store's log from being cut back; whether it is so."""
    size = parts.store.log_bytes
    if size > MUCH_LOG and not was_told:
        parts.log.warning(
            "store.log_grows",
            bytes=size,
            reason="a process reads an old snapshot of the store: find it with"
            " 'fuser -v wfd.db' in the state folder, and close it",
        )
    return size > MUCH_LOG


async def expire_questions(parts: Parts) -> None:
    """Do what was to happen where nobody has answered in time."""
    if not await parts.store.all(Question, "due_questions", now=parts.clock.now()):
        return
    expired = await parts.store.write(lambda tx: expire_due(tx, parts.settings.house_of))
    for asked in expired:
        parts.log.warning(
            "question.expired",
            question_id=asked.id,
            assignment_id=asked.assignment_id,
            at_deadline=asked.at_deadline,
        )
    parts.wake()


async def _remove_lane(parts: Parts, lane: Lane, refused: set[str]) -> None:
    """Nobody works in it any more: a closed lane never opens again."""
    whole = await parts.store.one(Assignment, "assignment_by_id", id=lane.assignment_id)
    assert whole is not None, "a lane has an assignment"
    seen = lane.view(whole)
    if seen.place in refused or _is_live(parts, whole.id, lane.name):
        return
    if await _is_in_hand(parts, whole.id):
        return
    namespace = await parts.store.write(lambda tx: namespace_of(tx, whole.namespace_id))
    try:
        kept = await parts.workspaces.remove(namespace, seen)
        if lane.state is LaneState.MERGED:
            await parts.workspaces.retire(namespace, seen)
    except (WfdError, OSError) as error:
        refused.add(seen.place)
        reason = str(error)
        parts.log.warning("workspace.kept", assignment_id=whole.id, lane=lane.name, reason=reason)
        return
    await _record(parts, seen, kept)


async def _is_in_hand(parts: Parts, assignment_id: AssignmentId) -> bool:
    runs = await parts.store.all(Run, "live_runs_of", assignment_id=assignment_id)
    return any(run.by_hand is not None for run in runs)


def _is_live(parts: Parts, assignment_id: AssignmentId, lane: str | None = None) -> bool:
    leases = [live.lease for live in parts.live.values()]
    return any(
        lease.assignment.id == assignment_id and lane in (None, lease.job.lane) for lease in leases
    )


async def _remove(parts: Parts, assignment: Assignment, refused: set[AssignmentId]) -> None:
    """Remove one. A job of an assignment that is reopened meanwhile waits for the end of it."""
    gone = parts.removing[assignment.id] = anyio.Event()
    try:
        now = await parts.store.one(Assignment, "assignment_by_id", id=assignment.id)
        in_hand = await parts.store.all(Run, "live_runs_of", assignment_id=assignment.id)
        is_live = bool(in_hand) or _is_live(parts, assignment.id)
        if now is not None and now.is_closed and not is_live:
            await _remove_now(parts, now, refused)
    finally:
        del parts.removing[assignment.id]
        gone.set()


async def _remove_now(parts: Parts, assignment: Assignment, refused: set[AssignmentId]) -> None:
    namespace = await parts.store.write(lambda tx: namespace_of(tx, assignment.namespace_id))
    try:
        kept = await parts.workspaces.remove(namespace, assignment)
    except StoreFailed:
        raise
    except (WfdError, OSError) as error:
        if may_heal(error):
            return
        refused.add(assignment.id)  # said once, and left alone until the next start
        parts.log.warning("workspace.kept", assignment_id=assignment.id, reason=str(error))
        return
    await _record(parts, assignment, kept)


async def _record(parts: Parts, seen: Assignment, kept: Kept) -> None:
    """Say that the workspace is gone, and where to find what only it had."""

    def record(tx: Tx) -> None:
        set_up(tx, seen, is_set_up=False)
        if kept.is_any:
            tx.run("add_kept", id=seen.id, kept=json.dumps(asdict(kept)))

    await parts.store.write(record)
    tell = parts.log.warning if kept.is_any else parts.log.info
    tell("workspace.removed", assignment_id=seen.id, lane=seen.lane, refs=kept.refs,
         trash=kept.trash, files=kept.files, bytes=kept.bytes)  # fmt: skip


async def _sweep_trash(parts: Parts, next_at: float) -> float:
    """Empty the trash of what its time or its room is over for; when to look again."""
    if anyio.current_time() < next_at:
        return next_at
    retention = parts.settings.config.retention
    for gone in await parts.workspaces.sweep_trash(retention.trash_days * _DAY_MS,
                                                   retention.trash_bytes):  # fmt: skip
        parts.log.info("trash.removed", folder=gone.trash, files=gone.files, bytes=gone.bytes)
    return anyio.current_time() + _TRASH_EVERY_S
