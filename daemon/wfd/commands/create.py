"""Create an assignment: the user's intent, and the first job towards it."""

import re
from dataclasses import dataclass, field

from wfd.commands.house import MAX_TEXT, HouseOf
from wfd.commands.insert_job import check_harness, check_type, earlier
from wfd.commands.needs import needs_json
from wfd.commands.queue import NewJob, enqueue, get_assignment
from wfd.commands.record import event_of_assignment
from wfd.commands.scope import namespace_named, text_of
from wfd.domain.assignment import Assignment
from wfd.domain.errors import BadInput
from wfd.domain.ids import AssignmentId, JobId
from wfd.domain.job import PM, By, Job
from wfd.ports import Tx

MAX_BRANCH = 1000  # characters
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


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
    from_commit: str | None = None  # where its branch begins; None: at HEAD at its first job
    from_branch: str | None = None  # the branch that this commit was taken from


def create(tx: Tx, house_of: HouseOf, want: Create) -> dict[str, object]:
    """{"assignment": id, "job": id, "created": bool, "from_commit": …, "from_branch": …}

    The same key again gives the same.
    """
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
    _check_start(want)
    needs = needs_json(tx, house, want.ai, want.harness, want.labels, want.capabilities)
    known = earlier(tx, namespace.id, want.key)
    if known is not None and known.id != _first_job_of(tx, known):
        raise BadInput(f"key '{want.key}' belongs to J{known.id}, which insert-job made")
    if known is not None:
        return _answer(get_assignment(tx, known.assignment_id), known.id, created=False)

    assignment_id = AssignmentId(
        tx.insert(
            "add_assignment",
            namespace_id=namespace.id,
            north_star=north_star,
            from_commit=want.from_commit,
            from_branch=want.from_branch,
            now=tx.now,
        )
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
    return _answer(assignment, job_id, created=True)


def _answer(assignment: Assignment, job_id: JobId, *, created: bool) -> dict[str, object]:
    return {
        "assignment": assignment.id,
        "job": job_id,
        "created": created,
        "from_commit": assignment.from_commit,
        "from_branch": assignment.from_branch,
    }


def _check_start(want: Create) -> None:
    """What it begins from comes from outside, and goes into git's command lines and a ref."""
    if want.from_commit is not None and not _COMMIT.fullmatch(want.from_commit):
        raise BadInput("'from_commit' is not a commit: it must be the whole id, in lower case")
    if want.from_branch is not None:
        text_of(want.from_branch, "branch", MAX_BRANCH)
        if want.from_commit is None:
            raise BadInput("'from_branch' goes with a 'from_commit' alone")


def _first_job_of(tx: Tx, job: Job) -> JobId:
    return tx.all(Job, "jobs_of", assignment_id=job.assignment_id)[0].id
