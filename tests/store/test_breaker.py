"""An AI that is broken is left alone, tried again one run at a time, and others go on for it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.store.ending import end
from tests.store.ground import Ground
from tests.store.test_holds import asked_of_ais, events, has_ais, taken

from wfd.commands.ai import MAX_LET_GO, mend
from wfd.domain.ai import Ai, AiRow
from wfd.domain.job import JobState
from wfd.domain.outcome import Kind
from wfd.rules.policy import Breaker, OutcomeRule, Then

MINUTE = 60_000
SIM, OTHER = Ai("sim", "sim", "sim"), Ai("other", "claude", "claude")


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    opened = Ground(tmp_path)
    breaker = Breaker(failures=3, probes=4)
    house = replace(opened.settings.house, breaker_probes=4)
    policy = replace(opened.settings.policy, breaker=breaker)
    opened.settings = replace(opened.settings, house=house, policy=policy)
    yield opened
    opened.close()


def row(ground: Ground, name: str = "sim") -> AiRow:
    found = ground.do(lambda tx: tx.one(AiRow, "ai_by_name", name=name))
    assert found is not None
    return found


def fail(ground: Ground, count: int, kind: Kind = Kind.TRANSIENT) -> None:
    for _ in range(count):
        [lease] = ground.take().leases
        end(ground, lease.run, kind)


def test_a_broken_provider_is_left_alone_after_so_many_failures_in_a_row(ground: Ground) -> None:
    for _ in range(9):
        ground.create(type="plan")
    fail(ground, 2)
    assert row(ground).broken_until is None
    fail(ground, 1, Kind.PROTOCOL)
    assert row(ground).broken_until == ground.now + MINUTE
    assert taken(ground, 9) == []
    ground.now += MINUTE
    [probe] = ground.take(room=9).leases
    assert probe.run.is_probe
    end(ground, probe.run, Kind.STALLED)
    assert row(ground).broken_until == ground.now + 2 * MINUTE
    ground.now += 2 * MINUTE
    [probe] = ground.take(room=9).leases
    end(ground, probe.run, Kind.SUCCEEDED)
    assert (row(ground).failures, row(ground).broken_until) == (0, None)
    assert len(taken(ground, 9)) == 9
    assert events(ground, "ai.") == ["ai.broken", "ai.broken", "ai.mended"]


def test_one_run_that_reaches_its_model_forgets_the_failures_before_it(ground: Ground) -> None:
    for _ in range(9):
        ground.create(type="plan")
    fail(ground, 2)
    fail(ground, 1, Kind.FAILED)
    fail(ground, 2)
    assert (row(ground).failures, row(ground).broken_until) == (2, None)


def test_tries_of_a_broken_ai_are_bounded_and_then_a_person_is_needed(ground: Ground) -> None:
    for _ in range(9):
        ground.create(type="plan")
    fail(ground, 3)
    for _ in range(4):
        ground.now += 60 * MINUTE
        [probe] = ground.take(room=9).leases
        end(ground, probe.run, Kind.TRANSIENT)
    ground.now += 30 * 86_400_000
    assert taken(ground, 9) == []
    assert ground.take().next_due is None
    assert events(ground, "ai.needs") == ["ai.needs_person"]
    assert [(one.state, one.subject) for one in asked_of_ais(ground)] == [("open", "sim")]
    ground.send("ai.resume", name="sim")
    assert [one.state for one in asked_of_ais(ground)] == ["withdrawn"]
    assert len(taken(ground, 9)) == 9


@pytest.mark.parametrize("kind", [Kind.USAGE, Kind.NOT_FOUND])
def test_what_no_retry_mends_goes_to_another_ai_in_the_same_workspace(
    ground: Ground, kind: Kind
) -> None:
    has_ais(ground, SIM, OTHER)
    of = ground.create(type="plan")
    fail(ground, 1, kind)
    assert ground.assignment(of).state == "active"
    [lease] = ground.take().leases
    assert (lease.run.ai, lease.job.attempts) == ("other", 1)
    told = [(one.kind, one.reason) for one in ground.decisions(of)]
    assert told[0] == ("retry", f"{kind}: as it went; another AI fits")
    assert told[1][0] == "failover"
    assert told[1][1].startswith("other takes over J1: sim is broken")


def test_the_job_waits_for_another_ai_that_is_held_rather_than_ask(ground: Ground) -> None:
    has_ais(ground, SIM, OTHER)
    first, second = ground.create(type="plan", ai="other"), ground.create(type="plan")
    leases = ground.take(room=2).leases
    end(ground, leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + 9 * MINUTE)
    end(ground, leases[1].run, Kind.USAGE)
    assert ground.assignment(second).state == "active"
    assert ground.job(2).waits_on == "other,sim"
    assert ground.take().next_due == ground.now + MINUTE
    ground.now += 10 * MINUTE
    ground.do(lambda tx: tx.run("enable_ai", name="sim", is_enabled=False))
    assert {lease.run.ai for lease in ground.take(room=2).leases} == {"other"}
    assert ground.assignment(first).state == "active"


def test_when_none_fits_the_assignment_is_blocked_and_setting_it_active_tries_at_once(
    ground: Ground,
) -> None:
    of = ground.create(type="plan")
    fail(ground, 1, Kind.USAGE)
    assert ground.assignment(of).state == "blocked"
    assert row(ground).broken_until == ground.now + MINUTE
    ground.send("update_assignment", assignment=of, status="active")
    [probe] = ground.take().leases
    assert probe.run.is_probe
    end(ground, probe.run, Kind.SUCCEEDED)
    assert row(ground).broken_until is None


def test_what_an_ai_has_blocked_goes_on_once_a_person_has_seen_to_it(ground: Ground) -> None:
    both = [ground.create(type="plan") for _ in range(2)]
    for lease in ground.take(room=2).leases:
        end(ground, lease.run, Kind.USAGE)
    assert [ground.assignment(of).state for of in both] == ["blocked", "blocked"]
    assert ground.send("ai.resume", name="sim")["goes_on"] == both
    assert [lease.assignment.id for lease in ground.take(room=2).leases] == both
    assert ground.send("ai.resume", name="sim")["goes_on"] == []


def test_a_run_that_goes_well_lets_all_go_that_its_ai_has_blocked(ground: Ground) -> None:
    first = ground.create(type="plan")
    fail(ground, 1, Kind.USAGE)
    second = ground.create(type="plan")
    ground.now = row(ground).broken_until or ground.now
    [probe] = ground.take().leases
    end(ground, probe.run, Kind.SUCCEEDED)
    assert row(ground).broken_until is None
    assert ground.assignment(first).state == "active"
    assert ground.decisions(first)[-1].reason == "sim works again"
    assert events(ground, "question.")[-1] == "question.answered"
    assert ground.assignment(second).state == "active"


def test_a_job_that_its_ai_fails_each_time_waits_for_a_person_in_the_end(ground: Ground) -> None:
    first = ground.create(type="plan")
    fail(ground, 1, Kind.USAGE)
    for _ in range(MAX_LET_GO):
        works(ground)
        assert ground.assignment(first).state == "active"
        [lease] = [one for one in ground.take(room=9).leases if one.assignment.id == first]
        end(ground, lease.run, Kind.USAGE)
        assert ground.assignment(first).state == "blocked"
    works(ground)
    assert ground.assignment(first).state == "blocked"
    assert ground.send("ai.resume", name="sim")["goes_on"] == [first]


def works(ground: Ground) -> None:
    """Another assignment's run shows that the AI works."""
    ground.create(type="plan")
    ground.now = row(ground).broken_until or ground.now
    [probe] = ground.take().leases
    assert probe.run.is_probe
    end(ground, probe.run, Kind.SUCCEEDED)


# --- a second try before anybody is asked ------------------------------------------


def test_a_login_that_fails_is_tried_once_more_by_the_same_ai_and_costs_nothing(
    ground: Ground,
) -> None:
    has_ais(ground, SIM, OTHER)
    of = ground.create(type="plan")
    fail(ground, 1, Kind.AUTH)
    assert (row(ground).broken_until or 0) - ground.now <= 3_000
    assert ground.take().leases == []
    ground.now += 3_000
    [lease] = ground.take().leases
    assert (lease.run.ai, lease.run.is_probe, lease.job.attempts) == ("sim", True, 1)
    assert lease.run.resumed == "s"
    end(ground, lease.run, Kind.SUCCEEDED)
    assert (row(ground).broken_until, ground.assignment(of).state) == (None, "active")


def test_a_login_that_fails_twice_goes_to_another_ai_or_asks(ground: Ground) -> None:
    of = ground.create(type="plan")
    fail(ground, 1, Kind.AUTH)
    ground.now += 3_000
    fail(ground, 1, Kind.AUTH)
    assert ground.assignment(of).state == "blocked"
    assert row(ground).broken_until == ground.now + 2 * MINUTE


def test_runs_that_lose_one_login_together_wait_for_one_try(ground: Ground) -> None:
    both = [ground.create(type="plan") for _ in range(2)]
    for lease in ground.take(room=2).leases:
        end(ground, lease.run, Kind.AUTH)
    ground.now += 3_000
    [probe] = ground.take(room=9).leases
    assert probe.run.is_probe
    end(ground, probe.run, Kind.SUCCEEDED)
    assert [ground.assignment(of).state for of in both] == ["active", "active"]
    assert len(taken(ground, 9)) == 2


def test_a_job_that_its_ai_refuses_each_time_asks_though_the_runs_of_others_go_well(
    ground: Ground,
) -> None:
    has_ais(ground, SIM)
    of = ground.create(type="plan")
    [lease] = ground.take().leases
    end(ground, lease.run, Kind.AUTH)
    ground.do(lambda tx: mend(tx, "sim", "run"))  # as by the run of another
    ground.now += 3_000
    [lease] = ground.take().leases
    assert not lease.run.is_probe
    end(ground, lease.run, Kind.AUTH)
    assert ground.assignment(of).state == "blocked"


def test_a_persons_retry_tries_a_broken_ai_at_once(ground: Ground) -> None:
    of = ground.create(type="plan")
    fail(ground, 1, Kind.USAGE)
    ground.send("cancel_job", job=1)
    assert ground.assignment(of).state == "blocked"
    ground.send("retry_job", job=1)
    [probe] = ground.take().leases
    assert probe.run.is_probe


def test_what_lies_around_the_ai_breaks_nobody(ground: Ground) -> None:
    """Set-up, trust and a full disk are `usage` too, and no fault of the AI."""
    has_ais(ground, SIM, OTHER)
    of = ground.create(type="plan")
    [lease] = ground.take().leases
    end(ground, lease.run, Kind.USAGE, blames_ai=False)
    assert ground.assignment(of).state == "blocked"
    assert (row(ground).failures, row(ground).broken_until) == (0, None)


def test_a_disabled_ai_gets_no_job_and_its_job_goes_on_with_another(ground: Ground) -> None:
    has_ais(ground, SIM, OTHER)
    of = ground.create(type="plan")
    fail(ground, 1, Kind.LOST)
    ground.send("ai.disable", name="sim")
    [lease] = ground.take().leases
    assert lease.run.ai == "other"
    assert ground.decisions(of)[-1].kind == "failover"
    end(ground, lease.run, Kind.FAILED)
    assert ground.job(1).state is JobState.FAILED


def test_a_policy_that_asks_after_another_failure_asks_and_sends_it_round_no_circle(
    ground: Ground,
) -> None:
    has_ais(ground, SIM, OTHER)
    asks = OutcomeRule(Then.ASK)
    policy = ground.settings.policy
    policy = replace(policy, outcomes={**policy.outcomes, Kind.TRANSIENT: asks})
    ground.settings = replace(ground.settings, policy=policy)
    of = ground.create(type="plan")
    fail(ground, 1)
    assert ground.assignment(of).state == "blocked"


def test_the_question_about_a_broken_ai_goes_when_it_is_unregistered(ground: Ground) -> None:
    ground.send("ai.register", name="spare", harness="sim")
    for _ in range(5):
        ground.create(type="plan", ai="spare")
        fail(ground, 1, Kind.USAGE)
        ground.now = row(ground, "spare").broken_until or ground.now
    assert [(one.state, one.subject) for one in asked_of_ais(ground)] == [("open", "spare")]
    ground.send("ai.unregister", name="spare")
    assert [one.state for one in asked_of_ais(ground)] == ["withdrawn"]
