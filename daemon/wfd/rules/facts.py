"""Facts: all that a PM decides on, and all that its decision is checked against."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision, DecisionKind
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.ids import JobId, RunId
from wfd.domain.job import RESERVED, By, Job, JobState
from wfd.domain.lane import Lane
from wfd.domain.note import Note
from wfd.domain.question import ToldQuestion
from wfd.domain.run import Run
from wfd.rules import caps as cap_rules
from wfd.rules import retry
from wfd.rules.chain import Link, links
from wfd.rules.clip import clip
from wfd.rules.gates import OpenGate, newest_check, newest_verdict, open_gates
from wfd.rules.loops import failed_here, stuck
from wfd.rules.policy import Caps, Gates
from wfd.rules.share import pm_share
from wfd.rules.unmerged import left_lying, unmerged
from wfd.rules.verdict import findings

BESIDE = (EvidenceKind.LEFT_OUT, EvidenceKind.FAULT)
MAX_FINDINGS = 40
MAX_DETAIL = 500  # characters


@dataclass(frozen=True)
class Facts:
    assignment: Assignment
    notes: tuple[Note, ...]
    questions: tuple[ToldQuestion, ...]  # that a person has answered, or nobody in time
    activation: str | None  # what the person who called for this decision said
    chain: tuple[Link, ...]
    last_job: Job | None  # the last closed job that is no PM's, or by which a lane has halted
    tried_again: Job | None  # what a retry of it does again: of a merge, what was to be merged
    unmerged: tuple[Job, ...]  # done in lanes of their own that are not merged
    last_run: Run | None
    diff: Evidence | None  # of the last run
    beside: tuple[Evidence, ...]  # what it left in no commit, and what could not be gathered of it
    open_jobs: tuple[Job, ...]  # all but the PM job that asks
    checks: tuple[Evidence, ...]  # the newest of each check at the current tree
    baseline: tuple[Evidence, ...]
    verdicts: tuple[Evidence, ...]  # the newest of each kind at the current tree
    gates_open: tuple[OpenGate, ...]
    check_names: tuple[str, ...]
    caps: Caps  # its own
    breach: str | None  # the cap that forbids one more job
    stuck: str | None  # why another turn would not help
    failed_here: tuple[str, ...]  # job types whose verdict has failed the current tree
    tried: tuple[str, ...]  # the changes that retries of the last job have tried already
    types: tuple[str, ...]  # of jobs that can be inserted
    harnesses: tuple[str, ...]
    refused: str | None  # why the answer before this one was refused

    @property
    def nothing_changed(self) -> bool:
        """The branch holds what the base holds."""
        head = self.assignment.head_tree
        return head is None or head == self.assignment.base_tree

    @property
    def attempts_left(self) -> int:
        used = self.tried_again.attempts if self.tried_again else 0
        return max(0, self.caps.attempts - used)

    @property
    def jobs_left(self) -> int:
        return max(0, self.caps.jobs - self.assignment.jobs)


def gather(
    *,
    assignment: Assignment,
    pm_job: Job | None,
    jobs: Sequence[Job],
    runs: Sequence[Run],
    evidence: Sequence[Evidence],
    decisions: Sequence[Decision],
    notes: Sequence[Note],
    questions: Sequence[ToldQuestion] = (),
    gates: Gates,
    caps: Caps,
    check_names: Sequence[str],
    types: Collection[str],
    harnesses: Collection[str],
    lanes: Sequence[Lane] = (),
    refused: str | None = None,
) -> Facts:
    """The facts of an assignment, from all of its rows.

    `pm_job` is the job that asks, `refused` what was wrong with its first answer.
    """
    tree = assignment.head_tree or assignment.base_tree
    base_tree = assignment.base_tree
    caps = cap_rules.caps_of(assignment, caps)
    last_job = left_lying(jobs, lanes) or _last_closed(jobs)
    tried_again = _tried_again(last_job, jobs)
    last_run = max(
        (r for r in runs if last_job and r.job_id == last_job.id), key=lambda r: r.id, default=None
    )
    names = sorted({e.name for e in evidence if e.kind is EvidenceKind.VERDICT})
    verdicts = _known(newest_verdict(evidence, tree, name) for name in names)
    return Facts(
        assignment=assignment,
        notes=tuple(notes),
        questions=tuple(questions),
        activation=_activation(pm_job, jobs, decisions),
        chain=links(jobs, runs, evidence, decisions),
        last_job=last_job,
        tried_again=tried_again,
        unmerged=tuple(unmerged(jobs, lanes)),
        last_run=last_run,
        diff=_diff(evidence, last_run.id if last_run else None),
        beside=tuple(
            e for e in evidence if last_run and e.run_id == last_run.id and e.kind in BESIDE
        ),
        open_jobs=tuple(j for j in jobs if not j.is_closed and (not pm_job or j.id != pm_job.id)),
        checks=_known(newest_check(evidence, tree, base_tree, name) for name in check_names),
        baseline=_known(newest_check(evidence, base_tree, base_tree, name) for name in check_names),
        verdicts=verdicts,
        gates_open=tuple(
            open_gates(
                evidence,
                head_tree=assignment.head_tree,
                base_tree=base_tree,
                gates=gates,
                check_names=check_names,
            )
        ),
        check_names=tuple(check_names),
        caps=caps,
        breach=cap_rules.breach(assignment, caps),
        stuck=stuck(evidence, decisions, caps.reviews),
        failed_here=failed_here(verdicts, decisions),
        tried=_tried(tried_again, {job.id: job for job in jobs}),
        types=tuple(sorted(set(types) - RESERVED)),
        harnesses=tuple(sorted(harnesses)),
        refused=refused,
    )


def wfd_facts(facts: Facts) -> dict[str, object]:
    """The facts as a machine reads them: the block ```json wfd-facts of the PM's prompt."""
    job, run = facts.last_job, facts.last_run
    share = pm_share(facts.assignment)
    return {
        "assignment": f"A{facts.assignment.id}",
        "last_job": job
        and {
            "id": f"J{job.id}",
            "type": job.type,
            "state": job.state,
            "outcome": job.outcome,
            "attempt": job.attempts,
            "changed": bool(run and run.snapshot_tree and run.snapshot_tree != run.parent_tree),
        },
        "checks": list(facts.check_names),
        "checks_red": [check.name for check in facts.checks if not check.ok],
        "no_change": facts.nothing_changed,
        "gates_open": [gate.name for gate in facts.gates_open],
        "findings": _findings(facts.verdicts),
        "open_jobs": [f"J{job.id}" for job in facts.open_jobs],
        "unmerged": [f"J{job.id}" for job in facts.unmerged],
        "attempts_left": facts.attempts_left,
        "jobs_left": facts.jobs_left,
        "cost_left_usd": cap_rules.budget_left(facts.assignment, facts.caps),
        "unmeasured_runs": facts.assignment.unmeasured,
        "tokens_left": cap_rules.tokens_left(facts.assignment, facts.caps),
        "pm_share": share and round(share.part, 3),
        "types": list(facts.types),
        "harnesses": list(facts.harnesses),
        "stuck": facts.stuck,
        "refused": facts.refused,
    }


def _last_closed(jobs: Iterable[Job]) -> Job | None:
    closed = (job for job in jobs if job.is_closed and not job.is_pm)
    return max(closed, key=lambda job: (job.closed_at or 0, job.id), default=None)


def _tried_again(last: Job | None, jobs: Iterable[Job]) -> Job | None:
    if last is None or last.merges is None:
        return last
    return max((job for job in jobs if job.lane == last.merges), key=lambda job: job.id)


def _activation(
    pm_job: Job | None, jobs: Iterable[Job], decisions: Iterable[Decision]
) -> str | None:
    """What a person said when setting the assignment active, until a PM has answered it."""
    if pm_job and pm_job.context:
        return pm_job.context
    # a PM whose answer was refused has failed, and has not answered
    done = (job for job in jobs if job.is_pm and job.state is JobState.DONE)
    answered = max((job.closed_at or 0 for job in done), default=0)
    said = [
        d.reason
        for d in decisions
        if d.kind is DecisionKind.ACTIVATE and d.by is By.PERSON and d.created_at >= answered
    ]
    return said[-1] if said else None


def _diff(evidence: Iterable[Evidence], run_id: RunId | None) -> Evidence | None:
    of_run = (e for e in evidence if e.kind is EvidenceKind.DIFF and e.run_id == run_id)
    return max(of_run, key=lambda e: e.id, default=None)


def _known(evidence: Iterable[Evidence | None]) -> tuple[Evidence, ...]:
    return tuple(e for e in evidence if e is not None)


def _tried(job: Job | None, by_id: Mapping[JobId, Job]) -> tuple[str, ...]:
    tried = []
    while job is not None:
        changes = retry.changes(job.context) if job.retry_of else None
        if changes:
            tried.append(changes)
        job = by_id.get(job.retry_of) if job.retry_of else None
    return tuple(tried)


def _findings(verdicts: Iterable[Evidence]) -> list[dict[str, object]]:
    found = [
        {"from": verdict.name, **finding.model_dump(), "detail": clip(finding.detail, MAX_DETAIL)}
        for verdict in verdicts
        if not verdict.ok
        for finding in findings(verdict.tail)
    ]
    return found[:MAX_FINDINGS]
