"""The values that prompt templates are filled with. templates/README.md tells them all."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.job import Job, JobState
from wfd.domain.note import Note
from wfd.domain.question import Asker, ToldQuestion
from wfd.domain.run import Run
from wfd.domain.template import Template
from wfd.rules import caps as cap_rules
from wfd.rules import retry
from wfd.rules.allowed import menu
from wfd.rules.chain import links
from wfd.rules.clip import clip, largest, tail
from wfd.rules.facts import Facts, wfd_facts
from wfd.rules.gates import newest_check
from wfd.rules.verdict import findings

MAX_ANSWER = 12_000  # characters of an answer that a prompt repeats
MAX_TAIL = 3_000  # characters of a check's output, or of a question
MAX_ANSWERS = 20  # questions that a prompt repeats
PLAN = "plan"  # the job type whose answer later jobs work from
SHORT = 12  # hex digits of a commit

Values = dict[str, object]


def values_for(
    *,
    assignment: Assignment,
    job: Job,
    template: Template,
    checks: Mapping[str, str],
    jobs: Sequence[Job] = (),
    runs: Sequence[Run] = (),
    evidence: Sequence[Evidence] = (),
    decisions: Sequence[Decision] = (),
    notes: Sequence[Note] = (),
    questions: Sequence[ToldQuestion] = (),
) -> Values:
    """The values for an ordinary job. `checks` are the configured commands by name; the rows
    are all that the assignment has."""
    earlier = [other for other in jobs if other.id != job.id]
    before = next((other for other in earlier if other.id == job.retry_of), None)
    return {
        "assignment": f"A{assignment.id}",
        "job": f"J{job.id}",
        "type": job.type,
        "attempt": job.attempts,
        "north_star": assignment.north_star,
        "context": retry.task(job.context) if job.retry_of else job.context,
        "changes": retry.changes(job.context) if job.retry_of else None,
        "notes": [note.text for note in notes],
        "answers": _answers(questions),
        "branch": assignment.branch,
        "base": (assignment.base_commit or "")[:SHORT],
        "checks": [
            {"name": name, "command": command}
            for name, command in checks.items()
            if template.checks is None or name in template.checks
        ],
        "baseline": _checks(_at_base(evidence, assignment.base_tree, checks)),
        "findings": _open_findings(evidence),
        "chain": [str(link) for link in links(earlier, runs, evidence, decisions)],
        "plan": _plan(earlier),
        "retry": before and _went_wrong(before, runs, evidence),
    }


def pm_values(facts: Facts) -> Values:
    """The values for the PM's template."""
    assignment = facts.assignment
    return {
        "assignment": f"A{assignment.id}",
        "north_star": assignment.north_star,
        "activation": facts.activation,
        "notes": [note.text for note in facts.notes],
        "answers": _answers(facts.questions),
        "branch": assignment.branch,
        "base": (assignment.base_commit or "")[:SHORT],
        "refused": facts.refused,
        "facts": json.dumps(wfd_facts(facts), indent=1),  # ASCII, so no line of it is a fence
        "menu": menu(facts),
        "chain": [str(link) for link in facts.chain],
        "last_job": _last_job(facts),
        "open_jobs": [
            {"id": f"J{job.id}", "type": job.type, "state": job.state, "context": _short(job)}
            for job in facts.open_jobs
        ],
        "checks": _checks(facts.checks),
        "check_names": list(facts.check_names),
        "baseline": _checks(facts.baseline),
        "diff_stat": largest(facts.diff.tail, MAX_TAIL) if facts.diff else None,
        "beside": [
            {
                "name": one.name,
                "is_fault": one.kind is EvidenceKind.FAULT,
                "text": tail(one.tail, MAX_TAIL)
                if one.kind is EvidenceKind.FAULT
                else largest(one.tail, MAX_TAIL),
            }
            for one in facts.beside
        ],
        "gates_open": [str(gate) for gate in facts.gates_open],
        "findings": [
            finding for verdict in facts.verdicts if not verdict.ok for finding in _found(verdict)
        ],
        "nothing_changed": facts.nothing_changed,
        "left": _left(facts),
        "types": list(facts.types),
        "harnesses": list(facts.harnesses),
    }


def _answers(questions: Sequence[ToldQuestion]) -> list[Values]:
    """What was asked and what a person said to it; of many, the newest."""
    return [
        {
            "id": f"Q{asked.id}",
            "by": _asker(asked),
            "question": clip(asked.text, MAX_TAIL),
            "answer": asked.answer,
        }
        for asked in questions[-MAX_ANSWERS:]
    ]


def _asker(asked: ToldQuestion) -> str:
    match asked.by:
        case Asker.PM:
            return "The PM"
        case Asker.POLICY:
            return "The daemon"
        case Asker.AGENT:
            return f"J{asked.job_id} ({asked.job_type})"
        case _:
            assert_never(asked.by)


def _at_base(
    evidence: Sequence[Evidence], base_tree: str | None, names: Iterable[str]
) -> list[Evidence]:
    found = (newest_check(evidence, base_tree, base_tree, name) for name in names)
    return [check for check in found if check is not None]


def _checks(evidence: Iterable[Evidence]) -> list[Values]:
    return [
        {
            "name": check.name,
            "ok": check.ok,
            "command": check.command,
            "exit": "timed out" if check.exit_code is None else f"exit {check.exit_code}",
            "tail": "" if check.ok else tail(check.tail, MAX_TAIL),
        }
        for check in evidence
    ]


def _open_findings(evidence: Iterable[Evidence]) -> list[Values]:
    """What the newest verdict of each kind found, unless it was a pass."""
    newest: dict[str, Evidence] = {}
    for verdict in sorted(evidence, key=lambda e: e.id):
        if verdict.kind is EvidenceKind.VERDICT:
            newest[verdict.name] = verdict
    return [found for verdict in newest.values() if not verdict.ok for found in _found(verdict)]


def _found(verdict: Evidence) -> list[Values]:
    return [{"from": verdict.name, **finding.model_dump()} for finding in findings(verdict.tail)]


def _plan(jobs: Iterable[Job]) -> Values | None:
    """What the newest plan says: the PM's context seldom repeats all of it."""
    plans = [job for job in jobs if job.type == PLAN and job.state is JobState.DONE and job.answer]
    if not plans:
        return None
    newest = max(plans, key=lambda job: job.id)
    return {"job": f"J{newest.id}", "answer": clip(newest.answer or "", MAX_ANSWER)}


def _went_wrong(before: Job, runs: Iterable[Run], evidence: Iterable[Evidence]) -> Values:
    last = _last_run(before, runs)
    red = [
        e
        for e in evidence
        if last and e.run_id == last.id and e.kind is EvidenceKind.CHECK and not e.ok
    ]
    return {
        "job": f"J{before.id}",
        "outcome": before.outcome or before.state,
        "message": (last.message if last else None) or "",
        "answer": clip(before.answer or "", MAX_ANSWER),
        "red": _checks(red),
    }


def _last_job(facts: Facts) -> Values | None:
    job, run = facts.last_job, facts.last_run
    if job is None:
        return None
    return {
        "id": f"J{job.id}",
        "type": job.type,
        "attempt": job.attempts,
        "harness": run.harness if run else job.harness,
        "outcome": job.outcome or job.state,
        "message": (run.message if run else None) or "",
        "context": clip(job.context, MAX_ANSWER),
        "answer": clip(job.answer or "", MAX_ANSWER),
    }


def _short(job: Job) -> str:
    return clip(job.context, MAX_TAIL)


def _last_run(job: Job, runs: Iterable[Run]) -> Run | None:
    return max((run for run in runs if run.job_id == job.id), key=lambda run: run.id, default=None)


def _left(facts: Facts) -> list[str]:
    attempts = f"{facts.attempts_left} of {facts.caps.attempts} attempts at the last job"
    return [attempts, *cap_rules.left(facts.assignment, facts.caps)]
