"""What every change leaves behind: events and decisions."""

import json
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


def event_of_job(tx: Tx, kind: str, job: Told, run_id: RunId | None = None, **data: object) -> None:
    tx.insert(
        "add_event",
        now=tx.now,
        kind=kind,
        namespace_id=job.namespace_id,
        assignment_id=job.assignment_id,
        job_id=job.id,
        run_id=run_id,
        data=json.dumps({"type": job.type, **data}),
    )


def event_of_assignment(tx: Tx, kind: str, assignment: Assignment, **data: object) -> None:
    tx.insert(
        "add_event",
        now=tx.now,
        kind=kind,
        namespace_id=assignment.namespace_id,
        assignment_id=assignment.id,
        job_id=None,
        run_id=None,
        data=json.dumps(data),
    )


def event_of_none(tx: Tx, kind: str, **data: object) -> None:
    """Of what belongs to no repository."""
    tx.insert(
        "add_event",
        now=tx.now,
        kind=kind,
        namespace_id=None,
        assignment_id=None,
        job_id=None,
        run_id=None,
        data=json.dumps(data),
    )


def event_of_question(tx: Tx, kind: str, asked: Question) -> None:
    tx.insert(
        "add_event",
        now=tx.now,
        kind=kind,
        namespace_id=asked.namespace_id,
        assignment_id=asked.assignment_id,
        job_id=asked.job_id,
        run_id=asked.run_id,
        data=json.dumps(
            {
                "question_id": asked.id,
                "kind": asked.kind,
                "by": asked.by,
                "subject": asked.subject,
                "text": asked.text[:MAX_TOLD],
                "answer": None if asked.answer is None else asked.answer[:MAX_TOLD],
                "deadline": asked.deadline,
                "at_deadline": asked.at_deadline,
            }
        ),
    )


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
