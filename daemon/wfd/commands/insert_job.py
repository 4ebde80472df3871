"""Insert a job by hand."""

import json
from dataclasses import dataclass, field

from wfd.commands.closing import cancel_open
from wfd.commands.depend import wanted_needs
from wfd.commands.house import MAX_TEXT, House, HouseOf
from wfd.commands.needs import needs_json
from wfd.commands.queue import NewJob, enqueue, get_assignment
from wfd.commands.record import decide
from wfd.commands.scope import assignment_in, namespace_of, text_of
from wfd.commands.settle import block_if_stuck
from wfd.domain.assignment import Assignment
from wfd.domain.decision import DecisionKind
from wfd.domain.dependency import OnFailure
from wfd.domain.errors import BadInput, NotAllowed, unknown
from wfd.domain.ids import JobId, NamespaceId
from wfd.domain.job import HAND, MERGE, PM, By, Job
from wfd.ports import Tx
from wfd.rules import globs
from wfd.rules.caps import breach, caps_of


@dataclass(frozen=True)
class InsertJob:
    namespace: str | None  # None: whichever it belongs to
    assignment: int
    type: str
    context: str
    harness: str | None = None
    priority: int = 0
    run_after: int | None = None  # UTC milliseconds
    key: str | None = None
    ai: str | None = None
    labels: list[str] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)
    after: tuple[int, ...] = ()  # jobs that must be done before it
    if_failed: OnFailure = OnFailure.WAIT  # what then, for each of these
    locks: tuple[str, ...] = ()  # globs of the paths that it may touch
    parallel: bool = False  # in a lane of its own


def insert_job(tx: Tx, house_of: HouseOf, want: InsertJob) -> dict[str, object]:
    """{"job": id, "created": bool, "assignment_state": …}; one key makes one job."""
    assignment = assignment_in(tx, want.namespace, want.assignment)
    house = house_of(namespace_of(tx, assignment.namespace_id))
    _refuse_reserved(want.type)
    check_type(want.type, house)
    check_harness(want.harness, house)
    needs = needs_json(tx, house, want.ai, want.harness, want.labels, want.capabilities)
    context = text_of(want.context, "context", MAX_TEXT)
    locks = globs.normal(want.locks)
    if want.parallel and not locks:
        raise BadInput("a parallel job must declare its paths: --lock 'src/api/**'")
    known = earlier(tx, assignment.namespace_id, want.key)
    if known is not None:
        if known.assignment_id != assignment.id:
            raise BadInput(f"key '{want.key}' belongs to J{known.id} of A{known.assignment_id}")
        return _answer(known.id, assignment, created=False)
    refuse_closed(assignment, "insert-job")
    over = breach(assignment, caps_of(assignment, house.caps))
    if over is not None:
        raise NotAllowed(f"{over}; raise it in .wfd/config.json or start a new assignment")

    after = wanted_needs(tx, assignment.namespace_id, want.after, want.if_failed)
    _take_over_first_pm(tx, assignment)
    decision_id = decide(tx, assignment, By.PERSON, DecisionKind.INSERT_JOB, "inserted by hand")
    job_id = enqueue(
        tx,
        assignment,
        NewJob(
            type=want.type,
            context=context,
            created_by=By.PERSON,
            harness=want.harness,
            needs=needs,
            priority=want.priority,
            run_after=want.run_after,
            decision_id=decision_id,
            key=want.key,
            is_parallel=want.parallel,
            locks=json.dumps(locks) if locks else None,
            after=after,
        ),
    )
    if after:
        block_if_stuck(tx, assignment, house.patience)
    return _answer(job_id, get_assignment(tx, assignment.id), created=True)


def earlier(tx: Tx, namespace_id: NamespaceId, key: str | None) -> Job | None:
    """The job that this idempotency key made before."""
    if key is None:
        return None
    if not key.strip():
        raise BadInput("the key is empty, and would stand for all work; leave --key out")
    return tx.one(Job, "job_by_key", namespace_id=namespace_id, key=key)


def check_type(name: str, house: House) -> None:
    if name not in house.types:
        raise BadInput(unknown("job type", name, house.types))


def _refuse_reserved(job_type: str) -> None:
    if job_type == PM:
        raise BadInput(
            "only the daemon inserts pm jobs: 'wfctl note' tells the next one something, and"
            " 'wfctl update-assignment … --status active' calls one when nothing is open"
        )
    if job_type == MERGE:
        raise BadInput(
            "only the daemon inserts merge jobs: one follows each parallel job that is done"
        )


def check_harness(name: str | None, house: House) -> None:
    known = (*house.harnesses, HAND)
    if name is not None and name not in known:
        raise BadInput(unknown("harness", name, known))


def refuse_closed(assignment: Assignment, command: str) -> None:
    if assignment.is_closed:
        raise NotAllowed(
            f"A{assignment.id} is {assignment.state}, so {command} is not possible;"
            f" 'wfctl update-assignment A{assignment.id} --status paused' reopens it"
            " and calls no PM yet"
        )


def _take_over_first_pm(tx: Tx, assignment: Assignment) -> None:
    """A person who says what to do first does not wait for the PM that would choose it."""
    jobs = tx.all(Job, "jobs_of", assignment_id=assignment.id)
    if len(jobs) == 1 and jobs[0].is_pm and not jobs[0].is_closed:
        cancel_open(tx, jobs[0], "a person chose the first job")


def _answer(job_id: JobId, assignment: Assignment, *, created: bool) -> dict[str, object]:
    return {"job": job_id, "created": created, "assignment_state": assignment.state}
