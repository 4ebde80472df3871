"""A job that waits for one that failed is a question; it is settled by what a person types."""

import json

import pytest
from tests.commands.asking import questions
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.job import JobState
from wfd.domain.outcome import Kind
from wfd.domain.question import Question, QuestionState


def work_off(ground: Ground, kind: Kind = Kind.SUCCEEDED) -> None:
    """End all that is ready; a PM says that what is in line is right."""
    for lease in ground.take(room=9).leases:
        text = json.dumps({"decision": "proceed", "reason": "so"})
        end(ground, lease.run, Kind.SUCCEEDED if lease.job.is_pm else kind, text=text)


@pytest.fixture
def later(ground: Ground) -> int:
    """J2, which comes after J1, which failed; the PM is due."""
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1])
    work_off(ground, Kind.FAILED)
    return later


def still_open(ground: Ground, of: int = 1) -> list[Question]:
    return [asked for asked in questions(ground, of) if asked.state is QuestionState.OPEN]


def test_a_job_behind_one_that_failed_asks_with_what_can_be_typed(
    ground: Ground, later: int
) -> None:
    [asked] = still_open(ground)
    assert (asked.kind, asked.by, asked.job_id) == ("dependency", "policy", later)
    for command in ("wfctl retry J1", f"wfctl depend J{later} --drop J1", f"wfctl cancel J{later}"):
        assert f"'{command}'" in asked.text


@pytest.mark.parametrize("is_stuck", [False, True])
@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("depend", {"job": 2, "drop": [1]}),
        ("retry_job", {"job": 1}),
        ("cancel_job", {"job": 2}),
    ],
)
def test_what_settles_it_takes_the_question_back(
    ground: Ground, later: int, command: str, values: dict[str, object], is_stuck: bool
) -> None:
    if is_stuck:
        work_off(ground)
        assert ground.assignment(1).state == "blocked"
    ground.send(command, **values)
    assert "dependency" not in {asked.kind for asked in still_open(ground)}
    if command != "cancel_job":
        assert ground.assignment(1).state == "active"


def test_an_assignment_that_is_stuck_asks_once(ground: Ground, later: int) -> None:
    work_off(ground)
    assert ground.assignment(1).state == "blocked"
    assert [asked.kind for asked in still_open(ground)] == ["dependency"]


def test_an_answer_where_nothing_can_move_has_a_pm_decide(ground: Ground, later: int) -> None:
    work_off(ground)
    ground.send("answer", assignment=1, text="do it another way")
    assert ground.assignment(1).state == "active"
    assert [lease.job.is_pm for lease in ground.take().leases] == [True]
    assert still_open(ground) == []


def test_it_asks_again_when_the_pm_that_was_answered_knows_no_way(
    ground: Ground, later: int
) -> None:
    work_off(ground)
    ground.send("answer", assignment=1, text="do it another way")
    work_off(ground)
    assert ground.assignment(1).state == "blocked"
    [asked] = still_open(ground)
    assert (asked.kind, asked.text) == ("blocked", ground.assignment(1).reason)
    ground.send("answer", assignment=1, text="then ask me again")
    assert ground.jobs(1)[-1].state is JobState.QUEUED, "a PM, since nothing else can move"


def test_a_failure_elsewhere_asks_where_the_job_waits(ground: Ground) -> None:
    for name in ("one", "two"):
        ground.create(name, type="plan", context="Plan it")
    later = ground.insert(2, after=[1])
    ground.send("cancel_job", job=2)
    ground.send("cancel_job", job=1)
    assert [(asked.kind, asked.job_id) for asked in still_open(ground, 2)] == [
        ("dependency", later)
    ]


def test_what_ends_with_its_assignment_asks_nothing(ground: Ground, later: int) -> None:
    ground.send("update_assignment", assignment=1, status="cancelled")
    assert still_open(ground) == []
