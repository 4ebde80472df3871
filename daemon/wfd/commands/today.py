"""The day of a namespace: what it has spent, and the pauses that last until the next begins."""

from wfd.commands.queue import enqueue_pm, set_state
from wfd.commands.record import decide
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.ids import NamespaceId
from wfd.domain.job import By, Job
from wfd.ports import Tx
from wfd.rules.daily import Spend, breach, day_of, day_words, next_day
from wfd.rules.policy import DailyCaps


def over_today(tx: Tx, namespace_id: NamespaceId, caps: DailyCaps) -> str | None:
    """The cap of this day that is reached, in words; None while there is room."""
    if not caps.is_any:
        return None
    spend = tx.one(Spend, "spend_on", namespace_id=namespace_id, day=day_of(tx.now))
    return None if spend is None else breach(spend, caps)


def pause_for_today(tx: Tx, assignment: Assignment, reached: str) -> Assignment:
    """Nobody has to come for it: it goes on by itself with the next day."""
    until = next_day(tx.now)
    reason = (
        f"{reached}; it resumes by itself when the day ends, {day_words(until)}, or as soon as you"
        " raise dailyCaps in .wfd/config.json and set it active"
    )
    decide(tx, assignment, By.POLICY, DecisionKind.PAUSE, reason, inputs={"until": until})
    return set_state(tx, assignment, AssignmentState.PAUSED, reason, resumes_at=until)


def end_pauses(tx: Tx) -> int | None:
    """Set active whose pause has ended; when the next one ends, in UTC milliseconds."""
    next_end = tx.one(int, "next_pause_end")
    if next_end is None or next_end > tx.now:
        return next_end
    for assignment in tx.all(Assignment, "paused_until", now=tx.now):
        decide(tx, assignment, By.POLICY, DecisionKind.ACTIVATE, "a new day has begun")
        moved = set_state(tx, assignment, AssignmentState.ACTIVE)
        if not tx.all(Job, "open_jobs_of", assignment_id=assignment.id):
            enqueue_pm(tx, moved, By.POLICY)
    return tx.one(int, "next_pause_end")
