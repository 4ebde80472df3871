"""Jobs that come after others."""

import json
from pathlib import Path

import pytest
from tests.commands.asking import questions
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.errors import BadInput, NotAllowed, NotFound
from wfd.domain.event import Event
from wfd.domain.job import JobState
from wfd.domain.outcome import Kind
from wfd.rules.policy import Caps
from wfd.rules.ways import ways


def waits(ground: Ground, job: int) -> tuple[str, str | None, str | None]:
    found = ground.job(job)
    return found.state, found.waits_for, found.waits_on


def taken(ground: Ground) -> list[int]:
    return [lease.job.id for lease in ground.take(room=9).leases]


def work_off(ground: Ground, kind: Kind = Kind.SUCCEEDED, decision: str = "proceed") -> list[str]:
    """Take what is ready, and end all of it; the PM decides as told."""
    answer = {"decision": decision, "reason": "so", "question": "How on?", "changes": "less"}
    leases = ground.take(room=9).leases
    for lease in leases:
        end(ground, lease.run, Kind.SUCCEEDED if lease.job.is_pm else kind, text=json.dumps(answer))
    return [f"J{lease.job.id}" for lease in leases]


def events(ground: Ground, kind: str) -> list[Event]:
    every = ground.do(lambda tx: tx.all(Event, "events_after", seq=0, limit=1000))
    return [event for event in every if event.kind == kind]


@pytest.fixture
def two(ground: Ground) -> tuple[int, int]:
    """A first job in each of two assignments."""
    for name in ("one", "two"):
        ground.create(name, type="plan", context="Plan it")
    return 1, 2


def test_a_job_waits_in_no_line_until_what_it_comes_after_is_done(
    ground: Ground, two: tuple[int, int]
) -> None:
    later = ground.insert(1, after=[2])
    behind = ground.insert(1)
    assert waits(ground, later) == ("waiting", "dependency", "J2")
    assert waits(ground, behind) == ("waiting", "lane", None)

    first = ground.take(room=1).leases[0]
    end(ground, first.run, Kind.SUCCEEDED)
    assert work_off(ground) == ["J2", "J5"], "the PM of A1, and not who waits"
    assert waits(ground, behind) == ("waiting", "lane", None)
    assert ground.job(later).state is JobState.QUEUED, "by age it goes first"


def test_what_is_structure_does_not_keep_the_turn_from_others(ground: Ground) -> None:
    """Structure, dependency and execution are separate things."""
    ground.create("one", type="plan", context="Plan it")
    ground.create("two", type="plan", context="Plan it")
    waiting = ground.insert(1, after=[2], priority=9)
    ready = ground.insert(1)
    first = ground.take(room=1).leases[0]
    assert first.job.id == 1
    end(ground, first.run, Kind.SUCCEEDED)
    pm = next(lease for lease in ground.take(room=9).leases if lease.job.is_pm)
    end(ground, pm.run, Kind.SUCCEEDED, text='{"decision": "proceed", "reason": "so"}')
    assert waits(ground, waiting)[1] == "dependency"
    assert ground.job(ready).state is JobState.QUEUED


def test_a_pm_that_is_due_goes_before_what_was_waiting_for_the_same_job(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1])
    work_off(ground)
    assert [lease.job.type for lease in ground.take(room=9).leases] == ["pm"]
    assert waits(ground, later) == ("waiting", "lane", None)


@pytest.mark.parametrize(
    ("if_failed", "then"),
    [("run", ("waiting", "lane", None)), ("cancel", ("cancelled", None, None)),
     ("wait", ("waiting", "dependency", "J1"))],
)  # fmt: skip
def test_a_failed_dependency_does_what_was_said(
    ground: Ground, if_failed: str, then: tuple[str, str | None, str | None]
) -> None:
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1], if_failed=if_failed)
    work_off(ground, Kind.FAILED)
    assert waits(ground, later) == then
    told = events(ground, "job.dependency_failed")
    assert [json.loads(event.data)["then"] for event in told] == (
        [] if if_failed == "run" else [if_failed]
    )


def test_a_cancelled_job_takes_those_with_it_that_said_so_however_many_they_are(
    tmp_path: Path,
) -> None:
    ground = Ground(tmp_path, caps=Caps(jobs=2000))
    ground.create("one", type="plan", context="Plan it")
    last = 1
    for _ in range(1100):  # deeper than calls may go
        last = ground.insert(1, after=[last], if_failed="cancel")
    ground.send("cancel_job", job=1)
    assert {job.state for job in ground.jobs(1)} == {JobState.CANCELLED}
    assert ground.assignment(1).state == "paused"
    ground.close()


def test_what_only_waits_for_a_failed_job_asks_and_does_not_look_busy(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1])
    work_off(ground, Kind.FAILED)
    work_off(ground)  # the PM says that what is in line is right
    assignment = ground.assignment(1)
    assert assignment.state == "blocked"
    assert assignment.reason == (
        f"it cannot continue: J{later} comes after J1 (plan, failed); 'wfctl retry J1',"
        f" 'wfctl depend J{later} --drop J1' or 'wfctl cancel J{later}'"
    )
    [asked] = [one for one in questions(ground) if one.state == "open"]
    assert f"wfctl depend J{later} --drop J1" in [command for command, _ in ways(asked)]


def test_words_for_the_pm_leave_a_question_that_names_what_settles_it(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1])
    work_off(ground, Kind.FAILED)
    work_off(ground)
    ground.send("answer", assignment=1, text="see to it")
    work_off(ground)
    [asked] = [one for one in questions(ground) if one.state == "open"]
    assert (asked.kind, asked.subject, asked.job_id) == ("blocked", "J1", later)
    with pytest.raises(NotAllowed, match=f"wfctl depend J{later} --drop J1"):
        ground.send("approve", question=asked.id)


def test_dropping_the_failed_job_sets_it_going_again(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1])
    work_off(ground, Kind.FAILED)
    work_off(ground)
    answer = ground.send("depend", job=later, drop=[1])
    assert (answer["state"], answer["assignment_state"]) == ("queued", "active")
    assert taken(ground) == [later]


def test_setting_it_active_calls_a_pm_while_nothing_can_move(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    ground.insert(1, after=[1])
    work_off(ground, Kind.FAILED)
    work_off(ground)
    ground.send("update_assignment", assignment=1, status="active", reason="Look again")
    assert [lease.job.type for lease in ground.take(room=9).leases] == ["pm"]


def test_a_retry_stands_for_the_job_that_it_tries_again(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1])
    work_off(ground, Kind.FAILED)
    work_off(ground, decision="retry")
    retry = ground.jobs(1)[-1]
    assert retry.retry_of == 1
    assert waits(ground, later) == ("waiting", "dependency", f"J{retry.id}")
    work_off(ground)
    assert waits(ground, later) == ("waiting", "lane", None)


def test_who_was_blocked_by_a_failure_elsewhere_goes_on_when_that_is_tried_again(
    ground: Ground, two: tuple[int, int]
) -> None:
    later = ground.insert(2, after=[1])
    ground.send("cancel_job", job=2)
    assert ground.assignment(2).state == "active", "it waits for another assignment"
    ground.send("cancel_job", job=1)
    assert ground.assignment(2).state == "blocked"
    ground.send("retry_job", job=1)
    assert ground.assignment(2).state == "active"
    assert waits(ground, later)[1] == "dependency"


def test_a_cycle_is_refused_and_its_way_is_named(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    first = ground.insert(1)
    second = ground.insert(1, after=[first])
    third = ground.insert(1, after=[second])
    with pytest.raises(NotAllowed, match=f"J{first} → J{third} → J{second} → J{first}"):
        ground.send("depend", job=first, after=[third])
    with pytest.raises(NotAllowed, match=f"J{first} → J{first}"):
        ground.send("depend", job=first, after=[first])
    assert waits(ground, first) == ("waiting", "lane", None), "what is refused changes nothing"


def test_a_job_that_has_the_turn_gives_it_on_when_it_comes_after_another(
    ground: Ground, two: tuple[int, int]
) -> None:
    behind = ground.insert(1)
    answer = ground.send("depend", job=1, after=[2])
    assert (answer["state"], answer["waits_on"]) == ("waiting", "J2")
    assert ground.job(behind).state is JobState.QUEUED


@pytest.mark.parametrize(
    ("after", "error", "says"),
    [
        ([99], NotFound, "no job J99 in this namespace"),
        ([2], NotFound, "no job J2 in this namespace"),
        ([3], NotAllowed, "J3 .* is cancelled already"),
    ],
)
def test_what_cannot_be_waited_for_is_told(
    ground: Ground, after: list[int], error: type[Exception], says: str
) -> None:
    ground.create("one", type="plan", context="Plan it")
    ground.send("create", namespace="b", north_star="theirs", type="plan", context="x")
    ground.insert(1)
    ground.send("cancel_job", job=3)
    with pytest.raises(error, match=says):
        ground.insert(1, after=after)
    ground.insert(1, after=[3], if_failed="run")


def test_what_has_begun_or_ended_comes_after_nothing_any_more(ground: Ground) -> None:
    ground.create("one", type="plan", context="Plan it")
    other = ground.insert(1)
    ground.take()
    with pytest.raises(NotAllowed, match="has begun already"):
        ground.send("depend", job=1, after=[other])
    ground.send("cancel_job", job=other)
    with pytest.raises(NotAllowed, match="its dependencies cannot change any more"):
        ground.send("depend", job=other, after=[1])
    with pytest.raises(BadInput, match="--after or --drop"):
        ground.send("depend", job=1)


def test_a_pm_job_has_no_place_of_a_persons_choosing(ground: Ground) -> None:
    ground.create("one")
    ground.create("two", type="plan", context="x")
    with pytest.raises(NotAllowed, match="the daemon chooses when it runs"):
        ground.send("depend", job=1, after=[2])


def test_dropping_what_was_never_there_is_told(ground: Ground, two: tuple[int, int]) -> None:
    with pytest.raises(NotFound, match="J1 does not come after J2"):
        ground.send("depend", job=1, drop=[2])


def test_what_is_done_elsewhere_counts_at_once(ground: Ground, two: tuple[int, int]) -> None:
    work_off(ground)
    later = ground.insert(2, after=[1])
    assert waits(ground, later)[1] == "lane"


def test_a_paused_assignment_keeps_what_is_due_until_it_is_active(
    ground: Ground, two: tuple[int, int]
) -> None:
    later = ground.insert(2, after=[1])
    ground.send("cancel_job", job=2)
    ground.send("update_assignment", assignment=2, status="paused")
    work_off(ground)
    assert waits(ground, later) == ("waiting", "assignment", None)
