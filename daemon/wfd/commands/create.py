"""Create an assignment: the user's intent, and the first job towards it."""

from dataclasses import dataclass, field

from wfd.commands.house import MAX_TEXT, HouseOf
from wfd.commands.insert_job import check_harness, check_type, earlier
from wfd.commands.needs import needs_json
from wfd.commands.queue import NewJob, enqueue, get_assignment
from wfd.commands.record import event_of_assignment
from wfd.commands.scope import namespace_named, text_of
from wfd.domain.errors import BadInput
from wfd.domain.ids import AssignmentId, JobId
from wfd.domain.job import PM, By, Job
from wfd.ports import Tx


@dataclass(frozen=True)
class Create:
    namespace: str
    north_star: str
    type: str | None = None  # None: the PM chooses the first job
    context: str | None = None
    harness: str | None = None
    priority: int = 0
    key: str | None = None
    ai: str | None = None
    labels: list[str] = field(default_factory=list)
    capabilities: list[str] = field(default_factory=list)


def create(tx: Tx, house_of: HouseOf, want: Create) -> dict[str, object]:
    """{"assignment": id, "job": id, "created": bool}; the same key again gives the same ids."""
    namespace = namespace_named(tx, want.namespace)
    house = house_of(namespace)
    north_star = text_of(want.north_star, "north star", MAX_TEXT)
    described = (want.context, want.harness, want.ai, want.labels or None)
    if want.type is None and any(
        one is not None for one in (*described, want.capabilities or None)
    ):
        raise BadInput(
            "--context, --harness, --ai, --label and --capability describe a first job; name its"
            " --type too"
        )
    context = north_star if want.context is None else text_of(want.context, "context", MAX_TEXT)
    if want.type is not None:
        check_type(want.type, house)
    check_harness(want.harness, house)
    needs = needs_json(tx, house, want.ai, want.harness, want.labels, want.capabilities)
    known = earlier(tx, namespace.id, want.key)
    if known is not None and known.id != _first_job_of(tx, known):
        raise BadInput(f"key '{want.key}' belongs to J{known.id}, which insert-job made")
    if known is not None:
        return {"assignment": known.assignment_id, "job": known.id, "created": False}

    assignment_id = AssignmentId(
        tx.insert("add_assignment", namespace_id=namespace.id, north_star=north_star, now=tx.now)
    )
    assignment = get_assignment(tx, assignment_id)
    event_of_assignment(tx, "assignment.created", assignment)
    first = NewJob(
        type=want.type or PM,
        context=context if want.type else "",
        created_by=By.PERSON,
        harness=want.harness,
        needs=needs,
        priority=want.priority,
        key=want.key,
    )
    job_id = enqueue(tx, assignment, first)
    return {"assignment": assignment_id, "job": job_id, "created": True}


def _first_job_of(tx: Tx, job: Job) -> JobId:
    return tx.all(Job, "jobs_of", assignment_id=job.assignment_id)[0].id
