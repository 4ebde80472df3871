"""What whoever does a job needs, agent or person: a place, and a prompt."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.errors import Broken, LeaseLost
from wfd.domain.evidence import Evidence
from wfd.domain.job import Job
from wfd.domain.note import Note
from wfd.domain.outcome import Kind, Outcome
from wfd.domain.question import ToldQuestion
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.domain.template import Template
from wfd.engine.apply import facts_of
from wfd.engine.hand_off import left_by_another
from wfd.engine.parts import Lease, Parts, Settings
from wfd.engine.workplace import NotReady, empty_folder, ready_workspace, settings_for
from wfd.ports import Tx, Workspace
from wfd.rules.hand_off import HandOff
from wfd.rules.prompt import pm_values, render, values_for


@dataclass(frozen=True)
class Ready:
    """What whoever does the job needs, whatever the agent: a place, and what is to be done."""

    settings: Settings
    template: Template
    workspace: Workspace
    assignment: Assignment  # as it is with its base
    folder: RunFolder
    prompt: str


async def make_ready(parts: Parts, lease: Lease) -> Ready:
    """The workspace, its set-up and baseline, and the prompt. Raises NotReady."""
    settings = settings_for(parts, lease)
    template = _template(settings, lease.job)
    folder = await empty_folder(parts, lease.run)
    workspace, assignment = await ready_workspace(parts, lease, settings)
    left = await left_by_another(parts, lease, workspace, folder)
    words = await _prompt(parts, lease, assignment, settings, template, left)
    return Ready(settings, template, workspace, assignment, folder, words)


def _template(settings: Settings, job: Job) -> Template:
    template = settings.templates.get(job.type)
    if template is None:
        raise NotReady(Outcome(Kind.FAILED, f"the template of job type '{job.type}' is gone"))
    if isinstance(template, Broken):
        raise NotReady(Outcome(Kind.FAILED, str(template)))
    return template


async def _prompt(
    parts: Parts,
    lease: Lease,
    assignment: Assignment,
    settings: Settings,
    template: Template,
    hand_off: HandOff | None,
) -> str:
    try:
        values = await _values(parts, lease, assignment, settings, template)
        return render(template, values, hand_off)
    except Broken as error:
        raise NotReady(Outcome(Kind.FAILED, str(error))) from error


async def _values(
    parts: Parts, lease: Lease, assignment: Assignment, settings: Settings, template: Template
) -> Mapping[str, object]:
    job, of = lease.job, assignment.id
    if job.is_pm:
        return pm_values(
            await parts.store.write(lambda tx: facts_of(tx, assignment, job, settings))
        )
    return await parts.store.write(
        lambda tx: values_for(
            assignment=assignment,
            job=job,
            template=template,
            checks=settings.repository.checks,
            jobs=tx.all(Job, "jobs_of", assignment_id=of),
            runs=tx.all(Run, "runs_of", assignment_id=of),
            evidence=tx.all(Evidence, "evidence_of", assignment_id=of),
            decisions=tx.all(Decision, "decisions_of", assignment_id=of),
            notes=tx.all(Note, "notes_of", assignment_id=of),
            questions=tx.all(ToldQuestion, "told_questions_of", assignment_id=of),
        )
    )


def write_prompt(folder: RunFolder, prompt: str) -> None:
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.prompt.write_text(prompt, encoding="utf-8")


async def record_prompt(
    parts: Parts,
    lease: Lease,
    workspace: Workspace,
    prompt: str,
    *,
    resumed: str | None = None,
    model: str | None = None,
) -> int:
    """What the run goes out with, and from where; the how-manieth run of its job it is.

    Raises LeaseLost: a worker that stood still for long must not start an agent.
    """
    digest = hashlib.sha256(prompt.encode()).hexdigest()

    def record(tx: Tx) -> int:
        is_ours = tx.run(
            "record_prompt",
            id=lease.run.id,
            parent_commit=workspace.head_commit,
            parent_tree=workspace.head_tree,
            prompt_hash=digest,
            resumed=resumed,
            model=model,
        )
        if not is_ours:
            raise LeaseLost(lease.run.id)
        return tx.one(int, "count_runs_of_job", job_id=lease.job.id) or 1

    return await parts.store.write(record)
