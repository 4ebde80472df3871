"""What a namespace may use on one day: where it stops, what it says, and how it goes on."""

import json

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.assignment import Assignment
from wfd.domain.errors import NotAllowed
from wfd.domain.job import By
from wfd.domain.outcome import Kind
from wfd.rules.daily import DAY_MS, Spend, day_of, next_day
from wfd.rules.policy import NO_DAILY, DailyCaps

LIMIT = DailyCaps(tokens=1000)


def spend(ground: Ground) -> Spend | None:
    day = day_of(ground.now)
    return ground.do(lambda tx: tx.one(Spend, "spend_on", namespace_id=1, day=day))


def works(ground: Ground, tokens: int | None = 1000, cost_usd: float | None = None) -> Assignment:
    """A job of an assignment of its own, done in ten seconds; the assignment after it."""
    one = ground.create(type="implement", context="do it", priority=1)
    [lease] = ground.take().leases
    assert lease.assignment.id == one
    ground.now += 10_000
    end(ground, lease.run, Kind.SUCCEEDED, tokens=tokens, cost_usd=cost_usd)
    return ground.assignment(one)


def test_each_closed_run_adds_to_the_day_of_its_namespace(ground: Ground) -> None:
    works(ground, tokens=5, cost_usd=None)
    assert spend(ground) == Spend(jobs=1, cost_usd=None, unmeasured=0, tokens=5, wall_ms=10_000)
    works(ground, tokens=None, cost_usd=0.5)
    assert spend(ground) == Spend(jobs=2, cost_usd=0.5, unmeasured=0, tokens=5, wall_ms=20_000)
    ground.now += DAY_MS
    assert spend(ground) is None, "a new day begins at nothing"


def test_a_job_counts_when_it_is_over_and_the_pms_do_not(ground: Ground) -> None:
    ground.create(type="implement", context="do it")
    end(ground, ground.take().leases[0].run, Kind.INTERRUPTED)
    for _ in range(2):
        for lease in ground.take().leases:
            end(ground, lease.run, Kind.SUCCEEDED)
    counted = spend(ground)
    assert counted is not None
    assert counted.jobs == 1


def test_the_assignment_that_reaches_a_daily_cap_is_paused_and_says_until_when(
    ground: Ground,
) -> None:
    ground.allows(LIMIT)
    one = works(ground)
    assert one.state == "paused"
    assert one.resumes_at == next_day(ground.now)
    assert one.reason is not None
    assert one.reason.startswith("the daily cap on tokens is reached: 1,000 of 1,000; it resumes")
    assert "00:00 UTC" in one.reason
    assert "raise dailyCaps in .wfd/config.json" in one.reason
    told = ground.decisions(one.id)[-1]
    assert (told.by, told.kind, json.loads(told.inputs)) == (
        By.POLICY, "pause", {"until": one.resumes_at},
    )  # fmt: skip


def test_others_of_the_namespace_are_paused_when_they_would_start_and_other_namespaces_are_not(
    ground: Ground,
) -> None:
    other = ground.create(type="implement", context="do it", priority=-1)
    beside = ground.create(namespace="b", type="implement", context="do it")
    ground.allows(LIMIT)
    ground.send("cancel_job", namespace="b", job=ground.jobs(beside)[0].id)
    works(ground)
    assert ground.assignment(other).state == "active", "nobody has asked for it yet"
    assert ground.take(room=4).leases == []
    paused = ground.assignment(other)
    assert (paused.state, paused.resumes_at) == ("paused", next_day(ground.now))
    [job] = ground.jobs(other)
    assert (job.state, job.waits_for, job.attempts) == ("waiting", "assignment", 1)
    ground.create(namespace="b", type="implement", context="do it")
    assert len(ground.take(room=4).leases) == 1, "the other namespace has a day of its own"
    running = ground.connection.execute("select running from namespace order by id").fetchall()
    assert running == [(0,), (1,)], "the turn was given back"


def test_the_next_day_they_go_on_by_themselves(ground: Ground) -> None:
    ground.allows(LIMIT)
    one = works(ground)
    taken = ground.take()
    assert (taken.leases, taken.next_due) == ([], one.resumes_at)
    ground.now = next_day(ground.now) - 1
    assert ground.take().leases == []
    ground.now += 1
    [lease] = ground.take().leases
    assert lease.job.is_pm
    assert ground.assignment(one.id).state == "active"
    assert ground.decisions(one.id)[-1].reason == "a new day has begun"


def test_a_person_may_raise_the_cap_and_not_wait(ground: Ground) -> None:
    ground.allows(LIMIT)
    one = works(ground)
    with pytest.raises(NotAllowed, match=r"the daily cap on tokens .* raise dailyCaps"):
        ground.send("update_assignment", assignment=one.id, status="active")
    ground.allows(DailyCaps(tokens=2000))
    ground.send("update_assignment", assignment=one.id, status="active")
    assert ground.assignment(one.id).resumes_at is None
    assert len(ground.take().leases) == 1


def test_a_person_may_say_that_it_shall_not_go_on_by_itself(ground: Ground) -> None:
    ground.allows(LIMIT)
    one = works(ground)
    ground.send("update_assignment", assignment=one.id, status="paused", reason="wait for me")
    ground.now += DAY_MS
    assert ground.take().leases == []
    still = ground.assignment(one.id)
    assert (still.state, still.reason, still.resumes_at) == ("paused", "wait for me", None)


def test_one_whose_job_was_cancelled_meanwhile_asks_the_pm_when_it_goes_on(ground: Ground) -> None:
    ground.allows(LIMIT)
    one = works(ground)
    for job in ground.jobs(one.id):
        if not job.is_closed:
            ground.send("cancel_job", job=job.id)
    ground.now += DAY_MS
    [lease] = ground.take().leases
    assert (lease.job.is_pm, lease.job.created_by) == (True, By.POLICY)


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        (DailyCaps(jobs=1), "the daily cap on jobs is reached: 1 of 1"),
        (DailyCaps(wall_ms=10_000), "the daily cap on wall time is reached: 10s of 10s"),
        (DailyCaps(cost_usd=0.5), "the daily cap on cost is reached: 0.75 of 0.50 USD"),
        (DailyCaps(tokens=500), "the daily cap on tokens is reached: 1,000 of 500"),
    ],
)
def test_every_daily_cap_pauses_in_words(ground: Ground, caps: DailyCaps, words: str) -> None:
    ground.allows(caps)
    assert (works(ground, cost_usd=0.75).reason or "").startswith(words)


def test_none_is_set_by_default_and_none_is_looked_up(ground: Ground) -> None:
    assert not NO_DAILY.is_any
    asked: list[str] = []
    ground.connection.set_trace_callback(asked.append)
    works(ground, tokens=10**15, cost_usd=1.0)
    ground.connection.set_trace_callback(None)
    assert not [sql for sql in asked if "from spend" in sql]
