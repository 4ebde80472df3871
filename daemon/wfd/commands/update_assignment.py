"""Move an assignment by hand: active, paused, blocked, complete, cancelled."""

from dataclasses import dataclass, replace
from typing import assert_never

from wfd.commands.ai import let_try
from wfd.commands.ask import settle_questions
from wfd.commands.closing import abandon_lanes, cancel_open_jobs
from wfd.commands.dependencies import stuck_at
from wfd.commands.house import MAX_REASON, House, HouseOf
from wfd.commands.queue import enqueue_pm, set_state
from wfd.commands.record import decide
from wfd.commands.scope import assignment_in, namespace_of, text_of
from wfd.commands.today import over_today
from wfd.domain.assignment import MOVES, Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import BadInput, NotAllowed
from wfd.domain.evidence import Evidence
from wfd.domain.job import By, Job
from wfd.domain.lane import Lane
from wfd.ports import Read, Tx
from wfd.rules.caps import breach, caps_of
from wfd.rules.gates import OpenGate, open_gates
from wfd.rules.unmerged import unmerged


@dataclass(frozen=True)
class UpdateAssignment:
    namespace: str | None  # None: whichever it belongs to
    assignment: int
    status: AssignmentState
    reason: str | None = None
    force: bool = False


def update_assignment(tx: Tx, house_of: HouseOf, want: UpdateAssignment) -> dict[str, object]:
    """{"assignment": id, "state": …}, and "unmerged" jobs of one that is completed.

    Raises NotAllowed when its state or a gate forbids it.
    """
    assignment = assignment_in(tx, want.namespace, want.assignment)
    if want.status is assignment.state:
        if assignment.resumes_at is not None:
            _stay_paused(tx, assignment, want)
        return _answer(assignment)
    if want.status not in MOVES[assignment.state]:
        allowed = ", ".join(sorted(MOVES[assignment.state]))
        raise NotAllowed(
            f"A{assignment.id} is {assignment.state} and cannot become {want.status};"
            f" from here it can become: {allowed}"
        )
    if want.reason:
        want = replace(want, reason=text_of(want.reason, "reason", MAX_REASON))
    match want.status:
        case AssignmentState.ACTIVE:
            house = house_of(namespace_of(tx, assignment.namespace_id))
            return _activate(tx, assignment, want, house)
        case AssignmentState.PAUSED:
            reason = want.reason or "paused by a person"
            decide(tx, assignment, By.PERSON, DecisionKind.PAUSE, reason)
            return _answer(set_state(tx, assignment, want.status, reason))
        case AssignmentState.BLOCKED:
            if not want.reason:
                raise BadInput("blocked needs --reason: what has to happen before it can continue")
            decide(tx, assignment, By.PERSON, DecisionKind.BLOCK, want.reason)
            return _answer(set_state(tx, assignment, want.status, want.reason))
        case AssignmentState.COMPLETE:
            house = house_of(namespace_of(tx, assignment.namespace_id))
            return _complete(tx, assignment, want, house)
        case AssignmentState.CANCELLED:
            reason = want.reason or "cancelled by a person"
            decide(tx, assignment, By.PERSON, DecisionKind.CANCEL, reason)
            moved = set_state(tx, assignment, want.status, reason)
            cancel_open_jobs(tx, moved, reason)
            abandon_lanes(tx, moved)
            return _answer(moved)
        case _:
            assert_never(want.status)


def gates_of(read: Read, assignment: Assignment, house: House) -> list[OpenGate]:
    """What must still happen before the assignment may complete."""
    return open_gates(
        read.all(Evidence, "evidence_of", assignment_id=assignment.id),
        head_tree=assignment.head_tree,
        base_tree=assignment.base_tree,
        gates=house.gates,
        check_names=house.checks,
    )


def _stay_paused(tx: Tx, assignment: Assignment, want: UpdateAssignment) -> None:
    """It would go on by itself, and a person says that it shall not."""
    reason = text_of(want.reason, "reason", MAX_REASON) if want.reason else "paused by a person"
    decide(tx, assignment, By.PERSON, DecisionKind.PAUSE, reason)
    tx.run("stay_paused", id=assignment.id, reason=reason)


def _activate(
    tx: Tx, assignment: Assignment, want: UpdateAssignment, house: House
) -> dict[str, object]:
    over = breach(assignment, caps_of(assignment, house.caps), adding=0)
    if over is not None:
        raise NotAllowed(f"{over}; raise it in .wfd/config.json, or complete A{assignment.id}")
    over = over_today(tx, assignment.namespace_id, house.daily)
    if over is not None:
        raise NotAllowed(f"{over}; raise dailyCaps in .wfd/config.json, or wait for the next day")
    reason = want.reason or "a person set it active"
    decide(tx, assignment, By.PERSON, DecisionKind.ACTIVATE, reason)
    settle_questions(tx, assignment, want.reason or None)
    let_try(tx, assignment.id)
    moved = set_state(tx, assignment, AssignmentState.ACTIVE)
    is_idle = not tx.all(Job, "open_jobs_of", assignment_id=assignment.id)
    if is_idle or stuck_at(tx, assignment) is not None:
        enqueue_pm(tx, moved, By.PERSON, want.reason or "")
    return _answer(moved)


def _complete(
    tx: Tx, assignment: Assignment, want: UpdateAssignment, house: House
) -> dict[str, object]:
    still = tx.all(Job, "open_jobs_of", assignment_id=assignment.id)
    if still:
        names = ", ".join(f"J{job.id} ({job.type}, {job.state})" for job in still)
        raise NotAllowed(
            f"A{assignment.id} has open jobs: {names}; wait for them, or 'wfctl cancel' them"
        )
    left = _unmerged(tx, assignment)
    if left and not want.force:
        raise NotAllowed(
            f"the work of these jobs is not merged: {', '.join(left)}; 'wfctl retry' does it again,"
            f" 'wfctl lane abandon A{assignment.id} J…' or --force leaves it on its own branch"
        )
    gates = gates_of(tx, assignment, house)
    if gates and not want.force:
        named = "; ".join(f"{gate.name}: {gate.why}" for gate in gates)
        raise NotAllowed(
            f"A{assignment.id} has open gates: {named}. --force completes it all the same,"
            " and the override is recorded"
        )
    decide(
        tx,
        assignment,
        By.PERSON,
        DecisionKind.COMPLETE,
        want.reason or "a person completed it",
        inputs={"open_gates": [vars(gate) for gate in gates], "unmerged": left},
        is_override=bool(gates or left),
    )
    abandon_lanes(tx, assignment)
    moved = set_state(tx, assignment, AssignmentState.COMPLETE, want.reason)
    return {**_answer(moved), "unmerged": left}


def _unmerged(tx: Tx, assignment: Assignment) -> list[str]:
    lanes = tx.all(Lane, "lanes_of", assignment_id=assignment.id)
    if not lanes:
        return []
    jobs = tx.all(Job, "jobs_of", assignment_id=assignment.id)
    return [f"J{job.id} ({job.type})" for job in unmerged(jobs, lanes)]


def _answer(assignment: Assignment) -> dict[str, object]:
    return {"assignment": assignment.id, "state": assignment.state}
