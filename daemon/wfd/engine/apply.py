"""What a PM decided becomes rows, unless policy refuses it."""

from dataclasses import asdict
from typing import assert_never

from wfd.commands.ask import NewQuestion
from wfd.commands.closing import abandon_lanes, close_job
from wfd.commands.lanes import enqueue_retry
from wfd.commands.queue import (
    NewJob,
    enqueue,
    enqueue_pm,
    get_assignment,
    set_state,
)
from wfd.commands.record import decide
from wfd.commands.settle import stop_and_ask
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import Decision, DecisionKind
from wfd.domain.evidence import Evidence
from wfd.domain.job import By, Job, JobState
from wfd.domain.lane import Lane
from wfd.domain.note import Note
from wfd.domain.outcome import Conclusion, Kind
from wfd.domain.question import Asker, QuestionKind, ToldQuestion
from wfd.domain.run import Run
from wfd.domain.template import Template
from wfd.engine.parts import Settings
from wfd.ports import Read, Tx
from wfd.rules import asking, retry
from wfd.rules import decision as decisions
from wfd.rules.facts import Facts, gather

MAX_QUOTE = 2_000  # characters of an answer that a person is shown


def apply_decision(
    tx: Tx, assignment: Assignment, job: Job, run: Run, told: Conclusion, settings: Settings
) -> None:
    """Close the PM job and do what it decided. Refused twice, the assignment is blocked."""
    answer = decisions.read(told.structured, told.text)
    facts = facts_of(tx, assignment, job, settings)
    why_not = answer if isinstance(answer, str) else decisions.refusal(answer, facts)
    if isinstance(answer, str) or why_not is not None:
        _refuse(tx, assignment, job, run, told, why_not or "", facts, settings)
        return
    close_job(tx, job, JobState.DONE, Kind.SUCCEEDED, told.text)
    decision_id = decide(
        tx,
        assignment,
        By.PM,
        answer.kind,
        answer.reason,
        run_id=run.id,
        job_id=facts.last_job.id if facts.last_job else None,
        inputs={
            "decision": asdict(answer),
            "gates_open": [gate.name for gate in facts.gates_open],
            "head_commit": assignment.head_commit,
        },
    )
    _carry_out(tx, assignment, answer, facts, run, decision_id, settings)


def facts_of(read: Read, assignment: Assignment, pm_job: Job | None, settings: Settings) -> Facts:
    """All that a PM of this assignment decides on, as the rows say it now."""
    house, of = settings.house, assignment.id
    return gather(
        assignment=assignment,
        pm_job=pm_job,
        jobs=read.all(Job, "jobs_of", assignment_id=of),
        runs=read.all(Run, "runs_of", assignment_id=of),
        evidence=read.all(Evidence, "evidence_of", assignment_id=of),
        decisions=read.all(Decision, "decisions_of", assignment_id=of),
        notes=read.all(Note, "notes_of", assignment_id=of),
        questions=read.all(ToldQuestion, "told_questions_of", assignment_id=of),
        gates=house.gates,
        caps=house.caps,
        check_names=house.checks,
        types=house.types,
        harnesses=house.harnesses,
        lanes=read.all(Lane, "lanes_of", assignment_id=of),
        refused=_refusal_before(read, pm_job),
    )


def _carry_out(
    tx: Tx,
    assignment: Assignment,
    answer: decisions.PmDecision,
    facts: Facts,
    run: Run,
    decision_id: int,
    settings: Settings,
) -> None:
    match answer:
        case decisions.InsertJob():
            enqueue(
                tx,
                assignment,
                NewJob(
                    type=answer.type,
                    context=answer.context,
                    created_by=By.PM,
                    harness=answer.harness,
                    decision_id=decision_id,
                ),
            )
        case decisions.Retry():
            last = facts.tried_again
            assert last is not None, "a retry of nothing is refused"
            counters = retry.counters(last)
            enqueue_retry(
                tx,
                assignment,
                last,
                NewJob(
                    type=last.type,
                    context=retry.context(last, answer.changes),
                    created_by=By.PM,
                    harness=last.harness,
                    needs=last.needs,
                    priority=last.priority,
                    decision_id=decision_id,
                    retry_of=last.id,
                    attempts=counters.attempts,
                    no_work=counters.no_work,
                    resume_session=_session_to_keep(facts, settings),
                ),
            )
        case decisions.Proceed():
            pass  # whoever closes a run gives the turn to the next in line
        case decisions.Complete():
            abandon_lanes(tx, assignment)  # of what failed, and was done in another way
            set_state(tx, assignment, AssignmentState.COMPLETE, answer.reason)
        case decisions.Block():
            new = NewQuestion(
                QuestionKind.QUESTION,
                Asker.PM,
                answer.question,
                answer.options,
                subject=asking.forbidden(facts),
                job_id=run.job_id,
                run_id=run.id,
            )
            patience = settings.house.patience
            stop_and_ask(tx, assignment, AssignmentState.BLOCKED, new.text, new, patience)
        case _:
            assert_never(answer)


def _session_to_keep(facts: Facts, settings: Settings) -> str | None:
    """The last session, where its job type goes on with it and its end does not forbid it."""
    job, run = facts.last_job, facts.last_run
    template = settings.templates.get(job.type) if job else None
    if job is not None and job.merges is not None:
        return None  # what it did before is not in the lane in which it begins anew
    if run is None or not isinstance(template, Template) or template.fresh_session:
        return None
    ended_well = run.outcome is Kind.SUCCEEDED
    rule = settings.policy.outcomes[run.outcome] if run.outcome else None
    return run.session_id if ended_well or (rule and rule.resume) else None


def _refuse(
    tx: Tx,
    assignment: Assignment,
    job: Job,
    run: Run,
    told: Conclusion,
    why_not: str,
    facts: Facts,
    settings: Settings,
) -> None:
    is_second = _refusal_before(tx, job) is not None
    close_job(tx, job, JobState.FAILED, Kind.SUCCEEDED, told.text)
    decide(
        tx,
        assignment,
        By.POLICY,
        DecisionKind.REFUSE,
        why_not,
        run_id=run.id,
        job_id=job.id,
        inputs={"answer": told.structured or told.text[:MAX_QUOTE]},
    )
    if not is_second:
        enqueue_pm(tx, assignment, By.POLICY, job.context, retry_of=job.id)
        return
    said = told.text.strip()[:MAX_QUOTE] or "nothing"
    reason = f"the PM's decision was refused twice, at last because {why_not}. It said: {said}"
    decide(tx, assignment, By.POLICY, DecisionKind.BLOCK, reason, run_id=run.id, job_id=job.id)
    new = NewQuestion(
        QuestionKind.BLOCKED,
        Asker.POLICY,
        reason,
        subject=asking.forbidden(facts, is_refused=True),
        job_id=job.id,
        run_id=run.id,
    )
    now = get_assignment(tx, assignment.id)
    stop_and_ask(tx, now, AssignmentState.BLOCKED, reason, new, settings.house.patience)


def _refusal_before(read: Read, pm_job: Job | None) -> str | None:
    """Why the answer of the job that this one repeats was refused.

    None when a person has spoken since: what forbade it may be gone, and it has two tries again.
    """
    if pm_job is None or pm_job.retry_of is None:
        return None
    found = None
    for made in read.all(Decision, "decisions_of", assignment_id=pm_job.assignment_id):
        if made.by is By.PERSON:
            found = None
        elif made.kind is DecisionKind.REFUSE and made.job_id == pm_job.retry_of:
            found = made.reason
    return found
