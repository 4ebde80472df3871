"""One assignment: its goal, its state, and its chain in order."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from wfd.commands.inspect import Chain, JobStep
from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.lane import Lane
from wfd.domain.question import QuestionState
from wfd.edge.document import to_json
from wfd.edge.inbox_page import in_brief
from wfd.edge.lane_lines import lane_lines
from wfd.edge.outcome_word import ended
from wfd.edge.page import Blank, PageLine, fact, line, passage, title
from wfd.edge.step_lines import evidence_lines, maker_of, run_lines
from wfd.edge.table import Cell, cell, state_cell
from wfd.edge.take_branch import ways_to_take
from wfd.edge.words import ago, count, duration, iso, one_line, plural, spend
from wfd.rules.share import pm_share
from wfd.rules.size import size
from wfd.rules.ways import ways


class Gate(Protocol):
    """rules.OpenGate, without importing its room's machinery."""

    @property
    def name(self) -> str: ...

    @property
    def why(self) -> str: ...


def chain_page(
    chain: Chain,
    gates: Sequence[Gate] | None,
    now: int,
    left: Sequence[str] = (),
    folder: Path = Path(),
) -> Iterator[PageLine]:
    """`gates` is None where they could not be told; `left` is what is left of its caps.

    `folder` is where the caller stands, for commands that they may paste.
    """
    assignment = chain.assignment
    yield title(
        "assignment",
        f"A{assignment.id}",
        state_cell(assignment.state),
        chain.namespace.name,
        cell(ago(assignment.created_at, now), iso(assignment.created_at)),
    )
    yield from passage("goal", assignment.north_star)
    yield from _facts(assignment)
    for cap in left:
        yield fact("left", one_line(cap))
    jobs = [step.job for step in chain.steps if isinstance(step, JobStep)]
    for lane in chain.lanes:
        yield from lane_lines(lane, assignment, jobs)
    for gate in gates or ():
        yield fact("open_gate", gate.name, one_line(gate.why))
    for asked in chain.questions:
        if asked.state is QuestionState.OPEN:
            yield fact("asks", in_brief(asked))
            for command, does in ways(asked):
                yield fact("way", command, does, depth=2)
    for note in chain.notes:
        yield fact("note", one_line(note.text))
    yield Blank()
    for step in chain.steps:
        if isinstance(step, Decision):
            yield _decision_line(step, now)
        else:
            yield from _job_lines(step, now)
    for command, does in ways_to_take(assignment, chain.namespace, folder):
        yield fact("take_it", command, does)


def chain_document(
    chain: Chain, gates: Sequence[Gate] | None, left: Sequence[str] = ()
) -> dict[str, object]:
    """{"namespace", "assignment", "left": […], "chain": […], "notes", "questions", "lanes",
    "open_gates"}

    A step of the chain is {"job", …} or {"decision"}.
    """
    return {
        "namespace": chain.namespace.name,
        "assignment": {**_plain(chain.assignment), "branch": chain.assignment.branch},
        "left": list(left),
        "chain": [_step_document(step) for step in chain.steps],
        "notes": to_json(chain.notes),
        "questions": to_json(chain.questions),
        "lanes": [
            {**_plain(lane), "branch": lane.view(chain.assignment).branch} for lane in chain.lanes
        ],
        "open_gates": None if gates is None else [{"name": g.name, "why": g.why} for g in gates],
    }


def _facts(assignment: Assignment) -> Iterator[PageLine]:
    if assignment.reason:
        yield fact("reason", one_line(assignment.reason))
    base = assignment.base_commit or assignment.from_commit
    if base is not None:
        at = f"{assignment.from_branch} at " if assignment.from_branch else ""
        yield fact("branch", assignment.branch, one_line(f"from {at}{base[:12]}"))
    for kept in json.loads(assignment.kept):
        yield from _kept(kept)
    jobs = f"{plural(assignment.jobs, 'job')} besides the PM's"
    yield fact("used", f"{jobs}, {duration(assignment.wall_ms)} of runs")
    yield fact("cost", spend(assignment.cost_usd, assignment.unmeasured))
    yield fact("tokens", count(assignment.tokens))
    share = pm_share(assignment)
    if share is not None:
        yield fact("pm_share", str(share))


def _kept(kept: Mapping[str, Any]) -> Iterator[PageLine]:
    """What of a removed workspace no branch holds, and where it is."""
    for ref in kept["refs"]:
        yield fact("kept", one_line(ref), "a ref in your repository")
    if kept["trash"] is not None:
        held = f"{plural(kept['files'], 'file')}, {size(kept['bytes'])}, for a while"
        yield fact("kept", one_line(kept["trash"]), held)


def _job_lines(step: JobStep, now: int) -> Iterator[PageLine]:
    job = step.job
    state = state_cell(job.state)
    if job.waits_for is not None:
        state = Cell(f"{job.state} ({job.waits_for})", str(job.state), state.colour)
    yield line(
        "job",
        f"J{job.id}",
        cell(f"{job.type} (parallel)" if job.has_own_lane else job.type, job.type),
        state,
        state_cell(ended(job.state, job.outcome)),
        cell(ago(job.created_at, now), iso(job.created_at)),
        maker_of(step.maker),
        depth=1,
    )
    for run in step.runs:
        yield from run_lines(run, now, depth=3)
        mine = [one for one in step.evidence if one.run_id == run.id]
        yield from evidence_lines(mine, depth=4)


def _decision_line(decision: Decision, now: int) -> PageLine:
    override = ", as an override" if decision.is_override else ""
    return line(
        "decision",
        f"→ {decision.kind.replace('_', ' ')}",
        cell("" if decision.job_id is None else f"J{decision.job_id}"),
        cell(ago(decision.created_at, now), iso(decision.created_at)),
        f"by {decision.by}{override}: {one_line(decision.reason)}",
        depth=1,
    )


def _step_document(step: JobStep | Decision) -> object:
    if isinstance(step, Decision):
        return {"decision": to_json(step)}
    return {
        "job": to_json(step.job),
        "made": to_json(step.maker),
        "runs": to_json(step.runs),
        "evidence": to_json(step.evidence),
    }


def _plain(thing: Assignment | Lane) -> dict[str, object]:
    made = to_json(thing)
    assert isinstance(made, dict)
    return made
