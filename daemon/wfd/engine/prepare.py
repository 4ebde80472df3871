"""Before the agent: the workspace, its set-up and baseline, and the prompt."""

import hashlib
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio.to_thread

from wfd.commands.lanes import as_seen_from, set_up
from wfd.commands.queue import get_assignment
from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.errors import Broken, Conflict, LeaseLost, WfdError
from wfd.domain.evidence import Evidence, EvidenceKind, NewEvidence
from wfd.domain.job import Job
from wfd.domain.note import Note
from wfd.domain.outcome import Kind, Outcome
from wfd.domain.question import ToldQuestion
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.domain.template import Template
from wfd.engine.apply import facts_of
from wfd.engine.environment import seen_by
from wfd.engine.hand_off import left_by_another
from wfd.engine.parts import Lease, Parts, Settings
from wfd.engine.steps import Step, reached
from wfd.ports import Ask, Harness, Tx, Workspace
from wfd.rules import daily, decision, verdict
from wfd.rules.caps import caps_of
from wfd.rules.daily import Spend, day_of
from wfd.rules.hand_off import HandOff
from wfd.rules.policy import NO_DAILY
from wfd.rules.prompt import pm_values, render, values_for
from wfd.rules.room import Room, room_of

INSTRUCTIONS = ("CLAUDE.md", "AGENTS.md")
MAX_INSTRUCTIONS = 64 * 1024  # bytes of a repository's own CLAUDE.md or AGENTS.md


class NotReady(Exception):
    """The run ends here, with this outcome, before an agent was started."""

    def __init__(self, outcome: Outcome, evidence: list[NewEvidence] | None = None) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome
        self.evidence = evidence or []


@dataclass(frozen=True)
class Prepared:
    """All that a run needs to start, and to be judged."""

    settings: Settings
    template: Template
    harness: Harness
    workspace: Workspace
    assignment: Assignment  # as it is with its base
    folder: RunFolder
    ask: Ask
    room: Room  # until a cap ends it
    run_seq: int  # the how-manieth run of its job, from 1


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


async def prepare(parts: Parts, lease: Lease) -> Prepared:
    """Raises NotReady, with the outcome that the run then has."""
    harness = _harness(parts, lease)
    ready = await make_ready(parts, lease)
    settings, template, folder = ready.settings, ready.template, ready.folder
    workspace, assignment = ready.workspace, ready.assignment
    prompt = harness.tame(ready.prompt, workspace.path)
    _check_size(prompt, harness)
    write_prompt(folder, prompt)
    # from the base: what an agent has written since must not steer those who judge it
    instructions = await parts.workspaces.text_at(
        lease.namespace, workspace.base_commit, INSTRUCTIONS, MAX_INSTRUCTIONS
    )
    room = await _room(parts, lease, assignment, settings)
    ask = _ask(parts, lease, settings, template, harness, workspace, folder, instructions, room)
    ask = await _going_on(parts, lease, ask)
    run_seq = await record_prompt(
        parts, lease, workspace, prompt, resumed=ask.resume, model=ask.model
    )
    reached(Step.PREPARED)
    return Prepared(settings, template, harness, workspace, assignment, folder, ask, room, run_seq)


async def ready_workspace(
    parts: Parts, lease: Lease, settings: Settings
) -> tuple[Workspace, Assignment]:
    """The workspace, set up, and the assignment with its base. Raises NotReady."""
    lease = await _begin_lane(parts, lease)
    workspace = await _workspace(parts, lease)
    assignment = lease.assignment
    if assignment.base_commit is None:
        assignment = await _record_base(parts, lease, workspace)
    if workspace.is_new or not assignment.is_set_up:
        await _set_up(parts, lease, assignment, settings, workspace)
    return workspace, assignment


def settings_for(parts: Parts, lease: Lease) -> Settings:
    try:
        return parts.settings.of(lease.namespace)
    except WfdError as error:
        raise NotReady(Outcome(Kind.USAGE, str(error))) from error


def _template(settings: Settings, job: Job) -> Template:
    template = settings.templates.get(job.type)
    if template is None:
        raise NotReady(Outcome(Kind.FAILED, f"the template of job type '{job.type}' is gone"))
    if isinstance(template, Broken):
        raise NotReady(Outcome(Kind.FAILED, str(template)))
    return template


def _harness(parts: Parts, lease: Lease) -> Harness:
    if lease.why_not is not None:
        raise NotReady(Outcome(Kind.USAGE, lease.why_not))
    return parts.harnesses[lease.run.harness]


async def empty_folder(parts: Parts, run: Run) -> RunFolder:
    """The run's folder. Whatever lies there already, an agent has put there.

    Its number was easily foreseen, and some CLIs have their home in it: they would take settings
    and instructions from there.
    """
    folder = parts.folder_of(run.id)
    with suppress(OSError):
        folder.path.rmdir()
        return parts.folder_of(run.id)
    await anyio.to_thread.run_sync(_clear, folder)
    return parts.folder_of(run.id)


def _clear(folder: RunFolder) -> None:
    if folder.path.is_dir() and not folder.path.is_symlink():
        shutil.rmtree(folder.path)
    else:
        folder.path.unlink(missing_ok=True)


async def _begin_lane(parts: Parts, lease: Lease) -> Lease:
    """A lane begins where the assignment's branch stands when its first run does."""
    if not lease.job.has_own_lane or lease.assignment.base_commit is not None:
        return lease
    whole = await parts.store.write(lambda tx: get_assignment(tx, lease.assignment.id))
    try:
        commit, tree = await parts.workspaces.base(lease.namespace, whole)
    except (Broken, Conflict) as error:
        raise NotReady(Outcome(Kind.USAGE, str(error))) from error

    def begin(tx: Tx) -> Assignment:
        tx.run("set_base", id=whole.id, commit=commit, tree=tree)
        tx.run("begin_lane", assignment_id=whole.id, name=lease.job.lane)
        return as_seen_from(tx, get_assignment(tx, whole.id), lease.job)

    return replace(lease, assignment=await parts.store.write(begin))


async def _workspace(parts: Parts, lease: Lease) -> Workspace:
    if lease.assignment.id in parts.removing:
        await parts.removing[lease.assignment.id].wait()
    try:
        return await parts.workspaces.prepare(lease.namespace, lease.assignment)
    except (Broken, Conflict) as error:
        raise NotReady(Outcome(Kind.USAGE, str(error))) from error


async def _record_base(parts: Parts, lease: Lease, workspace: Workspace) -> Assignment:
    def record(tx: Tx) -> Assignment:
        of = lease.assignment.id
        tx.run("set_base", id=of, commit=workspace.base_commit, tree=workspace.base_tree)
        found = tx.one(Assignment, "assignment_by_id", id=of)
        assert found is not None
        return found

    return await parts.store.write(record)


async def _set_up(
    parts: Parts, lease: Lease, assignment: Assignment, settings: Settings, workspace: Workspace
) -> None:
    """Run workspace.setup and the baseline of the checks, once for each workspace."""
    repository, tag = settings.repository, parts.tag_of(lease.run.id)
    outputs = parts.folder_of(lease.run.id).outputs
    try:
        await parts.workspaces.copy(lease.namespace, assignment, repository.workspace.copy_files)
    except (Broken, Conflict) as error:
        raise NotReady(Outcome(Kind.USAGE, str(error))) from error
    steps = {f"setup-{n}": line for n, line in enumerate(repository.workspace.setup, start=1)}
    done = await parts.checks.run(
        steps,
        cwd=workspace.path,
        out_dir=outputs("setup"),
        tag=tag,
        timeout_ms=repository.workspace.timeout_ms,
        stop_at_failure=True,
    )
    evidence = [_as(EvidenceKind.SETUP, piece) for piece in done]
    if done and not done[-1].ok:
        raise NotReady(Outcome(Kind.USAGE, _setup_failed(done[-1])), evidence)
    if done or not workspace.is_new:
        await parts.workspaces.ignore_new(lease.namespace, assignment, workspace.head_commit)
        await parts.workspaces.restore(lease.namespace, assignment, workspace.head_commit)
    baseline = await parts.checks.run(
        repository.checks,
        cwd=workspace.path,
        out_dir=outputs("baseline"),
        tag=tag,
        timeout_ms=repository.check_timeout_ms,
    )
    if baseline:
        await parts.workspaces.restore(lease.namespace, assignment, workspace.head_commit)
    whole = await parts.store.write(lambda tx: get_assignment(tx, assignment.id))
    at_head = {"tree": workspace.head_tree, "commit_id": workspace.head_commit}
    kind = (
        EvidenceKind.BASELINE
        if workspace.head_tree == whole.base_tree
        else EvidenceKind.CHECK  # the workspace was made in mid-course
    )
    evidence += [_as(kind, piece, **at_head) for piece in baseline]

    def record(tx: Tx) -> None:
        for piece in evidence:
            tx.insert(
                "add_evidence",
                run_id=lease.run.id,
                assignment_id=assignment.id,
                now=tx.now,
                **vars(piece),
            )
        set_up(tx, assignment, is_set_up=True)

    await parts.store.write(record)


def _as(kind: EvidenceKind, piece: NewEvidence, **more: str) -> NewEvidence:
    return NewEvidence(**{**vars(piece), "kind": kind, **more})


def _setup_failed(step: NewEvidence) -> str:
    how = "timed out" if step.exit_code is None else f"exit {step.exit_code}"
    return f"workspace.setup '{step.command}' failed ({how}); its last words:\n{step.tail[-1500:]}"


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


def _check_size(prompt: str, harness: Harness) -> None:
    size = len(prompt.encode())
    if size > harness.max_prompt_bytes:
        message = (
            f"the prompt has {size:,} bytes and {harness.name} takes {harness.max_prompt_bytes:,};"
            " shorten the context or the notes"
        )
        raise NotReady(Outcome(Kind.USAGE, message))


def write_prompt(folder: RunFolder, prompt: str) -> None:
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.prompt.write_text(prompt, encoding="utf-8")


async def _room(parts: Parts, lease: Lease, assignment: Assignment, settings: Settings) -> Room:
    """What it may use, by the caps of its assignment and by what is left of the day's."""
    today, caps = NO_DAILY, settings.house.daily
    if caps.is_any:
        day = day_of(parts.clock.now())
        spend = await parts.store.one(Spend, "spend_on", namespace_id=lease.namespace.id, day=day)
        today = daily.left(spend or Spend(), caps)
    timeout_ms = settings.repository.timeout_for(lease.job.type)
    return room_of(assignment, caps_of(assignment, settings.policy.caps), today, timeout_ms)


def _ask(
    parts: Parts,
    lease: Lease,
    settings: Settings,
    template: Template,
    harness: Harness,
    workspace: Workspace,
    folder: RunFolder,
    instructions: str | None,
    room: Room,
) -> Ask:
    ai = lease.ai
    schema = None
    if lease.job.is_pm:
        schema = decision.SCHEMA
    elif template.verdict:
        schema = verdict.SCHEMA
    return Ask(
        workspace=workspace.path,
        run_dir=folder.path,
        session_id=str(uuid.uuid4()),
        resume=lease.job.resume_session if harness.resumes else None,
        binary=ai.binary,
        model=ai.model,
        environ=seen_by(parts.environ, ai) if ai.env else None,
        writes=template.writes,
        is_pm=lease.job.is_pm,
        schema=schema,
        instructions=instructions,
        budget_usd=room.budget_usd,
        max_turns=ai.max_turns,
    )


async def _going_on(parts: Parts, lease: Lease, ask: Ask) -> Ask:
    """As asked, with the model of the session to resume; afresh if it is another agent's.

    Claude Code would go on with the same model, but without its long context (`[1m]`).
    """
    if ask.resume is None:
        return ask
    every = await parts.store.all(Run, "runs_of", assignment_id=lease.assignment.id)
    runs = [run for run in every if run.session_id == ask.resume]
    if any(run.ai != lease.run.ai for run in runs):
        return replace(ask, resume=None)
    # a model that does not exist ended as usage: its session must not keep it
    models = (run.model for run in reversed(runs) if run.outcome is not Kind.USAGE)
    return replace(ask, model=ask.model or next(models, None))


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
