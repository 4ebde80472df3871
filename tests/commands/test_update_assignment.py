"""Moving an assignment by hand: every move of the table, allowed or refused in a sentence."""

import json
from dataclasses import replace

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.assignment import MOVES, AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import BadInput, NotAllowed, NotFound
from wfd.domain.job import By, JobState, WaitsFor
from wfd.domain.outcome import Kind
from wfd.rules.policy import Gates

A = AssignmentState
OPEN = Gates(checks="off", review=False)


@pytest.fixture
def idle(ground: Ground) -> Ground:
    """A1, paused because its only job was cancelled."""
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    return ground


def move(ground: Ground, status: AssignmentState, **values: object) -> dict[str, object]:
    return ground.send(
        "update_assignment", **{"assignment": 1, "status": status, "reason": "because", **values}
    )


def bring_to(ground: Ground, state: AssignmentState) -> None:
    if ground.assignment(1).state is not state:
        move(ground, state, force=True)
    if state is A.ACTIVE:  # a PM job came with it
        [job] = [job for job in ground.jobs(1) if not job.is_closed]
        assert job.is_pm


@pytest.mark.parametrize(
    ("start", "to"),
    [(s, t) for s in A for t in sorted(MOVES[s]) if (s, t) != (A.ACTIVE, A.COMPLETE)],
)
def test_a_legal_move_is_made_and_told(
    idle: Ground, start: AssignmentState, to: AssignmentState
) -> None:
    bring_to(idle, start)
    answer = move(idle, to, force=True)
    now = idle.assignment(1)
    unmerged: dict[str, object] = {"unmerged": []} if to is A.COMPLETE else {}
    assert answer == {"assignment": 1, "state": to, **unmerged} and now.state is to
    assert (now.closed_at is not None) == now.is_closed
    last = idle.decisions(1)[-1]
    assert (last.by, last.reason) == (By.PERSON, "because")


@pytest.mark.parametrize(
    ("start", "to"), [(s, t) for s in A for t in A if s is not t and t not in MOVES[s]]
)
def test_an_illegal_move_is_refused_and_names_the_legal_ones(
    idle: Ground, start: AssignmentState, to: AssignmentState
) -> None:
    bring_to(idle, start)
    allowed = ", ".join(sorted(MOVES[start]))
    with pytest.raises(
        NotAllowed,
        match=f"A1 is {start} and cannot become {to}; from here it can become: {allowed}",
    ) as refused:
        move(idle, to)
    assert refused.value.exit_code == 4
    assert idle.assignment(1).state is start


@pytest.mark.parametrize("state", list(A))
def test_the_state_that_it_has_already_changes_nothing(
    idle: Ground, state: AssignmentState
) -> None:
    bring_to(idle, state)
    before = (idle.assignment(1), idle.decisions(1), idle.jobs(1))
    assert move(idle, state)["state"] == state
    assert (idle.assignment(1), idle.decisions(1), idle.jobs(1)) == before


def test_active_with_nothing_open_calls_a_pm_and_tells_it_why(idle: Ground) -> None:
    move(idle, A.ACTIVE, reason="try the other library")
    pm = idle.jobs(1)[-1]
    assert (pm.type, pm.state, pm.context) == ("pm", "queued", "try the other library")
    assert idle.decisions(1)[-1].kind is DecisionKind.ACTIVATE


def test_active_with_something_open_wakes_that_and_calls_nobody(idle: Ground) -> None:
    job_id = idle.insert(1)
    move(idle, A.ACTIVE)
    assert idle.job(job_id).state is JobState.QUEUED
    assert len(idle.jobs(1)) == 2


def test_pause_parks_who_has_the_turn_and_lets_running_work_end(ground: Ground) -> None:
    ground.create(type="plan")
    ground.create(type="plan")
    [lease] = ground.take().leases
    move(ground, A.PAUSED)
    ground.send("update_assignment", assignment=2, status="paused")
    assert ground.job(1).state is JobState.RUNNING
    assert ground.run(lease.run.id).cancel_reason is None
    assert ground.job(2).waits_for is WaitsFor.ASSIGNMENT
    assert ground.take(room=9).leases == []

    end(ground, lease.run, Kind.SUCCEEDED)
    assert ground.jobs(1)[-1].waits_for is WaitsFor.ASSIGNMENT, "its PM waits too"


def test_blocked_without_a_reason_is_refused(ground: Ground) -> None:
    ground.create()
    with pytest.raises(BadInput, match="blocked needs --reason"):
        move(ground, A.BLOCKED, reason=None)
    with pytest.raises(BadInput, match="the reason is empty"):
        move(ground, A.BLOCKED, reason=" ")


def test_cancelling_cancels_what_is_open_and_asks_what_runs_to_end(ground: Ground) -> None:
    ground.create(type="plan")
    ground.insert(1)
    [lease] = ground.take().leases
    move(ground, A.CANCELLED, reason="not needed")
    assert [job.state for job in ground.jobs(1)] == [JobState.RUNNING, JobState.CANCELLED]
    assert ground.run(lease.run.id).cancel_reason == "not needed"

    end(ground, lease.run, Kind.SUCCEEDED)
    assert [job.state for job in ground.jobs(1)] == [JobState.CANCELLED, JobState.CANCELLED]
    assert ground.assignment(1).state is A.CANCELLED


@pytest.mark.parametrize("kind", [k for k in Kind if k not in (Kind.SUCCEEDED, Kind.CANCELLED)])
def test_no_outcome_of_a_run_reopens_what_was_cancelled_under_it(
    ground: Ground, kind: Kind
) -> None:
    ground.create(type="plan")
    [lease] = ground.take().leases
    move(ground, A.CANCELLED)
    end(ground, lease.run, kind)
    assert [job.state for job in ground.jobs(1)] == [JobState.CANCELLED]
    assert ground.assignment(1).state is A.CANCELLED
    ground.now += 10_000_000
    assert ground.take().leases == []


def test_complete_is_refused_while_jobs_are_open_even_by_force(ground: Ground) -> None:
    ground.create(type="plan")
    ground.insert(1, "review")
    ground.take()
    with pytest.raises(
        NotAllowed, match=r"open jobs: J1 \(plan, running\), J2 \(review, waiting\); wait for them"
    ) as refused:
        move(ground, A.COMPLETE, force=True)
    assert refused.value.exit_code == 4


def test_complete_is_refused_while_gates_are_open_and_names_each(idle: Ground) -> None:
    with pytest.raises(NotAllowed, match=r"open gates: review: no review .* --force") as refused:
        move(idle, A.COMPLETE)
    assert refused.value.exit_code == 4
    assert idle.assignment(1).state is A.PAUSED
    assert all(d.kind is not DecisionKind.COMPLETE for d in idle.decisions(1))


def test_completing_by_force_is_an_override_that_names_what_was_open(idle: Ground) -> None:
    move(idle, A.COMPLETE, force=True, reason="I looked at it")
    decision = idle.decisions(1)[-1]
    assert (decision.kind, decision.is_override) == (DecisionKind.COMPLETE, True)
    assert decision.reason == "I looked at it"
    [gate] = json.loads(decision.inputs)["open_gates"]
    assert gate["name"] == "review"


def test_force_with_nothing_open_overrides_nothing(idle: Ground) -> None:
    house = replace(idle.settings.house, gates=OPEN)
    idle.settings = replace(idle.settings, house=house)
    move(idle, A.COMPLETE, force=True)
    assert idle.decisions(1)[-1].is_override is False


def test_a_word_that_is_no_state_is_refused_by_name(ground: Ground) -> None:
    ground.create()
    with pytest.raises(BadInput, match=r"'status': .*'active'"):
        ground.send("update_assignment", assignment=1, status="done")


def test_an_unknown_assignment_and_one_of_another_namespace_are_not_found(ground: Ground) -> None:
    ground.create()
    with pytest.raises(NotFound, match="no assignment A9"):
        move(ground, A.PAUSED, assignment=9)
    with pytest.raises(NotFound, match="A1 belongs to namespace 'a'"):
        move(ground, A.PAUSED, namespace="b")
