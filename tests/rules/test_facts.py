import json
from typing import Any

from tests.rules.rows import (
    BASE,
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
from wfd.domain.job import PM, By, JobState
from wfd.domain.outcome import Kind
from wfd.rules import retry
from wfd.rules.clip import clip, largest, one_line, tail
from wfd.rules.facts import wfd_facts


def block(**over: Any) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(json.dumps(wfd_facts(some_facts(**over))))
    return shown


def test_the_block_of_a_finished_job_says_all_that_policy_goes_by() -> None:
    job = a_job(outcome=Kind.SUCCEEDED)
    assert block(jobs=[job]) == {
        "assignment": "A7",
        "last_job": {
            "id": "J1",
            "type": "implement",
            "state": "done",
            "outcome": "succeeded",
            "attempt": 1,
            "changed": True,
        },
        "checks": ["unit"],
        "checks_red": [],
        "no_change": False,
        "gates_open": [],
        "findings": [],
        "open_jobs": [],
        "unmerged": [],
        "attempts_left": 2,
        "jobs_left": 18,
        "cost_left_usd": 20.0,
        "unmeasured_runs": 0,
        "tokens_left": 100_000_000,
        "pm_share": None,
        "types": ["implement", "plan", "review", "uat"],
        "harnesses": ["claude", "codex", "sim"],
        "stuck": None,
        "refused": None,
    }


def test_the_block_of_a_new_assignment_has_no_last_job() -> None:
    fresh = an_assignment(base_tree=None, base_commit=None, head_tree=None, head_commit=None)
    shown = block(assignment=fresh, jobs=[], runs=[], evidence=[])
    assert shown["last_job"] is None
    assert shown["no_change"] is True
    assert shown["gates_open"] == ["checks", "review"]


def test_red_checks_and_findings_are_those_of_the_current_tree() -> None:
    finding = '[{"type": "docs", "file": "a.md", "line": 1, "detail": "%s"}]'
    shown = block(
        evidence=[
            an_evidence(id=1, tree="older", ok=False),
            an_evidence(id=2, ok=False, name="lint"),
            a_verdict(False, id=3, tree="older", tail=finding % "old"),
            a_verdict(False, id=4, tail=finding % "new"),
        ],
        check_names=["unit", "lint"],
    )
    assert shown["checks_red"] == ["lint"]
    assert [found["detail"] for found in shown["findings"]] == ["new"]
    assert shown["findings"][0]["from"] == "review"


def test_the_last_job_is_the_one_that_closed_last() -> None:
    late = a_job(id=JobId(1), closed_at=50)
    early = a_job(id=JobId(2), closed_at=40)
    still = a_job(id=JobId(3), state=JobState.QUEUED, closed_at=None)
    judge = a_job(id=JobId(4), type=PM, closed_at=60)
    assert some_facts(jobs=[late, early, still, judge]).last_job == late


def test_a_run_that_left_the_tree_as_it_was_changed_nothing() -> None:
    assert block(runs=[a_run(snapshot_tree=BASE)])["last_job"]["changed"] is False


def test_the_diff_shown_is_that_of_the_last_run() -> None:
    runs = [a_run(), a_run(id=RunId(2))]
    evidence = [
        an_evidence(id=3, kind=EvidenceKind.DIFF, tail="first"),
        an_evidence(id=2, run_id=RunId(2), kind=EvidenceKind.DIFF, tail="second"),
    ]
    facts = some_facts(runs=runs, evidence=evidence)
    assert facts.diff is not None
    assert facts.diff.tail == "second"


def test_the_chain_tells_who_made_each_job_and_why() -> None:
    jobs = [
        a_job(decision_id=1, outcome=Kind.SUCCEEDED, answer="first line\nsecond line"),
        a_job(id=JobId(2), type=PM),
        a_job(id=JobId(3), type="review", created_by=By.PERSON, outcome=Kind.SUCCEEDED, answer=""),
    ]
    runs = [a_run(cost_usd=0.5), a_run(id=RunId(2), job_id=JobId(3))]
    facts = some_facts(
        jobs=jobs,
        runs=runs,
        evidence=[a_verdict(False, run_id=RunId(2))],
        decisions=[a_decision(reason="it is small", by=By.PM)],
    )
    assert [str(link) for link in facts.chain] == [
        "J1 implement: succeeded; 0.50 USD; made by pm because: it is small;"
        " it said: first line second line",
        "J3 review: succeeded; verdict fail, findings: 0; cost not reported; made by person",
    ]


def test_what_the_person_said_reaches_the_pm_until_one_has_answered() -> None:
    said = a_decision(reason="take the small one", created_at=30)
    assert some_facts(decisions=[said]).activation == "take the small one"
    answered = a_job(id=JobId(2), type=PM, closed_at=40)
    assert some_facts(decisions=[said], jobs=[a_job(), answered]).activation is None
    refused = a_job(id=JobId(2), type=PM, closed_at=40, state=JobState.FAILED)
    assert some_facts(decisions=[said], jobs=[a_job(), refused]).activation == said.reason


def test_the_context_of_the_pm_job_is_what_the_person_said() -> None:
    asking = a_job(id=JobId(2), type=PM, state=JobState.RUNNING, closed_at=None, context="go on")
    assert some_facts(jobs=[a_job(), asking], pm_job=asking).activation == "go on"


def test_a_retry_counts_along_its_chain_and_keeps_the_task() -> None:
    first = a_job(outcome=Kind.FAILED, context="build it")
    counters = retry.counters(first)
    assert (counters.attempts, counters.no_work, counters.transient) == (2, 0, 0)
    second = a_job(
        id=JobId(2), retry_of=JobId(1), context=retry.context(first, "in C"), outcome=Kind.NO_WORK,
        attempts=2, no_work=1,
    )  # fmt: skip
    assert (retry.counters(second).attempts, retry.counters(second).no_work) == (2, 1)
    again = retry.context(second, "in Rust")
    assert "in C" not in again
    assert (retry.task(again), retry.changes(again)) == ("build it", "in Rust")
    assert retry.changes("build it") is None


def test_a_list_that_is_cut_keeps_its_first_lines_and_its_sum() -> None:
    rows = [f"row {number}" for number in range(100)]
    text = "\n".join([*rows, "100 files changed"])

    cut = largest(text, 60).split("\n")

    assert largest(text, 10_000) == text
    assert cut[:7] == rows[:7]
    assert cut[7:] == ["[… 93 lines left out, of smaller ones …]", "100 files changed"]
    assert len(largest("x" * 5000 + "\n" + "y" * 5000, 100)) < 300


def test_a_cut_is_shown() -> None:
    assert clip("x" * 10, 10) == "x" * 10
    assert clip("a" * 50 + "z" * 50, 30) == (
        f"{'a' * 10}\n[… 70 characters left out …]\n{'z' * 20}"
    )
    assert tail("abcdef", 2) == "[… 4 characters left out …]\nef"
    assert one_line("a\n b", 9) == "a b"
    assert one_line("abcdef", 3) == "ab…"


def test_the_chain_says_of_no_open_job_that_it_ended() -> None:
    put_back = a_job(state=JobState.QUEUED, outcome=Kind.TRANSIENT, closed_at=None, answer="")
    [link] = some_facts(jobs=[put_back]).chain
    assert str(link).startswith("J1 implement: queued again after transient;")
