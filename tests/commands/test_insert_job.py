"""A job by hand: its turn, its key, the first PM job that it takes over, and what is refused."""

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.commands.house import MAX_TEXT
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import BadInput, NotAllowed, NotFound
from wfd.domain.job import By, JobState, WaitsFor
from wfd.domain.outcome import Kind


def test_it_takes_over_a_first_pm_job_that_nobody_has_begun(ground: Ground) -> None:
    ground.create()
    job_id = ground.insert(1, "plan")
    assert ground.job(1).state is JobState.CANCELLED
    assert ground.job(job_id).state is JobState.QUEUED


def test_it_waits_until_a_first_pm_run_has_been_cancelled(ground: Ground) -> None:
    ground.create()
    [lease] = ground.take().leases
    job_id = ground.insert(1, "plan")
    assert ground.run(lease.run.id).cancel_reason == "a person chose the first job"
    assert ground.job(job_id).waits_for is WaitsFor.LANE

    end(ground, lease.run, Kind.SUCCEEDED, text="whatever the PM said")
    assert ground.job(1).state is JobState.CANCELLED
    assert ground.job(job_id).state is JobState.QUEUED


def test_a_later_one_waits_behind_the_job_and_the_pm_that_are_due(ground: Ground) -> None:
    ground.create(type="plan")
    later = ground.insert(1, "implement", priority=9)
    [lease] = ground.take().leases
    end(ground, lease.run, Kind.SUCCEEDED)
    pm = ground.jobs(1)[-1]
    assert (pm.is_pm, pm.state) == (True, JobState.QUEUED)
    assert ground.job(later).waits_for is WaitsFor.LANE


def test_a_pm_job_that_is_not_the_first_is_left_alone(ground: Ground) -> None:
    ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.SUCCEEDED)
    ground.insert(1)
    assert [job.state for job in ground.jobs(1)] == ["done", "queued", "waiting"]


def test_higher_priority_goes_first_then_age(ground: Ground) -> None:
    ground.create(type="plan")
    late, early = ground.insert(1, priority=1), ground.insert(1, priority=1)
    first = ground.insert(1, priority=2)
    ground.send("cancel_job", job=1)
    order = []
    for _ in range(3):
        order += [job.id for job in ground.jobs(1) if job.state is JobState.QUEUED]
        ground.send("cancel_job", job=order[-1])
    assert order == [first, late, early]


def test_a_job_for_later_is_ready_when_its_time_has_come(ground: Ground) -> None:
    ground.create()
    due = ground.now + 5000
    job_id = ground.insert(1, run_after=due)
    assert ground.job(job_id).waits_for is WaitsFor.TIME
    taken = ground.take()
    assert (taken.leases, taken.next_due) == ([], due)
    ground.now = due
    assert [lease.job.id for lease in ground.take().leases] == [job_id]


@pytest.mark.parametrize("status", ["paused", "blocked"])
def test_it_waits_for_an_assignment_that_is_not_active(ground: Ground, status: str) -> None:
    ground.create(type="plan")
    ground.send("update_assignment", assignment=1, status=status, reason="wait")
    ground.send("cancel_job", job=1)
    answer = ground.send("insert_job", assignment=1, type="plan", context="do it")
    assert answer["assignment_state"] == status
    assert ground.job(2).waits_for is WaitsFor.ASSIGNMENT
    assert ground.take().leases == []
    ground.send("update_assignment", assignment=1, status="active")
    assert ground.job(2).state is JobState.QUEUED


def test_the_same_key_again_gives_the_same_job(ground: Ground) -> None:
    ground.create(type="plan")
    first = ground.send("insert_job", assignment=1, type="review", context="look", key="k")
    again = ground.send("insert_job", assignment=1, type="plan", context="other", key="k")
    assert again == {**first, "created": False}
    assert ground.assignment(1).jobs == 2
    assert len(ground.decisions(1)) == 1


def test_a_key_answers_also_when_its_assignment_is_closed_by_now(ground: Ground) -> None:
    ground.create(type="plan")
    job_id = ground.insert(1, key="k")
    ground.send("update_assignment", assignment=1, status="cancelled")
    assert ground.insert(1, key="k") == job_id


def test_a_key_of_another_assignment_is_refused_and_says_whose_it_is(ground: Ground) -> None:
    ground.create(type="plan")
    ground.create(type="plan")
    job_id = ground.insert(1, key="k")
    with pytest.raises(BadInput, match=f"key 'k' belongs to J{job_id} of A1"):
        ground.insert(2, key="k")


def test_who_inserted_it_is_a_decision(ground: Ground) -> None:
    ground.create(type="plan")
    job = ground.job(ground.insert(1, "review"))
    [decision] = ground.decisions(1)
    assert (decision.by, decision.kind, decision.id) == (
        By.PERSON, DecisionKind.INSERT_JOB, job.decision_id,
    )  # fmt: skip


def test_type_seq_counts_within_its_type(ground: Ground) -> None:
    ground.create(type="plan")
    made = [ground.insert(1, job_type) for job_type in ("review", "plan", "review")]
    assert [ground.job(id_).type_seq for id_ in made] == [1, 2, 2]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"type": "implment"}, r"no job type 'implment' \(did you mean 'implement'\?\); known:"),
        ({"type": "pm"}, "only the daemon inserts pm jobs"),
        ({"harness": "codx"}, r"no harness 'codx' \(did you mean 'codex'\?\); known: claude"),
        ({"context": " \n"}, "the context is empty; say what you want"),
        ({"context": "x" * (MAX_TEXT + 1)}, "200,001 characters .* name that file"),
    ],
)
def test_what_is_off_is_named_and_nothing_is_made(
    ground: Ground, values: dict[str, object], sentence: str
) -> None:
    ground.create()
    with pytest.raises(BadInput, match=sentence) as refused:
        ground.send("insert_job", **{"assignment": 1, "type": "plan", "context": "do it", **values})
    assert refused.value.exit_code == 2
    assert [job.state for job in ground.jobs(1)] == [JobState.QUEUED]


@pytest.mark.parametrize("status", ["cancelled", "complete"])
def test_a_closed_assignment_takes_no_job(ground: Ground, status: str) -> None:
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    ground.send("update_assignment", assignment=1, status=status, force=True)
    with pytest.raises(NotAllowed, match=f"A1 is {status}.*--status paused' reopens it") as refused:
        ground.insert(1)
    assert refused.value.exit_code == 4


def test_a_complete_assignment_that_is_paused_takes_a_job_before_any_pm(ground: Ground) -> None:
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    for status in ("complete", "paused"):
        ground.send("update_assignment", assignment=1, status=status, force=status == "complete")
    job = ground.insert(1)
    ground.send("update_assignment", assignment=1, status="active")
    assert [lease.job.id for lease in ground.take().leases] == [job]


def test_the_cap_on_jobs_refuses_one_more_and_says_the_way_out(ground: Ground) -> None:
    ground.create(type="plan")
    cap = ground.settings.policy.caps.jobs
    for _ in range(cap - 1):
        ground.insert(1)
    with pytest.raises(NotAllowed, match=f"jobs is reached: {cap} of {cap}; raise it in"):
        ground.insert(1)
    ground.send("cancel_job", job=1)
    with pytest.raises(NotAllowed, match="jobs is reached"):
        ground.send("retry_job", job=1)
    assert ground.assignment(1).jobs == cap


def test_an_unknown_assignment_is_not_found(ground: Ground) -> None:
    with pytest.raises(NotFound, match="no assignment A7; 'wfctl assignments --all' lists them"):
        ground.insert(7)


def test_an_assignment_of_another_namespace_says_whose_it_is(ground: Ground) -> None:
    ground.create()
    with pytest.raises(
        NotFound, match="A1 belongs to namespace 'a', not to 'b'; say --namespace a"
    ) as refused:
        ground.insert(1, namespace="b")
    assert refused.value.exit_code == 3
