"""What cannot go on by itself is stopped, and a person is asked."""

from wfd.commands.ask import NewQuestion, ask
from wfd.commands.dependencies import stuck_at
from wfd.commands.house import House
from wfd.commands.queue import enqueue_pm, set_state, step_back
from wfd.commands.record import decide
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.job import By, Job
from wfd.domain.question import STOPPING, Asker, Forbidden, Patience, Question, QuestionKind
from wfd.ports import Tx
from wfd.rules.caps import breach, caps_of


def stop_and_ask(
    tx: Tx,
    assignment: Assignment,
    state: AssignmentState,
    reason: str,
    new: NewQuestion,
    patience: Patience,
) -> Assignment:
    """Block or pause it, with the question that waits for a person."""
    moved = set_state(tx, assignment, state, reason)
    ask(tx, moved, new, patience)
    return moved


def pause_if_idle(tx: Tx, assignment: Assignment, reason: str, patience: Patience) -> None:
    """An active assignment with nothing open would wait for ever: say so and ask."""
    if assignment.state is not AssignmentState.ACTIVE:
        return
    if not tx.all(Job, "open_jobs_of", assignment_id=assignment.id):
        told = f"{reason}; nothing else is open: insert a job, or set it active and the PM decides"
        new = NewQuestion(QuestionKind.BLOCKED, Asker.POLICY, told)
        stop_and_ask(tx, assignment, AssignmentState.PAUSED, told, new, patience)
        return
    block_if_stuck(tx, assignment, patience)


def block_if_stuck(tx: Tx, assignment: Assignment, patience: Patience) -> None:
    """Ask a person when all that is open comes after what failed."""
    if assignment.state is not AssignmentState.ACTIVE:
        return
    stuck = stuck_at(tx, assignment)
    if stuck is None:
        return
    why = str(stuck)
    asked = tx.all(Question, "open_questions_of", assignment_id=assignment.id)
    if any(one.kind is QuestionKind.DEPENDENCY for one in asked):  # it says the same
        set_state(tx, assignment, AssignmentState.BLOCKED, why)
    else:
        new = NewQuestion(
            QuestionKind.BLOCKED,
            Asker.POLICY,
            why,
            subject=f"J{stuck.need.id}",
            job_id=stuck.job_id,
        )
        stop_and_ask(tx, assignment, AssignmentState.BLOCKED, why, new, patience)


def pause_at_cap(tx: Tx, assignment: Assignment, house: House) -> Assignment:
    """Stop an active assignment that has reached a cap of its own; as it is then."""
    reached = breach(assignment, caps_of(assignment, house.caps), adding=0)
    if reached is None or assignment.state is not AssignmentState.ACTIVE:
        return assignment
    return stop_at_cap(tx, assignment, reached, house.patience)


def stop_at_cap(tx: Tx, assignment: Assignment, reached: str, patience: Patience) -> Assignment:
    """A cap that is reached stops the assignment and asks; the work stays."""
    reason = f"{reached}; raise the cap in .wfd/config.json and set it active, or complete it"
    decide(tx, assignment, By.POLICY, DecisionKind.PAUSE, reason)
    new = NewQuestion(QuestionKind.CAP, Asker.POLICY, reason, subject=Forbidden.CAP)
    return stop_and_ask(tx, assignment, AssignmentState.PAUSED, reason, new, patience)


def carry_on(
    tx: Tx, assignment: Assignment, by: By, decision_id: int, *, is_pm_first: bool
) -> Assignment:
    """Set it active: what is in line goes on, or else a PM decides; or a PM in any case, first.

    While another of its questions is open it stands still.
    """
    still = tx.all(Job, "open_jobs_of", assignment_id=assignment.id)
    can_move = bool(still) and stuck_at(tx, assignment) is None
    calls_pm = not can_move or (is_pm_first and not any(job.is_pm for job in still))
    if calls_pm:
        step_back(tx, assignment.id)
        enqueue_pm(tx, assignment, by, decision_id=decision_id)
    left = tx.all(Question, "open_questions_of", assignment_id=assignment.id)
    asks_still = any(asked.kind in STOPPING for asked in left)
    if asks_still or assignment.state is AssignmentState.ACTIVE:
        return assignment
    return set_state(tx, assignment, AssignmentState.ACTIVE)
