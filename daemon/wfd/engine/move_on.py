"""What becomes of a job when its run is over."""

from dataclasses import replace
from typing import assert_never

from wfd.commands.ask import NewQuestion
from wfd.commands.closing import close_job, close_lane, get_lane
from wfd.commands.queue import NewJob, call_pm, enqueue, get_assignment, promote_all
from wfd.commands.record import decide, event_of_job
from wfd.commands.settle import block_if_stuck, pause_if_idle, stop_and_ask
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.ids import RunId
from wfd.domain.job import MERGE, By, Job, JobState, WaitsFor
from wfd.domain.lane import LaneState
from wfd.domain.outcome import Kind
from wfd.domain.question import Asker, QuestionKind
from wfd.domain.run import Run
from wfd.engine.apply import apply_decision
from wfd.engine.over import Over
from wfd.engine.parts import Settings
from wfd.engine.permit import who_may_go_on
from wfd.ports import Tx
from wfd.rules import asking
from wfd.rules.after import Again, Apply, Ask, Elsewhere, Ended, Escalate, Judge, Next


def move_on(tx: Tx, over: Over, next_: Next, settings: Settings) -> None:
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
            _try_again(tx, over, next_.reason, run_after=next_.run_after)
            _put_back(tx, over, next_.run_after, next_.counter, next_.resume)
        case Elsewhere():
            _try_again(tx, over, next_.reason, ai=run.ai, account=run.account)
            who = who_may_go_on(tx, settings, replace(job, resume_session=next_.resume), run)
            _put_back(tx, over, None, next_.counter, next_.resume, who)
        case Ask():
            _put_back(tx, over, None, None, over.session)
            _block(tx, assignment, run, next_.reason, settings, next_.subject)
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


def _try_again(tx: Tx, over: Over, reason: str, **inputs: object) -> None:
    decide(
        tx,
        over.assignment,
        By.POLICY,
        DecisionKind.RETRY,
        reason,
        run_id=over.run.id,
        job_id=over.job.id,
        inputs={"outcome": over.outcome.kind, **inputs},
    )


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
        finishes=_still_to_finish(over),
        now=tx.now,
    )
    if waits_on is not None:
        event_of_job(tx, "job.parked", over.job, waits_for=WaitsFor.AI, on=waits_on)


def _still_to_finish(over: Over) -> RunId | None:
    """The run whose end the job's next run is to redo, instead of having an agent do it again."""
    closing = over.closing
    return closing.unfinished or (None if closing.is_finished else over.job.finishes)


def _block(
    tx: Tx,
    assignment: Assignment,
    run: Run,
    reason: str,
    settings: Settings,
    subject: str | None = None,
) -> None:
    decide(tx, assignment, By.POLICY, DecisionKind.BLOCK, reason, run_id=run.id, job_id=run.job_id)
    new = NewQuestion(
        QuestionKind.BLOCKED,
        Asker.POLICY,
        reason,
        subject=subject,
        job_id=run.job_id,
        run_id=run.id,
    )
    patience = settings.house.patience
    stop_and_ask(tx, assignment, AssignmentState.BLOCKED, reason, new, patience)


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
