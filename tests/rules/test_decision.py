import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.rows import BASE, a_job, a_verdict, an_assignment, an_evidence, some_facts
from tests.rules.test_verdict import JSON, assert_strict

from wfd.domain.evidence import EvidenceKind
from wfd.domain.ids import JobId
from wfd.domain.job import PM, JobState
from wfd.domain.outcome import Kind
from wfd.rules.allowed import menu
from wfd.rules.decision import (
    MAX_CONTEXT,
    SCHEMA,
    Block,
    Complete,
    InsertJob,
    PmDecision,
    Proceed,
    Retry,
    read,
    refusal,
)
from wfd.rules.policy import Caps

INSERT = InsertJob("implement", None, "do it", "because")
RETRY = Retry("use the other parser", "it choked")


def answer(**parts: object) -> dict[str, object]:
    empty = {"job": None, "changes": None, "question": None, "reason": "because"}
    return {**empty, **parts}


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        (
            answer(
                decision="insert_job",
                job={"type": "implement", "harness": None, "context": "do it"},
            ),
            INSERT,
        ),
        (answer(decision="retry", changes=" less "), Retry("less", "because")),
        (answer(decision="complete"), Complete("because")),
        (answer(decision="block", question="Which?"), Block("Which?", "because")),
        (
            answer(decision="block", question="Which?", options=["a", " b ", 3]),
            Block("Which?", "because", ("a", "b")),
        ),
        (answer(decision="complete", options="none"), Complete("because")),
        ({"decision": "complete", "reason": "because", "confidence": 1}, Complete("because")),
    ],
)
def test_a_decision_is_read(said: dict[str, object], decision: PmDecision) -> None:
    assert read(said, "") == decision
    assert read(None, f"I think:\n```json\n{json.dumps(said)}\n```") == decision


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (answer(decision="done"), "no decision 'done'"),
        (answer(decision="insert_job"), "needs job"),
        ({"decision": "complete"}, "reason: field required"),
        ({"reason": "because"}, "decision: field required"),
        (answer(decision="insert_job", job={"harness": "sim"}), "job.type: field required"),
        ([1], "the answer"),
    ],
)
def test_what_cannot_be_read_is_told_in_words_to_act_on(said: object, problem: str) -> None:
    told = read(said, "")
    assert isinstance(told, str)
    assert problem in told


def test_prose_is_no_decision() -> None:
    told = read(None, "We should complete this now.")
    assert isinstance(told, str)
    assert "no JSON" in told


@given(JSON, st.text() | st.text(alphabet="`json\n{}[]\"': ,"))
def test_reading_never_raises(structured: object, text: str) -> None:
    assert isinstance(read(structured, text), PmDecision | str)


def test_the_schema_is_strict_all_the_way_down() -> None:
    assert_strict(SCHEMA)


@pytest.mark.parametrize("decision", [INSERT, RETRY, Complete("because"), Block("Who?", "why")])
def test_each_decision_is_allowed_where_nothing_speaks_against_it(decision: PmDecision) -> None:
    assert refusal(decision, some_facts()) is None


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (InsertJob("implemnt", None, "x", "y"), "did you mean 'implement'?"),
        (InsertJob("pm", None, "x", "y"), "inserted by the daemon alone"),
        (InsertJob("implement", "codx", "x", "y"), "did you mean 'codex'?"),
        (InsertJob("implement", None, "", "y"), "context is empty"),
        (InsertJob("implement", None, "x" * (MAX_CONTEXT + 1), "y"), "20,001 characters"),
        (Retry("", "y"), "needs changes"),
        (Retry("x" * (MAX_CONTEXT + 1), "y"), "20,001 characters"),
        (Block("", "y"), "needs a question"),
        (Complete(" "), "reason is empty"),
    ],
)
def test_a_decision_that_says_too_little_or_the_wrong_thing_is_refused(
    decision: PmDecision, why: str
) -> None:
    assert why in (refusal(decision, some_facts()) or "")


@pytest.mark.parametrize("decision", [INSERT, RETRY])
@pytest.mark.parametrize(
    ("used", "cap"),
    [({"jobs": 20}, "jobs"), ({"wall_ms": 28_800_000}, "wall time"), ({"cost_usd": 20.0}, "cost")],
)
def test_no_job_is_made_past_a_cap(decision: PmDecision, used: dict[str, float], cap: str) -> None:
    facts = some_facts(assignment=an_assignment(**used))
    assert f"the cap on {cap} is reached" in (refusal(decision, facts) or "")
    assert refusal(Complete("because"), facts) is None
    assert refusal(Block("May I?", "because"), facts) is None


def test_a_retry_needs_a_job_to_retry() -> None:
    facts = some_facts(jobs=[a_job(type=PM, state=JobState.RUNNING, closed_at=None)])
    assert "no job to retry" in (refusal(RETRY, facts) or "")


def test_work_not_done_twice_is_not_tried_a_third_time() -> None:
    lazy = a_job(state=JobState.FAILED, outcome=Kind.NO_WORK, no_work=1)
    assert refusal(RETRY, some_facts(jobs=[lazy])) is None
    lazier = a_job(state=JobState.FAILED, outcome=Kind.NO_WORK, no_work=2)
    assert "did nothing 2 times" in (refusal(RETRY, some_facts(jobs=[lazier])) or "")


def test_work_not_done_does_not_use_up_an_attempt() -> None:
    lazy = a_job(state=JobState.FAILED, outcome=Kind.NO_WORK, no_work=1, attempts=3)
    assert refusal(RETRY, some_facts(jobs=[lazy])) is None


def test_what_is_in_line_may_go_on_and_nothing_may_not() -> None:
    in_line = a_job(id=JobId(2), type="uat", state=JobState.WAITING, closed_at=None)
    waiting = some_facts(jobs=[a_job(), in_line])
    assert refusal(Proceed("it is next"), waiting) is None
    assert "no job is in line" in str(refusal(Proceed("it is next"), some_facts()))


def test_complete_waits_for_every_other_job() -> None:
    waiting = a_job(id=JobId(2), type="uat", state=JobState.WAITING, closed_at=None)
    facts = some_facts(jobs=[a_job(), waiting])
    assert "J2 (uat, waiting)" in (refusal(Complete("because"), facts) or "")


def test_the_pm_job_that_asks_does_not_stand_in_its_own_way() -> None:
    asking = a_job(id=JobId(2), type=PM, state=JobState.RUNNING, closed_at=None)
    facts = some_facts(jobs=[a_job(), asking], pm_job=asking)
    assert refusal(Complete("because"), facts) is None


def test_nothing_to_change_is_a_reason_only_where_it_is_given() -> None:
    facts = some_facts(
        assignment=an_assignment(head_tree=BASE),
        evidence=[
            an_evidence(kind=EvidenceKind.BASELINE, tree=BASE),
            a_verdict(id=2, tree=BASE),
        ],
    )
    assert "nothing differs" in (refusal(Complete("all is well"), facts) or "")
    assert refusal(Complete("nothing_to_change: it was there already"), facts) is None


def test_every_open_gate_is_named_with_its_reason() -> None:
    why = refusal(Complete("because"), some_facts(evidence=[])) or ""
    assert "checks: unit was not run since the last change" in why
    assert "review: no review with a valid verdict" in why


def test_the_menu_says_before_what_a_refusal_would_say_after() -> None:
    facts = some_facts(evidence=[], jobs=[a_job(attempts=3)])
    shown = menu(facts)
    assert shown["insert_job"] == shown["block"] == "allowed"
    for name, decision in (("retry", RETRY), ("complete", Complete("because"))):
        assert shown[name] == f"not allowed: {refusal(decision, facts)}"


def test_a_cap_on_attempts_can_be_raised() -> None:
    spent = [a_job(attempts=3)]
    assert refusal(RETRY, some_facts(jobs=spent)) is not None
    assert refusal(RETRY, some_facts(jobs=spent, caps=Caps(attempts=4))) is None


def test_a_lane_in_which_a_job_works_already_is_not_tried_again_beside_it() -> None:
    failed = a_job(lane="J1", state=JobState.FAILED)
    again = a_job(id=JobId(2), lane="J1", state=JobState.QUEUED, retry_of=failed.id)
    why = refusal(RETRY, some_facts(jobs=[failed, again]))
    assert why is not None and "J2 (implement, queued) works in its lane already" in why
