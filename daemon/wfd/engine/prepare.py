"""Before the agent: all that it is asked, and what it may use."""

import uuid
from dataclasses import dataclass, replace

from wfd.domain.assignment import Assignment
from wfd.domain.outcome import Kind, Outcome
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.domain.template import Template
from wfd.engine.environment import seen_by
from wfd.engine.parts import Lease, Parts, Settings
from wfd.engine.ready import make_ready, record_prompt, write_prompt
from wfd.engine.steps import Step, reached
from wfd.engine.workplace import NotReady
from wfd.ports import Ask, Harness, Workspace
from wfd.rules import daily, decision, verdict
from wfd.rules.caps import caps_of
from wfd.rules.daily import Spend, day_of
from wfd.rules.policy import NO_DAILY
from wfd.rules.room import Room, room_of
from wfd.rules.told_word import word

INSTRUCTIONS = ("CLAUDE.md", "AGENTS.md")
MAX_INSTRUCTIONS = 64 * 1024  # bytes of a repository's own CLAUDE.md or AGENTS.md


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


def _harness(parts: Parts, lease: Lease) -> Harness:
    if lease.why_not is not None:
        raise NotReady(Outcome(Kind.USAGE, lease.why_not))
    return parts.harnesses[lease.run.harness]


def _check_size(prompt: str, harness: Harness) -> None:
    size = len(prompt.encode())
    if size > harness.max_prompt_bytes:
        message = (
            f"the prompt has {size:,} bytes and {harness.name} takes {harness.max_prompt_bytes:,};"
            " shorten the context or the notes"
        )
        raise NotReady(Outcome(Kind.STEP_FAILED, message))


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
    models = (word(run.model) for run in reversed(runs) if run.outcome is not Kind.USAGE)
    return replace(ask, model=ask.model or next(models, None))
