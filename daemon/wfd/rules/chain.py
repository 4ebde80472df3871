"""The chain: what an assignment's jobs did so far, one short link each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from wfd.domain.decision import Decision
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.ids import JobId
from wfd.domain.job import CLOSED, By, Job, JobState
from wfd.domain.outcome import Kind
from wfd.domain.run import Run
from wfd.rules.clip import one_line
from wfd.rules.verdict import findings

MAX_LINKS = 30
MAX_LINE = 240  # characters of a reason or an answer


@dataclass(frozen=True)
class Link:
    id: JobId
    type: str
    state: JobState
    outcome: Kind | None
    retry_of: JobId | None
    by: By
    why: str
    verdict: str | None  # "pass", or "fail, findings: 3"
    cost_usd: float | None  # None: no run reported one
    answer: str  # its first words

    def __str__(self) -> str:
        parts = [f"J{self.id} {self.type}: {self._stand}"]
        if self.retry_of:
            parts.append(f"a retry of J{self.retry_of}")
        if self.verdict:
            parts.append(f"verdict {self.verdict}")
        parts.append("cost not reported" if self.cost_usd is None else f"{self.cost_usd:.2f} USD")
        parts.append(f"made by {self.by}" + (f" because: {self.why}" if self.why else ""))
        if self.answer:
            parts.append(f"it said: {self.answer}")
        return "; ".join(parts)

    @property
    def _stand(self) -> str:
        """How it ended; an open job has not, whatever became of its last run."""
        if self.state in CLOSED:
            return self.outcome or self.state
        return f"{self.state} again after {self.outcome}" if self.outcome else self.state


def links(
    jobs: Sequence[Job],
    runs: Sequence[Run],
    evidence: Sequence[Evidence],
    decisions: Sequence[Decision],
) -> tuple[Link, ...]:
    """The jobs in the order they were made, without the PM's own: its reasons are in theirs.

    Of a long chain, the end.
    """
    reasons = {decision.id: decision.reason for decision in decisions}
    verdicts = _verdicts(runs, evidence)
    work = sorted((job for job in jobs if not job.is_pm), key=lambda job: job.id)
    return tuple(
        Link(
            id=job.id,
            type=job.type,
            state=job.state,
            outcome=job.outcome,
            retry_of=job.retry_of,
            by=job.created_by,
            why=one_line(reasons.get(job.decision_id or 0, ""), MAX_LINE),
            verdict=verdicts.get(job.id),
            cost_usd=_cost(run for run in runs if run.job_id == job.id),
            answer=one_line(job.answer or "", MAX_LINE),
        )
        for job in work[-MAX_LINKS:]
    )


def _verdicts(runs: Iterable[Run], evidence: Iterable[Evidence]) -> Mapping[JobId, str]:
    job_of = {run.id: run.job_id for run in runs}
    said = {}
    for verdict in evidence:
        if verdict.kind is EvidenceKind.VERDICT and verdict.run_id in job_of:
            count = len(findings(verdict.tail))
            said[job_of[verdict.run_id]] = "pass" if verdict.ok else f"fail, findings: {count}"
    return said


def _cost(runs: Iterable[Run]) -> float | None:
    known = [run.cost_usd for run in runs if run.cost_usd is not None]
    return sum(known) if known else None
