from dataclasses import replace
from typing import Any

import pytest
from tests.rules.rows import a_job
from tests.rules.test_policy import the_default

from wfd.domain.job import PM, JobState
from wfd.domain.outcome import Kind, Outcome
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
    used,
)
from wfd.rules.policy import Backoff, OutcomeRule, Then

NOW = 1_000_000
POLICY = the_default()
RETRY = OutcomeRule(Then.RETRY, "transient", 3, Backoff(base_ms=7, factor=2, max_ms=99))


def follow(kind: Kind, *, roll: float = 0.0, reset_at: int | None = None, **job: Any) -> Next:
    outcome = Outcome(kind, "it said so", reset_at)
    return after(a_job(state=JobState.RUNNING, **job), outcome, "sess", POLICY, NOW, roll)


def at_limit(kind: Kind) -> dict[str, int]:
    counter, limit = POLICY.outcomes[kind].counter, POLICY.limit(kind)
    return {counter: limit} if counter and limit else {}


# Kind: what follows for an ordinary job and for a PM's, with the counter fresh and spent.
TABLE: dict[Kind, tuple[type[Next], type[Next], type[Next], type[Next]]] = {
    Kind.SUCCEEDED: (Judge, Judge, Apply, Apply),
    Kind.NO_WORK: (Judge, Judge, Escalate, Escalate),
    Kind.FAILED: (Judge, Judge, Escalate, Escalate),
    Kind.TRANSIENT: (Again, Judge, Again, Escalate),
    Kind.RATE_LIMITED: (Elsewhere, Judge, Elsewhere, Escalate),
    Kind.AUTH: (Ask, Ask, Ask, Ask),
    Kind.USAGE: (Ask, Ask, Ask, Ask),
    Kind.NOT_FOUND: (Ask, Ask, Ask, Ask),
    Kind.STEP_FAILED: (Ask, Ask, Ask, Ask),
    Kind.POISONED: (Again, Judge, Again, Escalate),
    Kind.TIMED_OUT: (Again, Judge, Again, Escalate),
    Kind.STALLED: (Again, Judge, Again, Escalate),
    Kind.PROTOCOL: (Again, Judge, Again, Escalate),
    Kind.LOST: (Again, Judge, Again, Escalate),
    Kind.INTERRUPTED: (Again, Judge, Again, Escalate),
    Kind.CANCELLED: (Ended, Ended, Ended, Ended),
}


@pytest.mark.parametrize("kind", Kind)
def test_what_follows_each_kind_for_every_job_and_counter(kind: Kind) -> None:
    spent = at_limit(kind)
    assert (
        type(follow(kind)),
        type(follow(kind, **spent)),
        type(follow(kind, type=PM)),
        type(follow(kind, type=PM, **spent)),
    ) == TABLE[kind]


@pytest.mark.parametrize("kind", Kind)
def test_only_a_success_closes_a_job_as_done(kind: Kind) -> None:
    following = follow(kind, **at_limit(kind))
    if isinstance(following, Judge):
        expected = JobState.DONE if kind is Kind.SUCCEEDED else JobState.FAILED
        assert following.state is expected


@pytest.mark.parametrize("kind", [k for k in Kind if POLICY.outcomes[k].then is Then.RETRY])
def test_a_kind_that_repeats_for_ever_is_judged_after_its_limit(kind: Kind) -> None:
    job, runs = a_job(state=JobState.RUNNING), 0
    while isinstance(following := after(job, Outcome(kind), None, POLICY, NOW, 0.0), Again):
        assert following.counter is not None
        job = a_job(**{following.counter: used(job, following.counter) + 1})
        runs += 1
        assert runs <= 200
    limit = POLICY.limit(kind)
    assert limit is not None
    assert runs == limit - (POLICY.outcomes[kind].counter == "attempts")


@pytest.mark.parametrize("kind", [k for k in Kind if isinstance(follow(k), Again | Elsewhere)])
def test_a_session_is_resumed_unless_it_may_be_the_cause(kind: Kind) -> None:
    following = follow(kind)
    assert isinstance(following, Again | Elsewhere)
    is_suspect = kind in (Kind.POISONED, Kind.PROTOCOL)
    assert following.resume == (None if is_suspect else "sess")


def test_a_run_that_died_before_it_named_its_session_leaves_the_one_before() -> None:
    job = a_job(state=JobState.RUNNING, resume_session="older")
    following = after(job, Outcome(Kind.LOST), None, POLICY, NOW, 0.0)
    assert isinstance(following, Again)
    assert following.resume == "older"


def test_a_poisoned_session_is_not_kept_from_an_earlier_run_either() -> None:
    following = follow(Kind.POISONED, resume_session="older")
    assert isinstance(following, Again)
    assert following.resume is None


def test_a_rate_limit_costs_no_attempt_and_keeps_the_session() -> None:
    following = follow(Kind.RATE_LIMITED, attempts=3)
    assert isinstance(following, Elsewhere)
    assert (following.counter, following.resume) == ("rate_limited", "sess")


def test_a_policy_that_retries_after_a_limit_holds_no_account() -> None:
    policy = replace(POLICY, outcomes={**POLICY.outcomes, Kind.RATE_LIMITED: RETRY})
    outcome = Outcome(Kind.RATE_LIMITED, "", NOW + 90_000)
    following = after(a_job(state=JobState.RUNNING), outcome, None, policy, NOW, 0.0)
    assert isinstance(following, Again)
    assert following.run_after == NOW + 7


def test_what_waits_and_is_no_limit_goes_by_its_reset_and_else_by_its_backoff() -> None:
    waits = replace(RETRY, then=Then.WAIT)
    policy = replace(POLICY, outcomes={**POLICY.outcomes, Kind.TRANSIENT: waits})
    job = a_job(state=JobState.RUNNING)
    for reset_at, run_after in ((NOW + 90_000, NOW + 90_000), (None, NOW + 7), (NOW - 1, NOW + 7)):
        outcome = Outcome(Kind.TRANSIENT, "", reset_at)
        following = after(job, outcome, None, policy, NOW, 0.0)
        assert isinstance(following, Again)
        assert following.run_after == run_after


def test_a_transient_waits_longer_each_time() -> None:
    waits = [follow(Kind.TRANSIENT, transient=n) for n in range(3)]
    assert [w.run_after for w in waits if isinstance(w, Again)] == [
        NOW + 5_000, NOW + 15_000, NOW + 45_000,
    ]  # fmt: skip


def test_an_interruption_goes_on_at_once_and_costs_no_attempt() -> None:
    following = follow(Kind.INTERRUPTED, attempts=3)
    assert isinstance(following, Again)
    assert (following.run_after, following.counter) == (None, "interrupted")


def test_work_not_done_is_counted_when_it_is_seen() -> None:
    following = follow(Kind.NO_WORK)
    assert isinstance(following, Judge)
    assert following.counter == "no_work"


def test_a_failure_is_not_counted_twice() -> None:
    following = follow(Kind.FAILED)
    assert isinstance(following, Judge)
    assert following.counter is None  # its retry will be the next attempt


@pytest.mark.parametrize("kind", [Kind.AUTH, Kind.USAGE, Kind.NOT_FOUND])
def test_a_question_for_a_person_says_what_happened_and_the_way_out(kind: Kind) -> None:
    following = follow(kind)
    assert isinstance(following, Ask)
    assert "it said so" in following.reason
    assert "wfctl update-assignment A7 --status active" in following.reason
