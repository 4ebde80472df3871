"""The end of a run: one transaction closes it, moves its job, and decides what comes next."""

import json
from dataclasses import dataclass, field, replace
from typing import assert_never

from wfd.commands.queue import (
    close_job,
    enqueue_pm,
    get_assignment,
    get_job,
    promote,
    set_state,
)
from wfd.commands.record import decide, event_of_job
from wfd.commands.scope import namespace_of
from wfd.commands.settle import pause_if_idle
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import LeaseLost
from wfd.domain.evidence import NewEvidence
from wfd.domain.job import By, Job
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome, Usage
from wfd.domain.run import Run, RunState
from wfd.engine.apply import apply_decision
from wfd.engine.parts import Parts, Settings
from wfd.ports import Snapshot, Tx
from wfd.rules.after import Again, Apply, Ask, Ended, Escalate, Judge, Next, after
from wfd.rules.caps import breach
from wfd.rules.usage import own_share

_NOT_ACCEPTED = (
    "the PM has decided, and it is not known by which gates: the .wfd/config.json that was"
    " accepted is there no more; run 'wfd trust', then set it active"
)
MAX_ANSWER = 100_000  # characters of an answer kept in a row; the transcript has all


@dataclass(frozen=True)
class Closing:
    """All that is known of a run that is over."""

    conclusion: Conclusion
    ended_by: EndedBy
    exit_code: int | None
    snapshot: Snapshot | None = None  # what the branch moved to
    evidence: list[NewEvidence] = field(default_factory=list)
    idle_ms: int = 0  # of the run's time: the machine slept, or no daemon ran


@dataclass(frozen=True)
class Closed:
    run: Run
    job: Job
    assignment: Assignment
    next: Next


async def close(parts: Parts, run: Run, closing: Closing) -> Closed:
    """Close a run and act on its outcome. Raises LeaseLost when somebody else has closed it."""
    roll = parts.roll()
    namespace = await parts.store.write(lambda tx: namespace_of(tx, run.namespace_id))
    settings = parts.settings.last_good(namespace)
    harness = parts.harnesses.get(run.harness)
    spans = harness is not None and harness.usage_spans_session
    closed = await parts.store.write(lambda tx: _close(tx, run, closing, settings, roll, spans))
    _log(parts, closed, closing)
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
    now = tx.one(Run, "run_by_id", id=run.id)
    if now is None or now.state is not RunState.RUNNING:
        raise LeaseLost(run.id)
    job = get_job(tx, run.job_id)
    outcome = _final(closing.conclusion.outcome, now)
    closing = _with_session(closing, now)
    if spans_session:
        closing = _with_own_usage(tx, closing, now)
    _write_run(tx, now, closing, outcome)
    assignment = get_assignment(tx, run.assignment_id)
    next_ = after(job, outcome, closing.conclusion.session_id, settings.policy, tx.now, roll)
    if isinstance(next_, Apply) and not settings.is_accepted:
        next_ = Ask(_NOT_ACCEPTED)  # the gates of defaults are not those of this repository
    _move_on(tx, job, now, next_, outcome, closing, settings)
    _pause_at_cap(tx, job, settings)
    promote(tx, job.assignment_id)
    event_of_job(tx, "run.closed", job, run.id, outcome=outcome.kind, message=outcome.message[:500])
    ended = tx.one(Run, "run_by_id", id=run.id)
    assert ended is not None
    return Closed(ended, get_job(tx, job.id), get_assignment(tx, assignment.id), next_)


def _final(outcome: Outcome, run: Run) -> Outcome:
    """A run that somebody cancelled is cancelled, whatever it managed to say in between."""
    if run.cancel_reason is None:
        return outcome
    return Outcome(Kind.CANCELLED, run.cancel_reason)


def _with_session(closing: Closing, run: Run) -> Closing:
    """A run that ended without a conclusion of its own still has the session it was seen in."""
    told = closing.conclusion
    return replace(closing, conclusion=replace(told, session_id=told.session_id or run.session_id))


def _with_own_usage(tx: Tx, closing: Closing, run: Run) -> Closing:
    """Its CLI told what the whole session used: keep what this run added to it."""
    told = closing.conclusion
    earlier = tx.one(
        Usage,
        "usage_of_session",
        assignment_id=run.assignment_id,
        harness=run.harness,
        session_id=told.session_id,
    )
    assert earlier is not None, "a sum is always one row"
    return replace(closing, conclusion=replace(told, usage=own_share(told.usage, earlier)))


def _write_run(tx: Tx, run: Run, closing: Closing, outcome: Outcome) -> None:
    told = closing.conclusion
    snapshot = closing.snapshot
    tx.run(
        "close_run",
        id=run.id,
        now=tx.now,
        outcome=outcome.kind,
        message=outcome.message[:2000],
        reset_at=outcome.reset_at,
        ended_by=closing.ended_by,
        exit_code=closing.exit_code,
        session_id=told.session_id,
        cli_version=told.cli_version,
        model=told.model,
        cost_usd=told.cost_usd,
        tokens_in=told.usage.tokens_in,
        tokens_cached=told.usage.tokens_cached,
        tokens_out=told.usage.tokens_out,
        turns=told.turns,
        tools=told.tools,
        answer=told.text[:MAX_ANSWER],
        structured=None if told.structured is None else json.dumps(told.structured),
        snapshot_commit=snapshot.commit if snapshot else None,
        snapshot_tree=snapshot.tree if snapshot else None,
    )
    tx.run("give_back_turn", id=run.namespace_id)
    tx.run(
        "count_run",
        id=run.assignment_id,
        wall_ms=max(0, tx.now - run.started_at - closing.idle_ms),
        cost_usd=told.cost_usd,
        was_spawned=run.spawned_at is not None,
    )
    if snapshot is not None:
        tx.run("set_head", id=run.assignment_id, commit=snapshot.commit, tree=snapshot.tree)
    for piece in closing.evidence:
        tx.insert(
            "add_evidence",
            run_id=run.id,
            assignment_id=run.assignment_id,
            now=tx.now,
            **vars(piece),
        )


def _move_on(
    tx: Tx,
    job: Job,
    run: Run,
    next_: Next,
    outcome: Outcome,
    closing: Closing,
    settings: Settings,
) -> None:
    # never a closed one: closing an assignment cancels its run, and a cancelled run is Ended
    assignment = get_assignment(tx, job.assignment_id)
    answer = closing.conclusion.text[:MAX_ANSWER]
    match next_:
        case Judge():
            close_job(tx, job, next_.state, outcome.kind, answer, next_.counter)
            enqueue_pm(tx, assignment, By.POLICY)
        case Apply():
            apply_decision(tx, assignment, job, run, closing.conclusion, settings)
        case Again():
            decide(
                tx,
                assignment,
                By.POLICY,
                DecisionKind.RETRY,
                next_.reason,
                run_id=run.id,
                job_id=job.id,
                inputs={"outcome": outcome.kind, "run_after": next_.run_after},
            )
            _put_back(tx, job, outcome, answer, next_.run_after, next_.counter, next_.resume)
        case Ask():
            session = closing.conclusion.session_id or job.resume_session
            _put_back(tx, job, outcome, answer, None, None, session)
            _block(tx, assignment, run, f"{run.harness}: {next_.reason}")
        case Escalate():
            close_job(tx, job, next_.state, outcome.kind, answer)
            _block(tx, assignment, run, next_.reason)
        case Ended():
            close_job(tx, job, next_.state, outcome.kind, answer)
            promote(tx, assignment.id)
            pause_if_idle(tx, assignment, outcome.message or f"J{job.id} was cancelled")
        case _:
            assert_never(next_)


def _put_back(
    tx: Tx,
    job: Job,
    outcome: Outcome,
    answer: str,
    run_after: int | None,
    counter: str | None,
    resume: str | None,
) -> None:
    tx.run(
        "put_back_job",
        id=job.id,
        outcome=outcome.kind,
        answer=answer,
        run_after=run_after,
        counter=counter,
        resume_session=resume,
        now=tx.now,
    )


def _block(tx: Tx, assignment: Assignment, run: Run, reason: str) -> None:
    decide(tx, assignment, By.POLICY, DecisionKind.BLOCK, reason, run_id=run.id, job_id=run.job_id)
    set_state(tx, assignment, AssignmentState.BLOCKED, reason)


def _pause_at_cap(tx: Tx, job: Job, settings: Settings) -> None:
    """A cap on time or cost that is reached stops the assignment and asks; the work stays."""
    assignment = get_assignment(tx, job.assignment_id)
    over = breach(assignment, settings.policy.caps, adding=0)
    if over is None or assignment.state is not AssignmentState.ACTIVE:
        return
    reason = f"{over}; raise the cap in .wfd/config.json and set it active, or complete it"
    decide(tx, assignment, By.POLICY, DecisionKind.PAUSE, reason)
    set_state(tx, assignment, AssignmentState.PAUSED, reason)


def _log(parts: Parts, closed: Closed, closing: Closing) -> None:
    """The one line that tells the whole run."""
    run, job = closed.run, closed.job
    checks = {e.name: e.exit_code for e in closing.evidence if e.kind == "check"}
    # what stands still until a person has looked is what a person looks for in the morning
    stands_still = closed.assignment.state in (AssignmentState.BLOCKED, AssignmentState.PAUSED)
    tell = parts.log.warning if stands_still else parts.log.info
    tell(
        "run.closed",
        namespace_id=run.namespace_id,
        assignment_id=run.assignment_id,
        job_id=job.id,
        run_id=run.id,
        type=job.type,
        harness=run.harness,
        model=run.model,
        outcome=run.outcome,
        message=(run.message or "")[:300],
        ended_by=run.ended_by,
        exit_code=run.exit_code,
        duration_ms=(run.ended_at or run.started_at) - run.started_at,
        cost_usd=run.cost_usd,
        tokens_in=run.tokens_in,
        tokens_out=run.tokens_out,
        retries=run.retries,
        tools=run.tools,
        session_id=run.session_id,
        snapshot=run.snapshot_commit,
        checks=checks,
        job_state=job.state,
        assignment_state=closed.assignment.state,
        next=type(closed.next).__name__.lower(),
    )
