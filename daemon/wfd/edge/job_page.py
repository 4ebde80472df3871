"""One job: its state, what it waits for and who can release it, its runs, what came of it."""

from collections.abc import Iterator
from dataclasses import replace

from wfd.commands.inspect import JobView
from wfd.domain.job import Job, JobState
from wfd.edge.ai_words import Ais, names_an_ai, needs_words
from wfd.edge.document import to_json
from wfd.edge.outcome_word import ended
from wfd.edge.page import Blank, PageLine, fact, passage, title
from wfd.edge.step_lines import evidence_lines, maker_of, run_lines
from wfd.edge.table import cell, state_cell
from wfd.edge.waiting import wait_of
from wfd.edge.words import ago, globs_in_words, iso, one_line

_COUNTERS = ("attempts", "no_work", "transient", "lost", "interrupted", "rate_limited")


def job_page(view: JobView, now: int, ais: Ais) -> Iterator[PageLine]:
    job = view.step.job
    yield title("job", f"J{job.id}", job.type, state_cell(job.state), state_cell(_outcome(job)))
    wait = wait_of(view, now, ais)
    if wait is not None:
        yield fact("waits_for", wait.waits_for)
        yield fact("released_by", wait.released_by)
    yield fact("of", f"A{job.assignment_id}", one_line(view.assignment.north_star, 100))
    yield fact("namespace", view.namespace.name)
    yield fact(
        "made", cell(ago(job.created_at, now), iso(job.created_at)), maker_of(view.step.maker)
    )
    if job.closed_at is not None:
        yield fact("closed", cell(ago(job.closed_at, now), iso(job.closed_at)))
    if job.retry_of is not None:
        yield fact("retry_of", f"J{job.retry_of}")
    if job.has_own_lane:
        yield fact("lane", job.lane, f"parallel; branch {_branch(view)}")
    if job.merges is not None:
        yield fact("merges", job.merges)
    for need in view.needs:
        yield fact("after", str(need), f"if that fails: {need.on_failure}")
    if view.needed_by:
        yield fact("before", ", ".join(f"J{id_}" for id_ in view.needed_by))
    if job.locks is not None:
        yield fact("locks", globs_in_words(job.locks))
    if job.needs is None or not names_an_ai(job.needs):
        yield fact("harness", job.harness or "the default of its type")
    if job.needs is not None:
        yield fact("needs", needs_words(job.needs))
    if job.priority:
        yield fact("priority", str(job.priority))
    yield fact("counters", _counters(job))
    yield from _came_of_it(view, now)


def job_document(view: JobView, now: int, ais: Ais) -> dict[str, object]:
    """{"job", "namespace", "waits", "after", "before", "made", "runs", "evidence"}"""
    step = view.step
    return {
        "namespace": view.namespace.name,
        "job": to_json(step.job),
        "waits": to_json(wait_of(view, now, ais)),
        "after": [
            {
                "job": need.id,
                "state": need.state.value,
                "is": need.standing.value,
                "if_failed": need.on_failure.value,
            }
            for need in view.needs
        ],
        "before": list(view.needed_by),
        "made": to_json(step.maker),
        "runs": to_json(step.runs),
        "evidence": to_json(step.evidence),
    }


def _came_of_it(view: JobView, now: int) -> Iterator[PageLine]:
    step = view.step
    if step.runs:
        yield Blank()
    for run in step.runs:
        yield from run_lines(run, now, depth=1)
        if run.containment is not None:
            yield fact("contained_by", run.containment, depth=2)
        mine = [one for one in step.evidence if one.run_id == run.id]
        yield from evidence_lines(mine, depth=2)
    if step.job.context:
        yield Blank()
        yield from passage("context", step.job.context)
    if step.job.answer:
        yield Blank()
        yield from passage("answer", step.job.answer)


def _counters(job: Job) -> str:
    counted = [(name, getattr(job, name)) for name in _COUNTERS]
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counted if count)


def _branch(view: JobView) -> str:
    return replace(view.assignment, lane=view.step.job.lane).branch


def _outcome(job: Job) -> str | None:
    """That of its last run, which says nothing of one that is on."""
    return None if job.state is JobState.RUNNING else ended(job.state, job.outcome)
