"""The end of a run: one transaction closes it, moves its job, and decides what comes next."""

from dataclasses import dataclass, field, replace

from wfd.commands.locks import free_paths
from wfd.commands.queue import get_assignment, promote_all
from wfd.commands.record import event_of_job
from wfd.commands.scope import namespace_of
from wfd.commands.settle import stop_at_cap
from wfd.commands.today import pause_for_today
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.job import RESERVED, JobState
from wfd.domain.outcome import EndedBy, Kind
from wfd.domain.question import TRUST, of_ai
from wfd.domain.run import Run
from wfd.engine.aftercare import Finding, log_findings, look_after
from wfd.engine.move_on import move_on
from wfd.engine.over import Closing, Over, close_run
from wfd.engine.parts import Parts, Settings
from wfd.engine.permit import another_fits
from wfd.engine.steps import Step, reached
from wfd.ports import Tx
from wfd.rules import daily
from wfd.rules.after import Again, Apply, Ask, Elsewhere, Next, after, elsewhere, once_more, soon
from wfd.rules.caps import breach, caps_of
from wfd.rules.daily import Spend, day_of
from wfd.rules.trouble import AT_ONCE

_NOT_ACCEPTED = (
    "the PM has decided, and its gates are not known: the .wfd/config.json that was accepted is"
    " gone; run 'wfd trust', and the PM decides again"
)


@dataclass(frozen=True)
class Closed:
    over: Over
    job_state: JobState
    assignment: Assignment
    next: Next
    findings: list[Finding] = field(default_factory=list)  # of its AI and its account


async def close(parts: Parts, run: Run, closing: Closing) -> Closed:
    """Close a run and act on its outcome. Raises LeaseLost when somebody else has closed it."""
    roll = parts.roll()
    namespace = await parts.store.write(lambda tx: namespace_of(tx, run.namespace_id))
    settings = parts.settings.last_good(namespace)
    harness = parts.harnesses.get(run.harness)
    spans = harness is not None and harness.usage_spans_session
    closed = await parts.store.write(lambda tx: _close(tx, run, closing, settings, roll, spans))
    reached(Step.CLOSED)
    _log(parts, closed)
    parts.wake()
    return closed


def _close(
    tx: Tx,
    run: Run,
    closing: Closing,
    settings: Settings,
    roll: float,
    spans_session: bool = False,
) -> Closed:
    over = close_run(tx, run, closing, spans_session)
    soon_ms = _soon(tx, over, settings, roll)
    findings = look_after(
        tx,
        run,
        over.told,
        settings.policy,
        roll,
        is_ais_own=closing.blames_ai,
        soon_ms=soon_ms,
    )
    if any(one.event == "ai.mended" for one in findings):  # which may have let it go on
        over = replace(over, assignment=get_assignment(tx, over.assignment.id))
    next_ = _next(tx, over, settings, roll)
    if soon_ms is not None:
        next_ = once_more(over.outcome, over.session, tx.now + soon_ms)
    move_on(tx, over, next_, settings)
    closed = replace(settle(tx, over, next_, settings), findings=findings)
    reached(Step.DECIDED if isinstance(next_, Apply) else Step.CLOSING)
    return closed


def settle(tx: Tx, over: Over, next_: Next, settings: Settings) -> Closed:
    """What comes after every run, whatever became of its job."""
    job, run = over.job, over.run
    spend = _count_spend(tx, over, is_over=not isinstance(next_, Again | Ask | Elsewhere))
    assignment = _pause_at_cap(tx, over, settings, spend)
    promote_all(tx, assignment.id)
    free_paths(tx, job.namespace_id)
    message = over.outcome.message[:500]
    event_of_job(tx, "run.closed", job, run.id, outcome=over.outcome.kind, message=message)
    state = tx.one(str, "state_of_job", id=job.id)
    assert state is not None, "a row points at its job"
    return Closed(over, JobState(state), assignment, next_)


def _next(tx: Tx, over: Over, settings: Settings, roll: float) -> Next:
    policy = replace(settings.policy, caps=caps_of(over.assignment, settings.policy.caps))
    job = replace(over.job, resume_session=over.session)
    next_ = after(job, over.outcome, over.session, policy, tx.now, roll)
    if isinstance(next_, Apply) and not settings.is_accepted:
        # the gates of defaults are not those of this repository
        return Ask(_NOT_ACCEPTED, TRUST)
    if not isinstance(next_, Ask):
        return next_
    if over.closing.lacks_trust:
        return Ask(f"{over.outcome.message}; it continues then", TRUST)
    is_broken = over.closing.blames_ai and over.outcome.kind in AT_ONCE
    if is_broken and another_fits(tx, settings, job):
        return elsewhere(over.outcome, over.session)
    if over.outcome.kind not in AT_ONCE:  # nobody's fault who is an AI
        return next_
    return Ask(f"{over.run.ai}: {next_.reason}", of_ai(over.run.ai) if is_broken else None)


def _soon(tx: Tx, over: Over, settings: Settings, roll: float) -> int | None:
    """The pause until the same AI is tried once more, as after a login lost in a race.

    Not after a try of a broken one, nor where the run before ended in the same way.
    """
    kind, run = over.outcome.kind, over.run
    pause_ms = soon(settings.policy.outcomes[kind], roll)
    if pause_ms is None or run.is_probe or not over.closing.blames_ai:
        return None
    if over.job.outcome == kind:
        before = [one for one in tx.all(Run, "runs_of_job", job_id=run.job_id) if one.id < run.id]
        if before and before[-1].ai == run.ai:
            return None
    return pause_ms


def _count_spend(tx: Tx, over: Over, *, is_over: bool) -> Spend:
    """What the namespace has spent today, this run included; whether its job is over, too."""
    used = over.used
    spend = tx.one(
        Spend,
        "count_spend",
        namespace_id=over.run.namespace_id,
        day=day_of(tx.now),
        jobs=int(is_over and over.job.type not in RESERVED),
        cost_usd=used.cost_usd,
        unmeasured=int(used.is_unmeasured),
        tokens=used.tokens,
        wall_ms=used.wall_ms,
    )
    assert spend is not None, "an insert gives its row back"
    return spend


def _pause_at_cap(tx: Tx, over: Over, settings: Settings, spend: Spend) -> Assignment:
    """A cap that is reached stops the assignment and asks; the work stays.

    The assignment as it is then.
    """
    assignment = get_assignment(tx, over.assignment.id)
    if assignment.state is not AssignmentState.ACTIVE:
        return assignment
    reached = breach(assignment, caps_of(assignment, settings.policy.caps), adding=0)
    if reached is None:
        reached_today = daily.breach(spend, settings.house.daily)
        if reached_today is not None:
            return pause_for_today(tx, assignment, reached_today)
        by_cap = over.closing.ended_by is EndedBy.BUDGET
        if not by_cap or over.outcome.kind is not Kind.INTERRUPTED:
            return assignment
        # a cap has ended it, whatever its CLI tells of what it used
        reached = over.outcome.message
    return stop_at_cap(tx, assignment, reached, settings.house.patience)


def _log(parts: Parts, closed: Closed) -> None:
    """The one line that tells the whole run."""
    over, closing = closed.over, closed.over.closing
    run, job, told, outcome = over.run, over.job, over.told, over.outcome
    checks = {e.name: e.exit_code for e in closing.evidence if e.kind == "check"}
    # what stands still until a person has looked is what a person looks for in the morning
    stands_still = closed.assignment.state in (AssignmentState.BLOCKED, AssignmentState.PAUSED)
    tell = parts.log.warning if stands_still else parts.log.info
    log_findings(parts.log, run, closed.findings)
    tell(
        "run.closed",
        namespace_id=run.namespace_id,
        assignment_id=run.assignment_id,
        job_id=job.id,
        run_id=run.id,
        type=job.type,
        harness=run.harness,
        ai=run.ai,
        model=told.model or over.seen.model,
        outcome=outcome.kind,
        message=outcome.message[:300],
        ended_by=closing.ended_by,
        exit_code=closing.exit_code,
        duration_ms=over.ended_at - run.started_at,
        cost_usd=told.cost_usd,
        tokens_in=told.usage.tokens_in,
        tokens_out=told.usage.tokens_out,
        retries=over.seen.retries,
        tools=told.tools,
        session_id=told.session_id,
        snapshot=closing.snapshot.commit if closing.snapshot else None,
        checks=checks,
        job_state=closed.job_state,
        assignment_state=closed.assignment.state,
        next=type(closed.next).__name__.lower(),
    )
