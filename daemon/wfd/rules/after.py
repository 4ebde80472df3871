"""After a run: what its outcome means for its job."""

from dataclasses import dataclass
from typing import Literal, assert_never

from wfd.domain.job import Job, JobState
from wfd.domain.outcome import Kind, Outcome
from wfd.rules.policy import CounterName, OutcomeRule, Policy, Then
from wfd.rules.trouble import reset_of


@dataclass(frozen=True)
class Judge:
    """The job is closed, and a PM job looks at it."""

    state: Literal[JobState.DONE, JobState.FAILED]
    reason: str
    counter: CounterName | None = None  # one up on the job


@dataclass(frozen=True)
class Again:
    """Another run of the same job with the same prompt."""

    run_after: int | None  # UTC milliseconds; None: at once
    counter: CounterName | None  # one up on the job
    resume: str | None  # the session to go on with; None: a fresh one
    reason: str


@dataclass(frozen=True)
class Elsewhere:
    """The same with whichever AI may do it then: this one may not start another now."""

    counter: CounterName | None
    resume: str | None
    reason: str


@dataclass(frozen=True)
class Ask:
    """The job waits for its assignment, which is blocked until a person has helped."""

    reason: str
    subject: str | None = None  # of the question: what answers it, beside a person's word


@dataclass(frozen=True)
class Apply:
    """A PM job has answered: read its decision and apply it."""


@dataclass(frozen=True)
class Escalate:
    """A PM job got nowhere: it is closed and the assignment blocked. A PM begets no PM."""

    reason: str
    state: Literal[JobState.FAILED] = JobState.FAILED


@dataclass(frozen=True)
class Ended:
    state: Literal[JobState.CANCELLED] = JobState.CANCELLED


Next = Judge | Again | Elsewhere | Ask | Apply | Escalate | Ended


def after(
    job: Job, outcome: Outcome, session_id: str | None, policy: Policy, now: int, roll: float
) -> Next:
    """What follows a run of `job`, by the policy's table.

    `session_id` is the session of that run, as far as it is known; `roll` in [0, 1) is the
    chance in a wait.
    """
    rule = policy.outcomes[outcome.kind]
    match rule.then:
        case Then.END:
            return Ended()
        case Then.ASK:
            return Ask(_way_out(job, outcome))
        case Then.JUDGE:
            return _judged(job, outcome, rule)
        case Then.RETRY | Then.WAIT:
            limit = policy.limit(outcome.kind)
            if rule.counter is None or limit is None or used(job, rule.counter) >= limit:
                return _given_up(job, outcome, limit)
            # a run that died before it could name its session leaves the one before it
            resume = (session_id or job.resume_session) if rule.resume else None
            reason = f"{_told(outcome)}; {_spent(job, rule.counter)} of {limit} used"
            if holds_account(outcome, rule):
                return Elsewhere(rule.counter, resume, reason)
            run_after = _run_after(job, outcome, rule, now, roll)
            return Again(run_after, rule.counter, resume, reason)
        case _:
            assert_never(rule.then)


def holds_account(outcome: Outcome, rule: OutcomeRule) -> bool:
    """Whether nothing may start on its account for a while."""
    return outcome.kind is Kind.RATE_LIMITED and rule.then is Then.WAIT


def soon(rule: OutcomeRule, roll: float) -> int | None:
    """The pause before one more try, where a rule has one before it asks a person."""
    if rule.then is not Then.ASK or rule.backoff is None:
        return None
    return rule.backoff.delay_ms(0, roll)


def once_more(outcome: Outcome, resume: str | None, run_after: int) -> Again:
    """Before a person is asked: what failed may have worked for the next process. Not counted."""
    reason = f"{_told(outcome)}; tried once more before anybody is asked"
    return Again(run_after, None, resume, reason)


def elsewhere(outcome: Outcome, resume: str | None) -> Elsewhere:
    """Instead of asking a person, where another AI fits. Nothing is counted."""
    return Elsewhere(None, resume, f"{_told(outcome)}; another AI fits")


def _spent(job: Job, counter: CounterName) -> int:
    """What is used once this run is counted; an attempt was counted when it began."""
    return used(job, counter) + (counter != "attempts")


def used(job: Job, counter: CounterName) -> int:
    """How much of a counter a job has used; the run going on is one of its attempts."""
    count: int = getattr(job, counter)
    return count


def _judged(job: Job, outcome: Outcome, rule: OutcomeRule) -> Next:
    if outcome.kind is Kind.SUCCEEDED:
        return Apply() if job.is_pm else Judge(JobState.DONE, "succeeded")
    if job.is_pm:
        return Escalate(f"the PM could not decide: {_told(outcome)}")
    # an attempt is counted when it begins, by the retry; work not done, when it is seen
    counter = None if rule.counter == "attempts" else rule.counter
    return Judge(JobState.FAILED, _told(outcome), counter)


def _given_up(job: Job, outcome: Outcome, limit: int | None) -> Next:
    reason = f"{_told(outcome)}; all {limit} tries are used" if limit else _told(outcome)
    if job.is_pm:
        return Escalate(f"the PM could not decide: {reason}")
    return Judge(JobState.FAILED, reason)


def _run_after(job: Job, outcome: Outcome, rule: OutcomeRule, now: int, roll: float) -> int | None:
    if rule.then is Then.WAIT:
        reset = reset_of(outcome, now, roll)
        if reset is not None:
            return reset
    if rule.backoff is None or rule.counter is None:
        return None
    waits = used(job, rule.counter) - (rule.counter == "attempts")
    return now + rule.backoff.delay_ms(waits, roll)


def _told(outcome: Outcome) -> str:
    return f"{outcome.kind}: {outcome.message}" if outcome.message else str(outcome.kind)


def retry_step(job: Job) -> str:
    return f"wfctl retry-step J{job.id}"


def _way_out(job: Job, outcome: Outcome) -> str:
    match outcome.kind:
        case Kind.AUTH:
            what, remedy = (
                "the agent could not log in",
                "log it in, or give 'wfd start' a key and restart it",
            )
        case Kind.NOT_FOUND:
            what, remedy = "the agent's program is not there", "install it or configure its path"
        case Kind.USAGE:
            what, remedy = "it cannot start", "clear that"
        case Kind.STEP_FAILED:
            return f"J{job.id} is held up: {outcome.message}; clear that, then '{retry_step(job)}'"
        case _:
            what, remedy = f"J{job.id} needs a person", "see to it"
    cause = f" ({outcome.message})" if outcome.message else f" ({outcome.kind})"
    command = f"wfctl update-assignment A{job.assignment_id} --status active"
    return f"{what}{cause}: {remedy}, then '{command}'"
