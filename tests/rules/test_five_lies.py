"""Five ways to be done without being done. Each ends in a refusal."""

from dataclasses import replace

from tests.rules.rows import (
    BASE,
    HEAD,
    a_decision,
    a_job,
    a_run,
    a_verdict,
    an_assignment,
    an_evidence,
    some_facts,
)

from wfd.domain.evidence import EvidenceKind
from wfd.domain.ids import JobId, RunId
from wfd.domain.job import Job, JobState
from wfd.domain.outcome import Kind
from wfd.rules import retry
from wfd.rules.decision import Complete, InsertJob, Retry, refusal
from wfd.rules.verdict import read

DONE = Complete("the agent reports that all is done and all tests pass")
FINDING = '[{"type": "security", "file": "a.py", "line": %d, "detail": "The key is logged."}]'


def test_done_with_a_red_check() -> None:
    red = an_evidence(ok=False, exit_code=1)
    why = refusal(DONE, some_facts(evidence=[red, a_verdict(id=2)]))
    assert why == "gates are open: checks: unit is red (exit 1)"


def test_done_with_an_empty_diff() -> None:
    facts = some_facts(
        assignment=an_assignment(head_tree=BASE),
        runs=[a_run(snapshot_tree=BASE)],
        evidence=[an_evidence(kind=EvidenceKind.BASELINE, tree=BASE), a_verdict(id=2, tree=BASE)],
    )
    why = refusal(DONE, facts)
    assert why is not None
    assert "nothing differs from the base" in why


def test_a_finding_ignored() -> None:
    failed = a_verdict(False, id=2, tail=FINDING % 3)
    why = refusal(DONE, some_facts(evidence=[an_evidence(), failed]))
    assert why == "gates are open: review: the last review failed with 1 finding"


def test_a_finding_ignored_by_asking_for_another_review_of_the_same_tree() -> None:
    failed = a_verdict(False, id=2, tail=FINDING % 3)
    again = InsertJob("review", "codex", "look again", "the finding seems wrong")
    facts = some_facts(evidence=[an_evidence(), failed])
    assert "review has failed this very tree" in (refusal(again, facts) or "")
    mend = InsertJob("implement", None, "stop logging the key", "the review found it")
    assert refusal(mend, facts) is None


def test_a_person_may_doubt_a_review() -> None:
    failed = a_verdict(False, id=2, tail=FINDING % 3, created_at=20)
    again = InsertJob("review", "codex", "look again", "the user doubts the finding")
    facts = some_facts(evidence=[an_evidence(), failed], decisions=[a_decision(created_at=30)])
    assert refusal(again, facts) is None


def test_a_verdict_in_prose() -> None:
    said = "I have read it all. Verdict: pass. No findings, ship it!"
    assert read(None, said) is None  # so there is no evidence of a review
    why = refusal(DONE, some_facts(evidence=[an_evidence()]))
    assert why == ("gates are open: review: no review with a valid verdict since the last change")


def test_an_endless_retry() -> None:
    job = a_job(state=JobState.FAILED, outcome=Kind.FAILED)
    jobs, number = [job], 0
    while refusal(Retry(f"try harder, {number}", "again"), some_facts(jobs=jobs)) is None:
        job = retried(job, f"try harder, {number}")
        jobs.append(job)
        number += 1
        assert number < 10
    assert job.attempts == 3
    why = refusal(Retry("something new", "again"), some_facts(jobs=jobs))
    assert why == "all 3 attempts at J3 are used; insert another kind of job, or block"


def test_a_retry_that_changes_nothing() -> None:
    first = a_job(state=JobState.FAILED, outcome=Kind.FAILED)
    second = retried(first, "Use the other parser")
    why = refusal(Retry("use  the other\nPARSER", "again"), some_facts(jobs=[first, second]))
    assert why == "these changes were tried already; change something else, or block"


def test_a_review_loop_that_finds_the_same_twice() -> None:
    evidence = [
        a_verdict(False, id=1, tree="earlier", tail=FINDING % 3),
        an_evidence(id=2),
        a_verdict(False, id=3, tree=HEAD, tail=FINDING % 17),  # it moved, and is the same
    ]
    mend = InsertJob("implement", None, "stop logging the key", "the review found it")
    why = refusal(mend, some_facts(evidence=evidence))
    assert why is not None
    assert "review has found the same twice (security)" in why
    answered = some_facts(evidence=evidence, decisions=[a_decision(created_at=30)])
    assert refusal(mend, answered) is None


def test_two_looks_at_one_tree_are_no_loop() -> None:
    evidence = [a_verdict(False, id=n, tail=FINDING % 3) for n in (1, 2)]
    mend = InsertJob("implement", None, "stop logging the key", "the review found it")
    assert refusal(mend, some_facts(evidence=evidence)) is None


def test_a_review_that_finds_something_new_is_no_loop() -> None:
    evidence = [
        a_verdict(False, id=1, tree="earlier", tail=FINDING % 3),
        a_verdict(False, id=3, tail=(FINDING % 3).replace("logged", "mailed")),
    ]
    mend = InsertJob("implement", None, "stop mailing the key", "the review found it")
    assert refusal(mend, some_facts(evidence=evidence)) is None


def retried(job: Job, changes: str) -> Job:
    """The job that a retry makes, closed as failed like the one before it."""
    counters = retry.counters(job)
    return replace(
        job,
        id=JobId(job.id + 1),
        retry_of=job.id,
        context=retry.context(job, changes),
        attempts=counters.attempts,
        no_work=counters.no_work,
        closed_at=(job.closed_at or 0) + 1,
    )


def test_a_run_of_an_earlier_job_is_not_taken_for_the_last() -> None:
    jobs = [a_job(), a_job(id=JobId(2), type="review", closed_at=20)]
    runs = [a_run(message="first"), a_run(id=RunId(2), job_id=JobId(2), message="second")]
    facts = some_facts(jobs=jobs, runs=runs)
    assert facts.last_run is not None
    assert facts.last_run.message == "second"
