"""The lines of a job's runs and of their evidence, as a page shows them."""

from collections.abc import Iterator

from wfd.commands.inspect import Maker
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.job import MERGE
from wfd.domain.run import Run, RunState
from wfd.edge.ai_words import route_words
from wfd.edge.evidence_words import findings_of, result_of
from wfd.edge.page import PageLine, fact, line
from wfd.edge.table import cell, state_cell
from wfd.edge.words import activity, ago, duration, iso, money, one_line, plural


def run_lines(run: Run, now: int, depth: int) -> Iterator[PageLine]:
    took = (run.ended_at or now) - run.started_at
    yield line(
        "run",
        f"R{run.id}",
        cell(_by(run)),
        state_cell(run.outcome or run.state),
        cell(duration(max(0, took)), max(0, took)),
        _cost(run),
        cell(one_line(run.message or "", 160), run.message or ""),
        depth=depth,
    )
    why = route_words(run.route)
    if why is not None:
        yield fact("route", cell(why), depth=depth + 1)
    if run.state is RunState.RUNNING and run.by_hand is not None:
        until = cell(ago(run.lease_until, now), iso(run.lease_until))
        yield fact("lease", until, f"unless 'wfctl heartbeat R{run.id}' renews it", depth=depth + 1)
    is_preparing = run.state is RunState.RUNNING and run.spawned_at is None
    if is_preparing and run.activity is None:
        yield fact("preparing", "the workspace, its set-up and the prompt", depth=depth + 1)
    does = _activity(run, now)
    if does is not None:
        yield fact("activity", cell(does), depth=depth + 1)
    if run.cancel_reason is not None:
        yield fact("ending", one_line(run.cancel_reason), depth=depth + 1)


def evidence_lines(evidence: list[Evidence], depth: int) -> Iterator[PageLine]:
    for one in evidence:
        took = "" if one.duration_ms is None else duration(one.duration_ms)
        name = "" if one.kind is EvidenceKind.DIFF else one.name
        yield fact(one.kind, name, result_of(one), took, depth=depth)
        if one.kind is EvidenceKind.VERDICT:
            for finding in findings_of(one):
                yield line("finding", finding, depth=depth + 1)


def maker_of(maker: Maker) -> str:
    return f"by {maker.by}: {one_line(maker.reason)}" if maker.reason else f"by {maker.by}"


def _by(run: Run) -> str:
    if run.by_hand is not None:
        return f"by hand: {run.by_hand}"
    does = run.harness if run.model is None else f"{run.harness} {run.model}"
    return does if run.ai == run.harness else f"{run.ai} ({does})"


def _activity(run: Run, now: int) -> str | None:
    """What it does now that is not its agent's work, or how often its CLI tried again."""
    if run.activity is not None:
        return activity(run.activity, run.activity_since, now)
    return f"the CLI tried again {plural(run.retries, 'time')}" if run.retries else None


def _cost(run: Run) -> str:
    if run.outcome is None or run.by_hand is not None:
        return ""
    if run.harness == MERGE or run.is_redone_end:
        return "by the daemon"
    if run.spawned_at is None:
        return "never started"
    return money(run.cost_usd) if run.cost_usd is not None else f"cost {money(None)}"
