"""What is looked after at leisure: questions that nobody answers, workspaces, the store's log.

The workspace of an assignment that ended is removed; its branch and every snapshot stay.
"""

import anyio

from wfd.commands.deadline import expire_due
from wfd.commands.scope import namespace_of
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken, WfdError
from wfd.domain.ids import AssignmentId
from wfd.domain.question import Question
from wfd.domain.run import Run
from wfd.engine.parts import Parts

EVERY_S = 5.0
MUCH_LOG = 64 * 1024**2  # bytes; it is at most a quarter of that if nobody stands in the way


async def housekeep(parts: Parts) -> None:
    refused: set[AssignmentId] = set()
    was_told = False
    while True:
        try:
            was_told = _tell_of_log(parts, was_told)
            await expire_questions(parts)
            for assignment in await parts.store.all(Assignment, "closed_with_workspace"):
                if not _is_live(parts, assignment.id) and assignment.id not in refused:
                    await _remove(parts, assignment, refused)
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


def _is_live(parts: Parts, assignment_id: AssignmentId) -> bool:
    return any(live.lease.assignment.id == assignment_id for live in parts.live.values())


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
        await parts.workspaces.remove(namespace, assignment)
    except (WfdError, OSError) as error:
        refused.add(assignment.id)  # it holds what is nowhere else: said once, and left alone
        parts.log.warning("workspace.kept", assignment_id=assignment.id, reason=str(error))
        return
    await parts.store.write(lambda tx: tx.run("set_up", id=assignment.id, is_set_up=False))
    parts.log.info("workspace.removed", assignment_id=assignment.id)
