"""What waits for a person becomes one question, in the transaction that stops the work."""

import json
from functools import partial

import pytest
from tests.commands.asking import asked_by_pm, capped, events, pm_says, questions, worked
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.commands.ask import NewQuestion, ask
from wfd.commands.queue import get_assignment
from wfd.domain.assignment import AssignmentState
from wfd.domain.ids import AssignmentId, JobId, RunId
from wfd.domain.outcome import Kind
from wfd.domain.question import Asker, Forbidden, QuestionKind, QuestionState
from wfd.ports import Tx


def _ask_of_a1(tx: Tx, new: NewQuestion) -> None:
    ask(tx, get_assignment(tx, AssignmentId(1)), new)


AGENT_ASKS = (
    'Half is done.\n```json wfd-question\n{"question": "EUR or USD?", "options": ["EUR"]}\n```\n'
)


def test_a_pm_that_blocks_asks_with_its_options(ground: Ground) -> None:
    asked_by_pm(ground, "EUR or USD?", ["EUR", "USD"])
    [asked] = questions(ground)
    assert (asked.kind, asked.by, asked.state) == ("question", "pm", "open")
    assert (asked.text, json.loads(asked.options)) == ("EUR or USD?", ["EUR", "USD"])
    assert (asked.job_id, asked.subject, asked.deadline) == (1, None, None)
    assert ground.assignment(1).reason == "EUR or USD?"
    [told] = events(ground, "question.asked")
    assert (told["question_id"], told["text"]) == (1, "EUR or USD?")


def test_an_agent_that_asks_has_its_job_closed_and_no_pm_judges_it_before_the_answer(
    ground: Ground,
) -> None:
    worked(ground, AGENT_ASKS)
    assert [(job.type, job.state) for job in ground.jobs(1)] == [("implement", "done")]
    assert ground.assignment(1).state is AssignmentState.BLOCKED
    [asked] = questions(ground)
    assert (asked.by, asked.text, asked.job_id) == (Asker.AGENT, "EUR or USD?", 1)
    assert json.loads(asked.options) == ["EUR"]


def test_an_agent_that_failed_is_judged_whatever_it_asks(ground: Ground) -> None:
    ground.create(type="implement")
    end(ground, ground.take().leases[0].run, Kind.FAILED, text=AGENT_ASKS)
    assert questions(ground) == []
    assert ground.jobs(1)[-1].is_pm


@pytest.mark.parametrize("kind", [Kind.USAGE, Kind.USAGE, Kind.NOT_FOUND])
def test_an_agent_that_cannot_work_asks_for_help(ground: Ground, kind: Kind) -> None:
    ground.create(type="implement")
    end(ground, ground.take().leases[0].run, kind)
    [asked] = questions(ground)
    assert (asked.kind, asked.by, asked.job_id) == (QuestionKind.BLOCKED, Asker.POLICY, 1)
    assert asked.text == ground.assignment(1).reason


def test_a_pm_that_is_refused_twice_asks_a_person_who_may_go_past_the_gates(
    ground: Ground,
) -> None:
    worked(ground)
    pm_says(ground, "complete")
    pm_says(ground, "complete")
    [asked] = questions(ground)
    assert (asked.kind, asked.subject) == (QuestionKind.BLOCKED, Forbidden.GATES)


def test_a_cap_that_is_reached_asks_for_more(ground: Ground) -> None:
    capped(ground, wall_ms=1000)
    ground.create(type="implement")
    [lease] = ground.take().leases
    ground.now += 1000
    end(ground, lease.run, Kind.SUCCEEDED)
    assert ground.assignment(1).state is AssignmentState.PAUSED
    [asked] = questions(ground)
    assert (asked.kind, asked.by, asked.subject) == (
        QuestionKind.CAP,
        Asker.POLICY,
        Forbidden.CAP,
    )


def test_what_stands_idle_since_its_last_job_was_cancelled_asks_how_to_go_on(
    ground: Ground,
) -> None:
    ground.create(type="plan")
    ground.send("cancel_job", job=1)
    [asked] = questions(ground)
    assert "nothing else is open" in asked.text


@pytest.mark.parametrize("status", ["paused", "blocked"])
def test_a_persons_own_pause_asks_nothing(ground: Ground, status: str) -> None:
    ground.create(type="plan")
    ground.send("update_assignment", assignment=1, status=status, reason="holidays")
    assert questions(ground) == []


def test_a_second_reason_to_stand_still_takes_the_place_of_the_first_and_of_no_question(
    ground: Ground,
) -> None:
    asked_by_pm(ground)
    for words in ("it cannot log in", "something else"):
        new = NewQuestion(QuestionKind.BLOCKED, Asker.POLICY, words)
        ground.do(partial(_ask_of_a1, new=new))
    assert [asked.state for asked in questions(ground)] == ["open", "withdrawn", "open"]


def test_what_concerns_one_job_stands_beside_what_stops_the_assignment(ground: Ground) -> None:
    asked_by_pm(ground)
    for job_id, text in ((1, "J9 has failed"), (1, "J9 has failed again")):
        new = NewQuestion(
            QuestionKind.DEPENDENCY, Asker.POLICY, text, job_id=JobId(job_id), run_id=RunId(1)
        )
        ground.do(partial(_ask_of_a1, new=new))
    assert [(a.kind, a.state) for a in questions(ground)] == [
        ("question", "open"),
        ("dependency", "withdrawn"),
        ("dependency", "open"),
    ]
    ground.send("update_assignment", assignment=1, status="active")
    assert [a.state for a in questions(ground)] == ["withdrawn", "withdrawn", "open"]


def test_an_ai_is_asked_about_once_and_in_no_namespace(ground: Ground) -> None:
    for name in ("claude", "claude", "codex"):
        new = NewQuestion(QuestionKind.AI, Asker.POLICY, f"log {name} in", subject=name)
        ground.do(partial(ask, assignment=None, new=new))
    rows = ground.connection.execute("select subject, state, namespace_id from question")
    assert rows.fetchall() == [
        ("claude", "withdrawn", None),
        ("claude", "open", None),
        ("codex", "open", None),
    ]


@pytest.mark.parametrize(
    ("status", "values", "state", "answer"),
    [
        ("active", {"reason": "EUR"}, "answered", "EUR"),
        ("active", {}, "withdrawn", None),
        ("cancelled", {"reason": "no use"}, "withdrawn", "no use"),
        ("complete", {"reason": "fine", "force": True}, "withdrawn", "fine"),
        ("paused", {}, "open", None),
    ],
)
def test_a_question_is_closed_when_its_assignment_goes_on_or_ends(
    ground: Ground, status: str, values: dict[str, object], state: str, answer: str | None
) -> None:
    asked_by_pm(ground)
    ground.send("update_assignment", assignment=1, status=status, **values)
    [asked] = questions(ground)
    assert (asked.state, asked.answer) == (state, answer)


def test_a_retry_of_what_blocked_is_the_answer(ground: Ground) -> None:
    worked(ground, AGENT_ASKS)
    ground.send("retry_job", job=1, changes="take EUR")
    [asked] = questions(ground)
    assert (asked.state, asked.answer) == (QuestionState.ANSWERED, "take EUR")
