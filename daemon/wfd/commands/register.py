"""Make a repository known to the store, and accept its configuration."""

from dataclasses import dataclass

from wfd.commands.answer import inputs_of
from wfd.commands.ask import close_question
from wfd.commands.house import House, HouseOf
from wfd.commands.queue import get_assignment
from wfd.commands.record import Of, add_event, decide
from wfd.commands.scope import namespace_of
from wfd.commands.settle import carry_on, pause_at_cap
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import Conflict
from wfd.domain.ids import NamespaceId
from wfd.domain.job import By
from wfd.domain.namespace import Namespace
from wfd.domain.question import TRUST, Question, QuestionState
from wfd.ports import Tx

_ACCEPTED = "the configuration is accepted"


@dataclass(frozen=True)
class Register:
    name: str
    git_dir: str
    checkout: str
    trusted_hash: str | None  # SHA-256 of the .wfd/config.json that the person accepts


def register(tx: Tx, house_of: HouseOf, want: Register) -> dict[str, object]:
    """{"namespace": name, "id": id, "created": bool, "goes_on": assignments that waited for it}

    Again is fine and takes the new hash.
    """
    known = tx.one(Namespace, "namespace_by_git_dir", git_dir=want.git_dir)
    if known is not None:
        tx.run(
            "move_namespace", id=known.id, checkout=want.checkout, trusted_hash=want.trusted_hash
        )
        add_event(tx, "namespace.trusted", Of(known.id), {})
        goes_on = _release(tx, house_of, known.id)
        return {"namespace": known.name, "id": known.id, "created": False, "goes_on": goes_on}
    taken = tx.one(Namespace, "namespace_by_name", name=want.name)
    if taken is not None:
        raise Conflict(
            f"namespace '{want.name}' is {taken.checkout} already; choose another with --name"
        )
    namespace_id = NamespaceId(tx.insert("add_namespace", now=tx.now, **vars(want)))
    add_event(tx, "namespace.registered", Of(namespace_id), {})
    return {"namespace": want.name, "id": namespace_id, "created": True, "goes_on": []}


def _release(tx: Tx, house_of: HouseOf, namespace_id: NamespaceId) -> list[int]:
    """Answer what waited for the configuration to be accepted; the assignments that go on."""
    asked = tx.all(Question, "open_questions_in", namespace_id=namespace_id, subject=TRUST)
    if not asked:
        return []
    house = house_of(namespace_of(tx, namespace_id))
    let_go = [_let_go(tx, one, house) for one in asked]
    return [moved.id for moved in let_go if moved.state is AssignmentState.ACTIVE]


def _let_go(tx: Tx, asked: Question, house: House) -> Assignment:
    """Answer one; its assignment, which stays as it is where something else keeps it."""
    assert asked.assignment_id is not None, "the configuration is asked about by a run"
    assignment = get_assignment(tx, asked.assignment_id)
    close_question(tx, asked, QuestionState.ANSWERED, _ACCEPTED)
    decision_id = decide(
        tx,
        assignment,
        By.PERSON,
        DecisionKind.ANSWER,
        _ACCEPTED,
        run_id=asked.run_id,
        job_id=asked.job_id,
        inputs=inputs_of(asked, answer=_ACCEPTED),
    )
    if assignment.state is not AssignmentState.BLOCKED:  # a person has paused it since
        return assignment
    moved = carry_on(tx, assignment, By.PERSON, decision_id, is_pm_first=False)
    return pause_at_cap(tx, moved, house)
