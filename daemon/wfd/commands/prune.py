"""Forgetting what ended long ago: an assignment with all its rows, and then its events.

Each call is one short transaction, so that nobody waits for it; the caller asks until all is gone.
What is never forgotten: the ids that were given out, what was spent on a day, and all that
something open points at.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wfd.commands.house import HouseOf
from wfd.ports import Read, Tx

MAX_ROWS = 500  # of one call: some milliseconds
MAX_EVENTS = 2000  # that one call looks at
KEYS_STAY_MS = 30 * 86_400_000  # a key that is forgotten makes its job a second time
# What points at a row goes before it. Each takes the assignment and how many rows it may touch.
DELETES: tuple[Callable[[Tx, int, int], int], ...] = (
    lambda tx, of, most: tx.run("forget_evidence", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_notes", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_questions", id=of, limit=most),
    lambda tx, of, most: tx.run("loosen_questions_of_jobs", id=of, limit=most),
    lambda tx, of, most: tx.run("loosen_questions_of_runs", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_needs", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_needed", id=of, limit=most),
    lambda tx, of, most: tx.run("loosen_jobs", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_decisions", id=of, limit=most),
    lambda tx, of, most: tx.run("loosen_holds", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_runs", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_jobs", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_lanes", id=of, limit=most),
    lambda tx, of, most: tx.run("forget_assignment", id=of, limit=most),
)


@dataclass(frozen=True)
class PruneAssignment:
    assignment: int
    before: int  # it must have ended before, in UTC milliseconds


@dataclass(frozen=True)
class PruneEvents:
    after: int  # the last event that was looked at


def is_prunable(read: Read, now: int, assignment_id: int, before: int) -> bool:
    """Whether it ended before that, and nothing that is kept or open points at it."""
    found = read.one(
        int,
        "prunable_assignment",
        id=assignment_id,
        before=before,
        keys_before=min(before, now - KEYS_STAY_MS),
    )
    return found is not None


def prune_assignment(tx: Tx, house_of: HouseOf, want: PruneAssignment) -> dict[str, object]:
    """{"rows": how many are gone, "is_gone": all of them, "is_kept": none may go}."""
    if not is_prunable(tx, tx.now, want.assignment, want.before):
        return {"rows": 0, "is_gone": False, "is_kept": True}
    left = forget(tx, want.assignment, MAX_ROWS)
    return {"rows": MAX_ROWS - left, "is_gone": left > 0, "is_kept": False}


def forget(tx: Tx, assignment_id: int, most: int) -> int:
    """How many of `most` rows may still go; 0 means that some of the assignment may be left."""
    left = most
    for delete in DELETES:
        left -= delete(tx, assignment_id, left)
        if left <= 0:
            return 0
    return left


def prune_events(tx: Tx, house_of: HouseOf, want: PruneEvents) -> dict[str, object]:
    """{"rows": how many are gone, "next": where to go on, null at the end}.

    Those of assignments that are gone; none that a follower has yet to tell.
    """
    upto = tx.one(int, "last_of_events", after=want.after, limit=MAX_EVENTS)
    if upto is None:
        return {"rows": 0, "next": None}
    return {"rows": tx.run("forget_events", after=want.after, upto=upto), "next": upto}
