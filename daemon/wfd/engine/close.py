"""The end of a run: one transaction closes it, moves its job, and decides what comes next."""

import json
from dataclasses import dataclass, field, replace
from typing import assert_never

from wfd.commands.ask import NewQuestion
from wfd.commands.closing import close_job, close_lane, get_lane
from wfd.commands.lanes import as_seen_from, set_head
from wfd.commands.locks import free_paths
from wfd.commands.queue import NewJob, call_pm, enqueue, get_assignment, get_job, promote_all
from wfd.commands.record import decide, event_of_job
from wfd.commands.scope import namespace_of
from wfd.commands.settle import block_if_stuck, pause_if_idle, stop_and_ask, stop_at_cap
from wfd.commands.today import pause_for_today
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import LeaseLost
from wfd.domain.evidence import NewEvidence
from wfd.domain.job import MERGE, RESERVED, By, Job, JobState, WaitsFor
from wfd.domain.lane import LaneState
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome, Usage
from wfd.domain.question import Asker, QuestionKind
from wfd.domain.run import Run
from wfd.engine.aftercare import Finding, log_findings, look_after
from wfd.engine.apply import apply_decision
from wfd.engine.parts import Parts, Settings
from wfd.engine.permit import another_fits, who_may_go_on
from wfd.engine.steps import Step, reached
from wfd.ports import Snapshot, Tx
from wfd.rules import asking, daily
from wfd.rules.after import (
    Again,
    Apply,
    Ask,
    Elsewhere,
    Ended,
    Escalate,
    Judge,
    Next,
    after,
    elsewhere,
)
from wfd.rules.caps import breach, caps_of
from wfd.rules.daily import Spend, day_of
from wfd.rules.trouble import AT_ONCE
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
    blames_ai: bool = False  # the AI itself ended so, and not what is around it


@dataclass(frozen=True)
class Seen:
    """What had become known of a run while it went on."""

    cancel_reason: str | None
    session_id: str | None
    resumed: str | None
    spawned_at: int | None
    model: str | None
    retries: int


@dataclass(frozen=True)
class Used:
    """What a run has used up, as far as that is known."""

    wall_ms: int
    cost_usd: float | None
    is_unmeasured: bool  # an agent has run, and no cost was reported
    tokens: int | None


@dataclass(frozen=True)
class Over:
    """A run that is closed while its job still has the turn."""

    run: Run  # as it was leased
    seen: Seen
    closing: Closing
    told: Conclusion  # that of `closing`, with the outcome and the session that were written
    ended_at: int
    job: Job
    assignment: Assignment  # with what the run has used up
    used: Used

    @property
    def outcome(self) -> Outcome:
        return self.told.outcome

    @property
    def answer(self) -> str:
        return self.told.text[:MAX_ANSWER]

    @property
    def session(self) -> str | None:
        """The session that another run could go on with.

        One that died before it could name its own leaves the one before. A CLI that could not
        resume may have begun another and named that: it holds nothing, and the old one is lost.
        """
        told, resumed = self.told.session_id, self.seen.resumed
        if resumed is None or told in (None, resumed):
            return told or self.job.resume_session
        return None


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
    findings = look_after(tx, run, over.told, settings.policy, roll, is_ais_own=closing.blames_ai)
    next_ = _next(tx, over, settings, roll)
    _move_on(tx, over, next_, settings)
    closed = replace(settle(tx, over, next_, settings), findings=findings)
    reached(Step.DECIDED if isinstance(next_, Apply) else Step.CLOSING)
    return closed


def close_run(tx: Tx, run: Run, closing: Closing, spans_session: bool = False) -> Over:
    """Close the run's own row and count what it used up. Raises LeaseLost."""
    seen = tx.one(Seen, "seen_of_run", id=run.id)
    if seen is None:
        raise LeaseLost(run.id)
    told = replace(
        closing.conclusion,
        outcome=_final(closing.conclusion.outcome, seen),
        # one that ended without a conclusion of its own still has the session it was seen in
        session_id=closing.conclusion.session_id or seen.session_id,
    )
    if spans_session:
        told = _with_own_usage(tx, told, run)
    job, snapshot = get_job(tx, run.job_id), closing.snapshot
    if job.has_own_lane and snapshot is not None:
        whole = get_assignment(tx, job.assignment_id)
        set_head(tx, as_seen_from(tx, whole, job), run.id, snapshot)
    _write_run(tx, run, closing, told)
    used = _used(tx, run, seen, closing, told)
    assignment = _count_run(tx, run, job, closing, used)
    _add_evidence(tx, run, closing.evidence)
    return Over(run, seen, closing, told, tx.now, job, assignment, used)


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
        return Ask(_NOT_ACCEPTED)  # the gates of defaults are not those of this repository
    is_broken = over.closing.blames_ai and over.outcome.kind in AT_ONCE
    if isinstance(next_, Ask) and is_broken and another_fits(tx, settings, job):
        return elsewhere(over.outcome, over.session)
    return next_


def _final(outcome: Outcome, seen: Seen) -> Outcome:
    """A run that somebody cancelled is cancelled, whatever it managed to say in between."""
    if seen.cancel_reason is None:
        return outcome
    return Outcome(Kind.CANCELLED, seen.cancel_reason)


def _with_own_usage(tx: Tx, told: Conclusion, run: Run) -> Conclusion:
    """Its CLI told what the whole session used: keep what this run added to it."""
    earlier = tx.one(
        Usage,
        "usage_of_session",
        assignment_id=run.assignment_id,
        harness=run.harness,
        session_id=told.session_id,
    )
    assert earlier is not None, "a sum is always one row"
    return replace(told, usage=own_share(told.usage, earlier))


def _write_run(tx: Tx, run: Run, closing: Closing, told: Conclusion) -> None:
    snapshot = closing.snapshot
    tx.run(
        "close_run",
        id=run.id,
        now=tx.now,
        outcome=told.outcome.kind,
        message=told.outcome.message[:2000],
        reset_at=told.outcome.reset_at,
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


def _used(tx: Tx, run: Run, seen: Seen, closing: Closing, told: Conclusion) -> Used:
    return Used(
        wall_ms=max(0, tx.now - run.started_at - closing.idle_ms),
        cost_usd=told.cost_usd,
        is_unmeasured=told.cost_usd is None and seen.spawned_at is not None and not run.by_hand,
        tokens=told.usage.tokens,
    )


def _count_run(tx: Tx, run: Run, job: Job, closing: Closing, used: Used) -> Assignment:
    """Give the turn back; the run's assignment with what it has used up and where it stands."""
    snapshot = None if job.has_own_lane else closing.snapshot  # the lane's row has its head
    if run.by_hand is None:  # whose work takes no place of an agent's
        tx.run("give_back_turn", id=run.namespace_id)
    counted = tx.one(
        Assignment,
        "count_run",
        id=run.assignment_id,
        is_pm=job.is_pm,
        **vars(used),
        head_commit=snapshot.commit if snapshot else None,
        head_tree=snapshot.tree if snapshot else None,
    )
    assert counted is not None, "a row points at its assignment"
    return counted


def _add_evidence(tx: Tx, run: Run, evidence: list[NewEvidence]) -> None:
    for piece in evidence:
        tx.insert(
            "add_evidence",
            run_id=run.id,
            assignment_id=run.assignment_id,
            now=tx.now,
            **vars(piece),
        )


def _move_on(tx: Tx, over: Over, next_: Next, settings: Settings) -> None:
    # the assignment is never a closed one: closing it cancels its run, and that run is Ended
    run, job, assignment, outcome = over.run, over.job, over.assignment, over.outcome
    match next_:
        case Judge():
            close_job(tx, job, next_.state, outcome.kind, over.answer, next_.counter)
            is_merged_first = next_.state is JobState.DONE and _merge_first(tx, assignment, job)
            asked = asking.read(over.told.text) if outcome.kind is Kind.SUCCEEDED else None
            if asked is not None:
                _ask_for_agent(tx, over, asked, settings)
            elif not is_merged_first:
                call_pm(tx, assignment)
        case Apply():
            apply_decision(tx, assignment, job, run, over.told, settings)
            block_if_stuck(tx, get_assignment(tx, assignment.id), settings.house.patience)
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
            _put_back(tx, over, next_.run_after, next_.counter, next_.resume)
        case Elsewhere():
            decide(
                tx,
                assignment,
                By.POLICY,
                DecisionKind.RETRY,
                next_.reason,
                run_id=run.id,
                job_id=job.id,
                inputs={"outcome": outcome.kind, "ai": run.ai, "account": run.account},
            )
            who = who_may_go_on(tx, settings, replace(job, resume_session=next_.resume), run)
            _put_back(tx, over, None, next_.counter, next_.resume, who)
        case Ask():
            _put_back(tx, over, None, None, over.session)
            _block(tx, assignment, run, f"{run.ai}: {next_.reason}", settings)
        case Escalate():
            close_job(tx, job, next_.state, outcome.kind, over.answer)
            _block(tx, assignment, run, next_.reason, settings)
        case Ended():
            close_job(tx, job, next_.state, outcome.kind, over.answer)
            promote_all(tx, assignment.id)
            reason = outcome.message or f"J{job.id} was cancelled"
            pause_if_idle(tx, assignment, reason, settings.house.patience)
        case _:
            assert_never(next_)


def _merge_first(tx: Tx, assignment: Assignment, job: Job) -> bool:
    """Have what was done in a lane of its own merged, before a PM judges it.

    Whether there is anything to merge.
    """
    if not job.has_own_lane:
        return False
    if not get_lane(tx, assignment.id, job.lane).has_changed:
        close_lane(tx, assignment.id, job.lane, LaneState.MERGED)
        return False
    enqueue(
        tx,
        assignment,
        NewJob(
            type=MERGE,
            context=f"Merge {replace(assignment, lane=job.lane).branch} into {assignment.branch}",
            created_by=By.POLICY,
            priority=job.priority,
            locks=job.locks,
            merges=job.lane,
        ),
    )
    return True


def _put_back(
    tx: Tx,
    over: Over,
    run_after: int | None,
    counter: str | None,
    resume: str | None,
    waits_on: str | None = None,
) -> None:
    tx.run(
        "put_back_job",
        id=over.job.id,
        outcome=over.outcome.kind,
        answer=over.answer,
        run_after=run_after,
        counter=counter,
        resume_session=resume,
        waits_on=waits_on,
        now=tx.now,
    )
    if waits_on is not None:
        event_of_job(tx, "job.parked", over.job, waits_for=WaitsFor.AI, on=waits_on)


def _block(tx: Tx, assignment: Assignment, run: Run, reason: str, settings: Settings) -> None:
    decide(tx, assignment, By.POLICY, DecisionKind.BLOCK, reason, run_id=run.id, job_id=run.job_id)
    new = NewQuestion(QuestionKind.BLOCKED, Asker.POLICY, reason, job_id=run.job_id, run_id=run.id)
    patience = settings.house.patience
    stop_and_ask(tx, assignment, AssignmentState.BLOCKED, reason, new, patience)


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


def _ask_for_agent(tx: Tx, over: Over, asked: asking.Asked, settings: Settings) -> None:
    """The agent's own question goes before the PM's judgement, which then hears the answer."""
    run, job = over.run, over.job
    reason = f"J{job.id} ({job.type}) asks: {asked.text}"
    decide(tx, over.assignment, By.POLICY, DecisionKind.BLOCK, reason, run_id=run.id, job_id=job.id)
    new = NewQuestion(
        QuestionKind.QUESTION,
        Asker.AGENT,
        asked.text,
        asked.options,
        job_id=job.id,
        run_id=run.id,
    )
    patience = settings.house.patience
    stop_and_ask(tx, over.assignment, AssignmentState.BLOCKED, reason, new, patience)


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
