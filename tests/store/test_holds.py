"""Accounts at their usage limit, on a clock that the test moves: who waits, and until when."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.commands.ask import question
from wfd.domain.ai import Ai, Hold, Origin
from wfd.domain.event import Event
from wfd.domain.ids import QuestionId
from wfd.domain.job import JobState, WaitsFor
from wfd.domain.outcome import Kind
from wfd.domain.question import Question, QuestionKind

MINUTE = 60_000


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    opened = Ground(tmp_path)
    yield opened
    opened.close()


def has_ais(ground: Ground, *ais: Ai) -> None:
    """From now on these are configured."""
    defined = {ai.name: replace(ai, origin=Origin.CONFIGURED) for ai in ais}
    house = replace(ground.settings.house, ais=defined)
    ground.settings = replace(ground.settings, house=house)


def holds(ground: Ground) -> list[Hold]:
    return ground.do(lambda tx: tx.all(Hold, "open_holds"))


def asked_of_ais(ground: Ground) -> list[Question]:
    """The questions that belong to no assignment, as they came."""
    rows = ground.connection.execute("select id from question where assignment_id is null")
    found = [ground.do(partial(question, question_id=QuestionId(row[0]))) for row in rows]
    return [one for one in found if one.kind is QuestionKind.AI]


def events(ground: Ground, *kinds: str) -> list[str]:
    told = ground.do(lambda tx: tx.all(Event, "events_after", seq=0, limit=9999))
    return [event.kind for event in told if event.kind.startswith(kinds)]


def taken(ground: Ground, room: int = 1) -> list[int]:
    return [lease.job.id for lease in ground.take(room=room).leases]


def test_a_usage_limit_storm_of_twenty_jobs_is_one_run_until_the_reset_across_a_restart(
    ground: Ground, tmp_path: Path
) -> None:
    """paperclip#12023: 295 dead runs in 49 minutes; hermes#81298: one card sent 132 times."""
    for number in range(20):
        ground.create(namespace="ab"[number % 2], type="plan")
    [lease] = ground.take().leases
    reset = ground.now + 50 * MINUTE
    end(ground, lease.run, Kind.RATE_LIMITED, reset_at=reset)
    until = reset + 5_000  # half of the jitter, by the roll of `end`
    assert [(hold.until, hold.is_reset_known) for hold in holds(ground)] == [(until, True)]

    for minute in range(50):
        ground.now += MINUTE
        look = ground.take(room=4)
        assert look.leases == []
        assert look.next_due == until
        if minute == 25:
            ground.close()
            ground.open(tmp_path / "wfd.db")
    ground.now = until - 1
    assert taken(ground, 4) == []
    waiting = [job for of in range(1, 21) for job in ground.jobs(of)]
    assert {(job.waits_for, job.waits_on) for job in waiting} == {(WaitsFor.AI, "sim")}
    assert {(job.attempts, job.rate_limited) for job in waiting} == {(1, 0), (1, 1)}
    assert ground.job(lease.job.id).resume_session == "s"

    ground.now = until
    assert taken(ground, 4) == [1, 2, 3, 4]
    assert sorted(taken(ground, 20)) == list(range(5, 21))


def test_a_lift_releases_no_more_than_a_look_can_bear_and_by_priority_and_age(
    ground: Ground,
) -> None:
    for number in range(130):
        ground.create(type="plan", priority=number % 2)
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + MINUTE)
    ground.take()
    ground.take()
    ground.now += 2 * MINUTE
    ground.take(room=0)
    states = [ground.job(number).state for number in range(1, 131)]
    assert states.count(JobState.QUEUED) == 0, "without room nothing is stirred"
    assert taken(ground) == [2]
    states = [ground.job(number).state for number in range(1, 131)]
    assert states.count(JobState.QUEUED) == 99


def test_an_unknown_reset_lets_one_job_try_and_its_success_lets_all_go(ground: Ground) -> None:
    for _ in range(5):
        ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED)
    assert taken(ground, 9) == []
    ground.now += MINUTE
    [probe] = ground.take(room=9).leases
    assert probe.run.is_probe
    assert taken(ground, 9) == []
    end(ground, probe.run, Kind.SUCCEEDED)
    assert holds(ground) == []
    assert len(taken(ground, 9)) == 5  # with the PM job that follows the probe
    assert events(ground, "hold.") == ["hold.placed", "hold.lifted"]


def test_a_probe_that_meets_the_limit_extends_it_and_after_24_a_person_is_needed(
    ground: Ground,
) -> None:
    for _ in range(30):
        ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED)
    probes = 0
    while True:
        due = ground.take(room=0).next_due
        if due is None:
            break
        assert due > ground.now
        ground.now = due
        leases = ground.take(room=9).leases
        assert [lease.run.is_probe for lease in leases] == [True]
        end(ground, leases[0].run, Kind.RATE_LIMITED)
        probes += 1
        assert probes <= 24
    assert probes == 24
    ground.now += 30 * 86_400_000
    assert taken(ground, 9) == []
    assert events(ground, "ai.needs_person") == ["ai.needs_person"]
    [asked] = asked_of_ais(ground)
    assert (asked.state, asked.subject) == ("open", "account sim")
    assert asked.text.endswith("fix that, then: wfctl ai resume sim"), "a check lifts no hold"
    answer = ground.send("ai.resume", name="sim")
    assert answer == {"ai": "sim", "holds": 1, "was_broken": False, "goes_on": []}
    assert [one.state for one in asked_of_ais(ground)] == ["withdrawn"]
    assert len(taken(ground, 9)) == 9


def test_limits_of_one_account_are_one_hold_and_it_is_that_of_all_its_ais(ground: Ground) -> None:
    has_ais(ground, Ai("work", "sim", "a"), Ai("home", "sim", "b"), Ai("also", "sim", "a"))
    for _ in range(6):
        ground.create(type="plan", harness="sim")
    leases = {lease.run.ai: lease.run for lease in ground.take(room=4).leases}
    assert set(leases) == {"work", "home", "also", "sim"}
    end(ground, leases["work"], Kind.RATE_LIMITED, reset_at=ground.now + 9 * MINUTE)
    end(ground, leases["also"], Kind.RATE_LIMITED, reset_at=ground.now + 5 * MINUTE)
    [hold] = holds(ground)
    assert (hold.account, hold.until) == ("a", ground.now + 9 * MINUTE + 1_000)
    more = ground.take(room=9).leases
    assert {lease.run.ai for lease in more} == {"home", "sim"}
    assert len(more) == 4


def test_a_job_stays_where_its_session_is(ground: Ground) -> None:
    has_ais(ground, Ai("a", "sim", "a"), Ai("b", "sim", "b"))
    ground.create(type="plan", ai="b")
    ground.do(lambda tx: tx.run("use_ai", name="b", now=tx.now + 9))
    ground.create(type="plan")
    runs = ground.take(room=2).leases
    free = runs[1].run
    end(ground, free, Kind.TIMED_OUT)
    ground.do(lambda tx: tx.run("use_ai", name=free.ai, now=tx.now + 99))
    [again] = ground.take().leases
    assert (again.run.ai, again.run.resumed) == (free.ai, "s")


def test_a_limit_sends_the_job_to_another_ai_as_a_decision_and_afresh(ground: Ground) -> None:
    has_ais(ground, Ai("sim", "sim", "sim"), Ai("other", "claude", "claude"))
    of = ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + 60 * MINUTE)
    [lease] = ground.take().leases
    assert (lease.run.ai, lease.run.harness, lease.run.resumed) == ("other", "claude", None)
    assert ground.job(lease.job.id).resume_session is None
    kinds = [(one.by, one.kind) for one in ground.decisions(of)]
    assert kinds == [("policy", "retry"), ("policy", "failover")]
    assert '"from": "sim", "to": "other"' in ground.decisions(of)[1].inputs
    assert lease.run.route is not None
    assert "it takes over for sim, which is held" in lease.run.route


def test_an_ai_at_its_limit_lets_its_jobs_wait_and_takes_them_in_turn(ground: Ground) -> None:
    has_ais(ground, Ai("sim", "sim", "sim", limit=2), Ai("other", "claude", "claude"))
    for _ in range(5):
        ground.create(type="plan")
    first = ground.take(room=9).leases
    assert [lease.job.id for lease in first] == [1, 2]
    assert ground.job(3).waits_on == "sim"
    end(ground, first[1].run, Kind.TIMED_OUT)
    assert taken(ground, 9) == [2]
    end(ground, first[0].run, Kind.FAILED)
    assert taken(ground, 9) == [3]


def test_ais_and_settings_that_change_send_those_that_wait_anew(ground: Ground) -> None:
    ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + 99 * MINUTE)
    assert taken(ground) == []
    ground.send("ai.register", name="other", harness="claude", labels=["x"])
    assert [lease.run.ai for lease in ground.take().leases] == ["other"]


def test_one_that_waits_in_an_assignment_that_is_paused_does_not_start(ground: Ground) -> None:
    of = ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + MINUTE)
    ground.send("update_assignment", assignment=of, status="paused")
    ground.now += 9 * MINUTE
    assert taken(ground) == []
    assert ground.job(1).waits_for is WaitsFor.ASSIGNMENT
    ground.send("update_assignment", assignment=of, status="active")
    assert taken(ground) == [1]


def test_one_that_waits_in_an_assignment_that_is_paused_takes_no_place_of_another(
    ground: Ground,
) -> None:
    has_ais(ground, Ai("sim", "sim", "sim", limit=1))
    resting = [ground.create(type="plan") for _ in range(3)]
    ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + MINUTE)
    assert taken(ground, 9) == []
    for of in resting:
        ground.send("update_assignment", assignment=of, status="paused")
    ground.now += 9 * MINUTE
    assert taken(ground) == [4]
    assert {ground.job(number).waits_for for number in (1, 2, 3)} == {WaitsFor.ASSIGNMENT}


def test_a_job_that_no_ai_fits_is_leased_to_say_so_and_not_parked_for_ever(ground: Ground) -> None:
    has_ais(ground, Ai("strong", "sim", "sim", labels=frozenset({"big"})))
    ground.create(type="plan", labels=["big"])
    has_ais(ground)
    [lease] = ground.take().leases
    assert lease.why_not is not None
    assert "has the label 'big'" in lease.why_not


def test_an_ai_that_is_unregistered_leaves_no_question_and_no_hold_without_an_end(
    ground: Ground,
) -> None:
    ground.send("ai.register", name="spare", harness="sim", account="own")
    ground.send("ai.register", name="other", harness="sim", account="own")
    ground.create(type="plan", ai="spare")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED)
    until_a_person_is_needed(ground)
    assert [(one.state, one.subject) for one in asked_of_ais(ground)] == [("open", "account own")]
    ground.send("ai.unregister", name="spare")
    assert [hold.account for hold in holds(ground)] == ["own"], "another has that account, too"
    assert [one.state for one in asked_of_ais(ground)] == ["open"]
    ground.send("ai.unregister", name="other")
    assert holds(ground) == []
    assert [one.state for one in asked_of_ais(ground)] == ["withdrawn"]


def test_a_hold_whose_reset_is_known_stays_for_whoever_has_its_account_next(
    ground: Ground,
) -> None:
    ground.send("ai.register", name="spare", harness="sim", account="own")
    ground.create(type="plan", ai="spare")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + MINUTE)
    ground.send("ai.unregister", name="spare")
    assert [hold.account for hold in holds(ground)] == ["own"]
    ground.now += 3 * MINUTE
    ground.take(room=0)
    assert holds(ground) == [], "the clock lifts it"


def until_a_person_is_needed(ground: Ground) -> None:
    """Let every try of an account's hold meet its limit."""
    for _ in range(24):
        [hold] = holds(ground)
        ground.now = hold.until
        [lease] = ground.take(room=9).leases
        end(ground, lease.run, Kind.RATE_LIMITED)
