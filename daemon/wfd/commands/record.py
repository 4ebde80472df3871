"""What every change leaves behind: events and decisions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wfd.domain.assignment import Assignment
from wfd.domain.decision import DecisionKind
from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.job import By
from wfd.domain.question import Question
from wfd.ports import Tx

MAX_TOLD = 500  # characters of a text that an event repeats


class Told(Protocol):
    """What an event tells of a job; less than the whole row does."""

    @property
    def id(self) -> JobId: ...
    @property
    def namespace_id(self) -> NamespaceId: ...
    @property
    def assignment_id(self) -> AssignmentId: ...
    @property
    def type(self) -> str: ...


@dataclass(frozen=True)
class Of:
    """Whom an event is about; all None: what belongs to no repository."""

    namespace_id: NamespaceId | None = None
    assignment_id: AssignmentId | None = None
    job_id: JobId | None = None
    run_id: RunId | None = None


def add_event(tx: Tx, kind: str, of: Of, data: Mapping[str, object]) -> None:
    tx.insert("add_event", now=tx.now, kind=kind, data=json.dumps(data), **vars(of))


def event_of_job(tx: Tx, kind: str, job: Told, run_id: RunId | None = None, **data: object) -> None:
    of = Of(job.namespace_id, job.assignment_id, job.id, run_id)
    add_event(tx, kind, of, {"type": job.type, **data})


def event_of_assignment(tx: Tx, kind: str, assignment: Assignment, **data: object) -> None:
    add_event(tx, kind, Of(assignment.namespace_id, assignment.id), data)


def event_of_none(tx: Tx, kind: str, **data: object) -> None:
    add_event(tx, kind, Of(), data)


def event_of_question(tx: Tx, kind: str, asked: Question) -> None:
    told = {
        "question_id": asked.id,
        "kind": asked.kind,
        "by": asked.by,
        "subject": asked.subject,
        "text": asked.text[:MAX_TOLD],
        "answer": None if asked.answer is None else asked.answer[:MAX_TOLD],
        "deadline": asked.deadline,
        "at_deadline": asked.at_deadline,
    }
    of = Of(asked.namespace_id, asked.assignment_id, asked.job_id, asked.run_id)
    add_event(tx, kind, of, told)


def decide(
    tx: Tx,
    assignment: Assignment,
    by: By,
    kind: DecisionKind,
    reason: str,
    *,
    run_id: RunId | None = None,
    job_id: JobId | None = None,
    inputs: object = None,
    is_override: bool = False,
) -> int:
    """Record a choice that changes the course, with what it was made on; its id."""
    decision_id = tx.insert(
        "add_decision",
        now=tx.now,
        assignment_id=assignment.id,
        run_id=run_id,
        job_id=job_id,
        by=by,
        kind=kind,
        reason=reason,
        inputs=json.dumps(inputs if inputs is not None else {}),
        is_override=is_override,
    )
    event_of_assignment(
        tx, "decision.made", assignment, decision_id=decision_id, by=by, choice=kind, reason=reason
    )
    return decision_id
