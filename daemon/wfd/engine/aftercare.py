"""What a closed run tells of its AI: its account is held, it broke, it works again."""

from dataclasses import dataclass
from typing import Literal

from structlog.typing import FilteringBoundLogger

from wfd.commands.ai import let_go, lift, mend, subject_of
from wfd.commands.ask import NewQuestion, ask
from wfd.commands.record import event_of_none
from wfd.domain.ai import AiRow, Hold
from wfd.domain.job import By
from wfd.domain.outcome import Conclusion
from wfd.domain.question import Asker, QuestionKind
from wfd.domain.run import Run
from wfd.ports import Tx
from wfd.rules.after import holds_account
from wfd.rules.policy import Policy
from wfd.rules.trouble import MAX_REASON, Blame, Health, blame, health, held

_GOOD_NEWS = ("hold.lifted", "ai.mended")


@dataclass(frozen=True)
class Finding:
    """What changed for an AI or an account, for the log."""

    event: Literal[
        "hold.placed", "hold.extended", "hold.lifted", "ai.broken", "ai.mended", "ai.needs_person"
    ]
    name: str  # of the AI, or of the account
    until: int | None
    reason: str


def look_after(
    tx: Tx,
    run: Run,
    told: Conclusion,
    policy: Policy,
    roll: float,
    *,
    is_ais_own: bool,
    soon_ms: int | None = None,
) -> list[Finding]:
    """Write what a run's end means for its AI and its account, and tell what has changed.

    `soon_ms` is the pause after which its job tries the AI once more, where it does.
    """
    rule = policy.outcomes[told.outcome.kind]
    if holds_account(told.outcome, rule):
        return _hold(tx, run, told, policy, roll)
    what = blame(told, is_ais_own=is_ais_own)
    if what is Blame.NONE:
        return []
    found = _lift_after_probe(tx, run) if what is Blame.WORKS and run.is_probe else []
    row = tx.one(AiRow, "ai_by_name", name=run.ai)
    now = health(
        row, what, told.outcome, policy.breaker, tx.now, is_probe=run.is_probe, soon_ms=soon_ms
    )
    return found if now is None else [*found, *_write(tx, run, row, now, policy)]


def _hold(tx: Tx, run: Run, told: Conclusion, policy: Policy, roll: float) -> list[Finding]:
    outcome = told.outcome
    rule, account = policy.outcomes[outcome.kind], run.account or run.ai
    reason = (outcome.message or "usage limit")[:MAX_REASON]
    before = tx.one(Hold, "open_hold", account=account)
    now = held(before, outcome, rule, tx.now, roll, is_probe=run.is_probe)
    values = {**vars(now), "reason": reason}
    found: list[Finding] = []
    if before is None:
        tx.insert("add_hold", account=account, run_id=run.id, now=tx.now, **values)
        found.append(Finding("hold.placed", account, now.until, reason))
    elif (now.until, now.probes) != (before.until, before.probes):
        tx.run("extend_hold", id=before.id, **values)
        found.append(Finding("hold.extended", account, now.until, reason))
    limit = policy.limit(outcome.kind)
    if limit is not None and now.probes >= limit > (before.probes if before else 0):
        words = f"its limit never ends: {reason}"
        found.append(Finding("ai.needs_person", account, None, words))
        way_out = f"wfctl ai resume {run.ai}"  # a check tries the AI, and lifts no hold
        _ask(tx, run, subject_of(account), f"the account {account}: {words}", way_out)
    return _told(tx, run, account, found)


def _lift_after_probe(tx: Tx, run: Run) -> list[Finding]:
    hold = tx.one(Hold, "open_hold", account=run.account or run.ai)
    if hold is None or hold.is_reset_known:
        return []
    lift(tx, hold, "probe")
    return [Finding("hold.lifted", hold.account, None, hold.reason)]


def _write(tx: Tx, run: Run, row: AiRow | None, now: Health, policy: Policy) -> list[Finding]:
    if now.broken_until is None and not now.failures:
        was_broken = mend(tx, run.ai, "run")
        if was_broken:
            let_go(tx, run.ai, By.POLICY)
        reason = (row.broken_reason if row else None) or ""
        return [Finding("ai.mended", run.ai, None, reason)] if was_broken else []
    tx.run("add_ai", name=run.ai, now=tx.now)
    tx.run("set_health", name=run.ai, **vars(now))
    if now.broken_until is None:
        return []
    reason = now.reason or ""
    found = [Finding("ai.broken", run.ai, now.broken_until, reason)]
    if now.probes >= policy.breaker.probes:
        words = f"every try failed: {reason}"
        found.append(Finding("ai.needs_person", run.ai, None, words))
        way_out = f"wfctl ai check {run.ai}, or: wfctl ai resume {run.ai}"
        _ask(tx, run, run.ai, f"the AI {run.ai}: {words}", way_out)
    return _told(tx, run, run.account or run.ai, found)


def _ask(tx: Tx, run: Run, subject: str, words: str, way_out: str) -> None:
    """It belongs to no assignment: all that need it wait."""
    text = f"{words}; fix that, then: {way_out}"
    ask(tx, None, NewQuestion(QuestionKind.AI, Asker.POLICY, text, subject=subject, run_id=run.id))


def _told(tx: Tx, run: Run, account: str, found: list[Finding]) -> list[Finding]:
    for one in found:
        event_of_none(
            tx,
            one.event,
            ai=run.ai,
            account=account,
            until=one.until,
            reason=one.reason,
            run_id=run.id,
        )
    return found


def log_findings(log: FilteringBoundLogger, run: Run, findings: list[Finding]) -> None:
    for one in findings:
        tell = log.info if one.event in _GOOD_NEWS else log.warning
        tell(
            one.event,
            ai=run.ai,
            account=run.account,
            until=one.until,
            reason=one.reason,
            run_id=run.id,
        )
