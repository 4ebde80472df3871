"""What is there to see of one job, and the chain of one assignment."""

from dataclasses import dataclass

from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.dependency import Need
from wfd.domain.evidence import Evidence
from wfd.domain.ids import JobId
from wfd.domain.job import MAIN_LANE, PM_LANE, By, Job, JobState, WaitsFor
from wfd.domain.lane import Lane
from wfd.domain.namespace import Namespace
from wfd.domain.note import Note
from wfd.domain.question import Question
from wfd.domain.run import Run
from wfd.ports import Read


@dataclass(frozen=True)
class Maker:
    """Who had a job made, and why."""

    by: By
    reason: str
    decision: Decision | None


@dataclass(frozen=True)
class JobStep:
    """One job of a chain, with all that came of it."""

    job: Job
    maker: Maker
    runs: list[Run]
    evidence: list[Evidence]


@dataclass(frozen=True)
class Chain:
    namespace: Namespace
    assignment: Assignment
    steps: list[JobStep | Decision]  # in order; decisions that made a job stand in its Maker
    notes: list[Note]
    questions: list[Question]
    lanes: list[Lane]  # beside its own


@dataclass(frozen=True)
class JobView:
    namespace: Namespace
    assignment: Assignment
    step: JobStep
    ahead: Job | None  # whose turn it is, when this one waits in its lane
    needs: list[Need]  # what it comes after
    needed_by: list[JobId]  # what comes after it
    holder: Job | None  # who has its paths, when it waits for them
    ready_before: int  # ready jobs that a worker takes before it


def chain(read: Read, namespace: Namespace, assignment: Assignment) -> Chain:
    """An assignment's jobs and free-standing decisions, in the order in which they came."""
    all_jobs = read.all(Job, "jobs_of", assignment_id=assignment.id)
    runs = read.all(Run, "runs_of", assignment_id=assignment.id)
    evidence = read.all(Evidence, "evidence_of", assignment_id=assignment.id)
    decisions = read.all(Decision, "decisions_of", assignment_id=assignment.id)
    by_id = {decision.id: decision for decision in decisions}
    job_of_run = {run.id: run.job_id for run in runs}

    steps: list[JobStep | Decision] = [
        JobStep(
            job=job,
            maker=_maker(job, by_id.get(job.decision_id or 0), before=all_jobs[:index]),
            runs=[run for run in runs if run.job_id == job.id],
            evidence=[e for e in evidence if job_of_run.get(e.run_id) == job.id],
        )
        for index, job in enumerate(all_jobs)
    ]
    made_a_job = {job.decision_id for job in all_jobs}
    steps += [decision for decision in decisions if decision.id not in made_a_job]
    steps.sort(key=_place)
    return Chain(
        namespace=namespace,
        assignment=assignment,
        steps=steps,
        notes=read.all(Note, "notes_of", assignment_id=assignment.id),
        questions=read.all(Question, "questions_of", assignment_id=assignment.id),
        lanes=read.all(Lane, "lanes_of", assignment_id=assignment.id),
    )


def job(read: Read, namespace: Namespace, found: Job) -> JobView:
    """One job, and who stands before it."""
    assignment = read.one(Assignment, "assignment_by_id", id=found.assignment_id)
    assert assignment is not None, "a row points at its assignment"
    decision = (
        None
        if found.decision_id is None
        else read.one(Decision, "decision_by_id", id=found.decision_id)
    )
    before = [j for j in read.all(Job, "jobs_of", assignment_id=assignment.id) if j.id < found.id]
    return JobView(
        namespace=namespace,
        assignment=assignment,
        step=JobStep(
            job=found,
            maker=_maker(found, decision, before),
            runs=read.all(Run, "runs_of_job", job_id=found.id),
            evidence=read.all(Evidence, "evidence_of_job", job_id=found.id),
        ),
        ahead=_ahead(read, found) if found.waits_for is WaitsFor.LANE else None,
        needs=read.all(Need, "needs_of", job_id=found.id),
        needed_by=[JobId(n) for n in read.all(int, "dependents_of", needs_job_id=found.id)],
        holder=_holder(read, found) if found.waits_for is WaitsFor.LOCK else None,
        ready_before=_ready_before(read, found),
    )


def _ahead(read: Read, found: Job) -> Job | None:
    line = MAIN_LANE if found.lane == PM_LANE else found.lane
    return read.one(Job, "head_of", assignment_id=found.assignment_id, lane=line)


def _holder(read: Read, found: Job) -> Job | None:
    number = (found.waits_on or "").removeprefix("J")
    return read.one(Job, "job_by_id", id=int(number)) if number.isdigit() else None


def last_run(read: Read, found: Job) -> Run | None:
    """The last run of a job that an agent has worked in, or that is to have one."""
    every = read.all(Run, "runs_of_job", job_id=found.id)
    runs = [run for run in every if not run.is_redone_end]
    return runs[-1] if runs else None


COUNT_TO = 1000  # how far a number of jobs is counted


def _ready_before(read: Read, found: Job) -> int:
    if found.state is not JobState.QUEUED:
        return 0
    counted = read.one(
        int,
        "ready_before",
        namespace_id=found.namespace_id,
        priority=found.priority,
        id=found.id,
        limit=COUNT_TO,
    )
    return counted or 0


def _maker(job: Job, decision: Decision | None, before: list[Job]) -> Maker:
    if decision is not None:
        return Maker(decision.by, decision.reason, decision)
    return Maker(job.created_by, _reason(job, before), None)


def _reason(job: Job, before: list[Job]) -> str:
    if job.retry_of is not None:
        return f"J{job.retry_of} again"
    if job.merges is not None:
        return (
            f"what was done in the lane {job.merges} is to be merged into the assignment's branch"
        )
    if not before:
        if job.is_pm:
            return "the assignment was created: the PM chooses the first job"
        return "the assignment was created with this job"
    if job.is_pm and job.created_by is By.PERSON:
        return f"a person called for a decision: {job.context or 'set active'}"
    last = _closed_with(job, before)
    if job.is_pm and last is not None:
        return f"J{last.id} ({last.type}) ended {last.outcome or last.state}"
    return ""


def _closed_with(pm_job: Job, before: list[Job]) -> Job | None:
    """The job whose end called for this decision: both stand in one transaction.

    Not the newest one: that may still be open, put back, or have ended later in its own lane.
    """
    ended = [job for job in before if not job.is_pm and job.closed_at == pm_job.created_at]
    return max(ended, key=lambda job: (job.outcome is not None, job.id), default=None)


def _place(step: JobStep | Decision) -> tuple[int, int, int]:
    """Order in a chain: by time; within one transaction a decision comes before its job."""
    if isinstance(step, Decision):
        return step.created_at, 0, step.id
    return step.job.created_at, 1, step.job.id
