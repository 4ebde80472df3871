"""A run that is over: its own row is closed, and what it used up is counted."""

import json
from dataclasses import dataclass, field, replace

from wfd.commands.lanes import as_seen_from, set_head
from wfd.commands.queue import get_assignment, get_job
from wfd.domain.assignment import Assignment
from wfd.domain.errors import LeaseLost
from wfd.domain.evidence import NewEvidence
from wfd.domain.ids import RunId
from wfd.domain.job import Job
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome, Usage
from wfd.domain.run import Run
from wfd.ports import Snapshot, Tx
from wfd.rules.told_word import word
from wfd.rules.usage import own_share

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
    lacks_trust: bool = False  # it did not begin: nobody has accepted the configuration
    unfinished: RunId | None = None  # the run whose agent is done, and whose end is to be redone
    is_finished: bool = False  # all steps after its agent have been done


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


def close_run(tx: Tx, run: Run, closing: Closing, spans_session: bool = False) -> Over:
    """Close the run's own row and count what it used up. Raises LeaseLost."""
    seen = tx.one(Seen, "seen_of_run", id=run.id)
    if seen is None:
        raise LeaseLost(run.id)
    told = replace(
        closing.conclusion,
        outcome=_final(closing.conclusion.outcome, seen),
        # one that ended without a conclusion of its own still has the session it was seen in
        session_id=word(closing.conclusion.session_id or seen.session_id),
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
