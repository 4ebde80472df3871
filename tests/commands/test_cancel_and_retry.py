"""Cancelling a job, and asking for one again."""

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.assignment import AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import NotAllowed, NotFound
from wfd.domain.job import By, JobState
from wfd.domain.outcome import Kind


def test_a_waiting_job_is_cancelled_at_once(ground: Ground) -> None:
    ground.create(type="plan")
    job_id = ground.insert(1)
    assert ground.send("cancel_job", job=job_id) == {"job": job_id, "state": "cancelled"}
    assert ground.job(job_id).closed_at == ground.now
    assert ground.job(1).state is JobState.QUEUED


def test_a_ready_job_hands_its_turn_on(ground: Ground) -> None:
    ground.create(type="plan")
    job_id = ground.insert(1)
    ground.send("cancel_job", job=1)
    assert ground.job(job_id).state is JobState.QUEUED


def test_a_running_job_is_asked_to_end_and_is_cancelled_whatever_it_says(ground: Ground) -> None:
    ground.create(type="plan")
    job_id = ground.insert(1)
    [lease] = ground.take().leases
    assert ground.send("cancel_job", job=1, reason="wrong one") == {"job": 1, "state": "running"}
    assert ground.run(lease.run.id).cancel_reason == "wrong one"
    assert ground.job(job_id).state is JobState.WAITING, "the turn is not free yet"

    end(ground, lease.run, Kind.SUCCEEDED)
    assert (ground.job(1).state, ground.job(1).outcome) == ("cancelled", Kind.CANCELLED)
    assert ground.job(job_id).state is JobState.QUEUED


def test_cancelling_a_running_job_twice_keeps_the_first_reason(ground: Ground) -> None:
    ground.create(type="plan")
    [lease] = ground.take().leases
    ground.send("cancel_job", job=1, reason="first")
    ground.send("cancel_job", job=1, reason="second")
    assert ground.run(lease.run.id).cancel_reason == "first"


@pytest.mark.parametrize("is_running", [False, True])
def test_when_nothing_else_is_open_the_assignment_asks(ground: Ground, is_running: bool) -> None:
    ground.create(type="plan")
    leases = ground.take().leases if is_running else []
    ground.send("cancel_job", job=1, reason="wrong one")
    for lease in leases:
        end(ground, lease.run, Kind.CANCELLED)
    assignment = ground.assignment(1)
    assert assignment.state is AssignmentState.PAUSED
    assert assignment.reason is not None
    assert assignment.reason.startswith("wrong one; nothing else is open: insert a job")


def test_a_closed_job_cannot_be_cancelled(ground: Ground) -> None:
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    with pytest.raises(NotAllowed, match="J1 is already cancelled") as refused:
        ground.send("cancel_job", job=1)
    assert refused.value.exit_code == 4


def test_a_cancel_is_a_decision_of_a_person(ground: Ground) -> None:
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    [decision] = ground.decisions(1)
    assert (decision.by, decision.kind, decision.job_id) == (By.PERSON, DecisionKind.CANCEL, 1)


def closed_job(ground: Ground) -> None:
    """J1, a plan that failed, in A1, and the PM job J2 that is to look at it."""
    ground.create(type="plan", context="plan it", harness="codex", priority=4)
    end(ground, ground.take().leases[0].run, Kind.FAILED, text="no")


def test_a_retry_is_a_new_job_with_what_must_change(ground: Ground) -> None:
    closed_job(ground)
    assert ground.send("retry_job", job=1, changes=" smaller steps ") == {"job": 3}
    new = ground.job(3)
    assert (new.type, new.harness, new.priority, new.retry_of) == ("plan", "codex", 4, 1)
    assert new.context == "plan it\n\nThis time:\nsmaller steps"
    assert new.attempts == 1, "a person's word is a fresh start"
    assert ground.job(1).state is JobState.FAILED, "a closed job never reopens"
    decision = ground.decisions(1)[-1]
    assert (decision.kind, decision.reason, new.decision_id) == (
        DecisionKind.RETRY, "smaller steps", decision.id,
    )  # fmt: skip


def test_a_retry_without_changes_is_the_same_again(ground: Ground) -> None:
    closed_job(ground)
    ground.send("retry_job", job=1)
    assert ground.job(3).context == "plan it"
    assert ground.assignment(1).jobs == 2


def test_a_retry_answers_a_blocked_assignment(ground: Ground) -> None:
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    ground.send("update_assignment", assignment=1, status="blocked", reason="which one?")
    ground.send("retry_job", job=1)
    assert ground.assignment(1).state is AssignmentState.ACTIVE
    assert ground.job(2).state is JobState.QUEUED


def test_a_retry_in_a_paused_assignment_waits_until_it_goes_on(ground: Ground) -> None:
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    ground.send("retry_job", job=1)
    assert ground.assignment(1).state is AssignmentState.PAUSED
    assert ground.take().leases == []
    ground.send("update_assignment", assignment=1, status="active")
    assert [lease.job.id for lease in ground.take().leases] == [2]


def test_a_retry_of_a_pm_job_is_a_pm_job_in_its_own_lane(ground: Ground) -> None:
    ground.create()
    ground.send("cancel_job", job=1)
    ground.send("retry_job", job=1, changes="mind the docs")
    new = ground.job(2)
    assert (new.type, new.lane, new.context, new.retry_of) == ("pm", "pm", "mind the docs", 1)
    assert ground.assignment(1).jobs == 0


def test_two_pm_jobs_are_never_open_at_once(ground: Ground) -> None:
    ground.create()
    ground.send("cancel_job", job=1)
    ground.send("retry_job", job=1)
    with pytest.raises(NotAllowed, match="J2 is a PM job that is waiting"):
        ground.send("retry_job", job=1)


def test_an_open_job_cannot_be_tried_again(ground: Ground) -> None:
    ground.create(type="plan")
    with pytest.raises(NotAllowed, match="J1 is still queued; 'wfctl cancel J1' ends it first"):
        ground.send("retry_job", job=1)


def test_a_closed_assignment_takes_no_retry(ground: Ground) -> None:
    ground.create(type="plan")
    ground.send("update_assignment", assignment=1, status="cancelled")
    with pytest.raises(NotAllowed, match="A1 is cancelled, so retry is not possible"):
        ground.send("retry_job", job=1)


@pytest.mark.parametrize("command", ["cancel_job", "retry_job"])
def test_an_unknown_job_and_one_of_another_namespace_are_not_found(
    ground: Ground, command: str
) -> None:
    ground.create()
    with pytest.raises(NotFound, match="no job J9; 'wfctl jobs --all' lists them"):
        ground.send(command, job=9)
    with pytest.raises(NotFound, match="J1 belongs to namespace 'a', not to 'b'") as refused:
        ground.send(command, job=1, namespace="b")
    assert refused.value.exit_code == 3
