"""Rows as the store would give them, with only what a test is about spelled out."""

from dataclasses import replace
from typing import Any

from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import Decision, DecisionKind
from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.job import MAIN_LANE, By, Job, JobState
from wfd.domain.note import Note
from wfd.domain.run import Run, RunState
from wfd.rules.facts import Facts, gather
from wfd.rules.policy import Caps, Gates

BASE, HEAD = "base-tree", "head-tree"


def an_assignment(**over: Any) -> Assignment:
    plain = Assignment(
        id=AssignmentId(7),
        namespace_id=NamespaceId(1),
        north_star="Discounts work",
        state=AssignmentState.ACTIVE,
        reason=None,
        is_set_up=True,
        base_commit="c" * 40,
        base_tree=BASE,
        head_commit="d" * 40,
        head_tree=HEAD,
        jobs=2,
        cost_usd=None,
        unmeasured=0,
        wall_ms=0,
        created_at=0,
        closed_at=None,
        tokens=None,
        pm_cost_usd=None,
        pm_tokens=None,
        pm_wall_ms=0,
        allowance="{}",
        resumes_at=None,
    )
    return replace(plain, **over)


def a_job(**over: Any) -> Job:
    plain = Job(
        id=JobId(1),
        namespace_id=NamespaceId(1),
        assignment_id=AssignmentId(7),
        type="implement",
        lane=MAIN_LANE,
        state=JobState.DONE,
        waits_for=None,
        waits_on=None,
        run_after=None,
        priority=0,
        harness=None,
        needs=None,
        locks=None,
        merges=None,
        context="apply the discount",
        created_by=By.PM,
        decision_id=None,
        retry_of=None,
        type_seq=1,
        attempts=1,
        no_work=0,
        transient=0,
        lost=0,
        interrupted=0,
        rate_limited=0,
        outcome=None,
        resume_session=None,
        answer="done",
        created_at=0,
        closed_at=10,
    )
    return replace(plain, **over)


def a_run(**over: Any) -> Run:
    plain = Run(
        id=RunId(1),
        job_id=JobId(1),
        assignment_id=AssignmentId(7),
        namespace_id=NamespaceId(1),
        state=RunState.CLOSED,
        worker="w",
        harness="sim",
        ai="sim",
        lease_until=0,
        cancel_reason=None,
        started_at=0,
        spawned_at=0,
        ended_at=10,
        pid=None,
        pid_start=None,
        boot_id=None,
        session_id=None,
        resumed=None,
        prompt_hash=None,
        cli_version=None,
        model=None,
        outcome=None,
        message=None,
        reset_at=None,
        ended_by=None,
        exit_code=0,
        cost_usd=None,
        tokens_in=None,
        tokens_cached=None,
        tokens_out=None,
        turns=None,
        tools=1,
        answer="done",
        structured=None,
        parent_commit=None,
        parent_tree=BASE,
        snapshot_commit=None,
        snapshot_tree=HEAD,
        activity=None,
        retries=0,
        account=None,
        route=None,
        containment=None,
        by_hand=None,
        is_probe=False,
    )
    return replace(plain, **over)


def an_evidence(**over: Any) -> Evidence:
    plain = Evidence(
        id=1,
        run_id=RunId(1),
        assignment_id=AssignmentId(7),
        kind=EvidenceKind.CHECK,
        name="unit",
        tree=HEAD,
        commit_id=None,
        ok=True,
        command="pytest",
        exit_code=0,
        duration_ms=5,
        path=None,
        sha256=None,
        bytes=None,
        tail="",
        created_at=20,
    )
    return replace(plain, **over)


def a_verdict(ok: bool = True, name: str = "review", tail: str = "[]", **over: Any) -> Evidence:
    return an_evidence(kind=EvidenceKind.VERDICT, name=name, ok=ok, tail=tail, **over)


def a_decision(**over: Any) -> Decision:
    plain = Decision(
        id=1,
        assignment_id=AssignmentId(7),
        run_id=None,
        job_id=None,
        by=By.PERSON,
        kind=DecisionKind.ACTIVATE,
        reason="go on",
        inputs="{}",
        is_override=False,
        created_at=30,
    )
    return replace(plain, **over)


def a_note(text: str) -> Note:
    return Note(id=1, assignment_id=AssignmentId(7), text=text, created_at=0)


def some_facts(**over: Any) -> Facts:
    """A green, reviewed, changed assignment with one job done, unless told otherwise."""
    plain: dict[str, Any] = {
        "assignment": an_assignment(),
        "pm_job": None,
        "jobs": [a_job()],
        "runs": [a_run()],
        "evidence": [an_evidence(), a_verdict(id=2)],
        "decisions": [],
        "notes": [],
        "gates": Gates(),
        "caps": Caps(),
        "check_names": ["unit"],
        "types": ["plan", "implement", "review", "uat", "pm"],
        "harnesses": ["claude", "codex", "sim"],
    }
    return gather(**{**plain, **over})
