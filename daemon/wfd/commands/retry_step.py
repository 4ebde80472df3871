"""Have the daemon do a step again that failed, because a person has cleared the way."""

from dataclasses import dataclass

from wfd.commands.ask import close_question
from wfd.commands.house import HouseOf
from wfd.commands.queue import get_assignment
from wfd.commands.record import decide
from wfd.commands.scope import job_in, namespace_of
from wfd.commands.settle import carry_on
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import NotAllowed
from wfd.domain.job import By, Job, JobState
from wfd.domain.outcome import Kind
from wfd.domain.question import STOPPING, Asker, Question, QuestionState
from wfd.ports import Tx
from wfd.rules.caps import breach, caps_of


@dataclass(frozen=True)
class RetryStep:
    namespace: str
    job: int


def retry_step(tx: Tx, house_of: HouseOf, want: RetryStep) -> dict[str, object]:
    """{"job": id, "assignment": id, "state": of the assignment}. No agent runs a second time."""
    job = job_in(tx, want.namespace, want.job)
    if job.state is not JobState.WAITING or job.outcome is not Kind.STEP_FAILED:
        raise NotAllowed(_nothing_failed(job))
    assignment = get_assignment(tx, job.assignment_id)
    house = house_of(namespace_of(tx, assignment.namespace_id))
    over = breach(assignment, caps_of(assignment, house.caps), adding=0)
    if over is not None:
        raise NotAllowed(f"{over}; raise it in .wfd/config.json, or complete A{assignment.id}")
    if assignment.state is AssignmentState.PAUSED:
        raise NotAllowed(
            f"A{assignment.id} is paused ({assignment.reason}); J{job.id} does its failed step"
            " again when the assignment is active:"
            f" wfctl update-assignment A{assignment.id} --status active"
        )
    _answer(tx, assignment, job)
    reason = f"a person asked for the failed step of J{job.id} again"
    decision_id = decide(tx, assignment, By.PERSON, DecisionKind.RETRY, reason, job_id=job.id)
    moved = carry_on(tx, assignment, By.PERSON, decision_id, is_pm_first=False)
    return {"job": job.id, "assignment": moved.id, "state": moved.state}


def _answer(tx: Tx, assignment: Assignment, job: Job) -> None:
    """What the daemon has asked because of this step is answered; what others ask is not."""
    for asked in tx.all(Question, "open_questions_of", assignment_id=assignment.id):
        is_its_own = asked.job_id == job.id and asked.by is Asker.POLICY
        if is_its_own and asked.kind in STOPPING:
            close_question(tx, asked, QuestionState.ANSWERED, "try the step again")


def _nothing_failed(job: Job) -> str:
    if job.is_closed:
        return f"J{job.id} is {job.state}; 'wfctl retry J{job.id}' makes a new job of it"
    return f"no step of J{job.id} has failed: it is {job.state}; see 'wfctl job J{job.id}'"
