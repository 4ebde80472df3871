"""A person's word on a question: what it records, and how the work goes on with it."""

import json

import pytest
from tests.commands.asking import (
    asked_by_pm,
    capped,
    patient,
    pm_says,
    questions,
    worked,
)
from tests.commands.test_ask import AGENT_ASKS
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.commands.deadline import expire_due
from wfd.commands.queue import get_assignment, get_job
from wfd.domain.assignment import AssignmentState
from wfd.domain.decision import DecisionKind
from wfd.domain.errors import BadInput, NotAllowed, NotFound
from wfd.domain.ids import JobId
from wfd.domain.job import By, JobState
from wfd.domain.outcome import Kind
from wfd.domain.question import AtDeadline, QuestionState
from wfd.engine.apply import facts_of
from wfd.ports import Tx

A = AssignmentState
SPENT = {
    "wall_ms": 5, "is_pm": False, "cost_usd": None, "tokens": None, "is_unmeasured": False,
    "head_commit": None, "head_tree": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "answer"),
    [("2", "USD"), ("usd", "USD"), ("neither, take GBP", "neither, take GBP")],
)
def test_an_answer_is_an_option_by_number_or_words_or_what_was_said(
    ground: Ground, said: str, answer: str
) -> None:
    asked_by_pm(ground, "EUR or USD?", ["EUR", "USD"])
    told = ground.send("answer", question=1, text=f" {said} ")
    assert told == {"question": 1, "answer": answer, "assignment": 1, "state": "active"}
    [asked] = questions(ground)
    assert (asked.state, asked.answer) == (QuestionState.ANSWERED, answer)


def test_a_number_may_be_an_option_itself(ground: Ground) -> None:
    asked_by_pm(ground, "How many?", ["5", "1"])
    assert ground.send("answer", question=1, text="1")["answer"] == "1"


def test_a_number_that_no_option_has_is_a_slip(ground: Ground) -> None:
    asked_by_pm(ground, "EUR or USD?", ["EUR", "USD"])
    with pytest.raises(BadInput, match="options 1 to 2"):
        ground.send("answer", question=1, text="3")
    assert questions(ground)[0].state is QuestionState.OPEN


def test_the_answer_is_a_persons_decision_on_the_question_and_calls_the_pm(
    ground: Ground,
) -> None:
    asked_by_pm(ground)
    ground.send("answer", assignment=1, text="the first")
    decision = ground.decisions(1)[-1]
    assert (decision.by, decision.kind, decision.reason) == (By.PERSON, "answer", "the first")
    inputs = json.loads(decision.inputs)
    assert inputs["question"]["text"] == "Which?" and inputs["answer"] == "the first"
    last = ground.jobs(1)[-1]
    assert last.is_pm and last.state is JobState.QUEUED and last.decision_id == decision.id


def test_a_job_that_waits_for_help_goes_on_with_the_answer_and_no_pm_is_called(
    ground: Ground,
) -> None:
    ground.create(type="implement")
    end(ground, ground.take().leases[0].run, Kind.USAGE)
    ground.send("answer", assignment=1, text="it is logged in now")
    [job] = ground.jobs(1)
    assert job.state is JobState.QUEUED


def test_the_pm_hears_a_no_before_the_job_that_waits(ground: Ground) -> None:
    ground.create(type="implement")
    end(ground, ground.take().leases[0].run, Kind.USAGE)
    ground.send("reject", assignment=1, reason="use the other agent")
    job, pm = ground.jobs(1)
    assert (job.state, job.waits_for) == (JobState.WAITING, "lane")
    assert pm.is_pm and pm.state is JobState.QUEUED
    assert ground.assignment(1).state is A.ACTIVE, "a no cancels nothing by itself"
    assert questions(ground)[0].answer == "no: use the other agent"


def test_the_pm_judges_the_job_of_an_agent_that_asked_before_what_is_in_line(
    ground: Ground,
) -> None:
    ground.create(type="implement")
    [lease] = ground.take().leases
    ground.insert(1, "plan")
    end(ground, lease.run, Kind.SUCCEEDED, text=AGENT_ASKS)
    ground.send("answer", assignment=1, text="EUR")
    asked, in_line, pm = ground.jobs(1)
    assert (asked.state, in_line.waits_for, pm.type, pm.state) == ("done", "lane", "pm", "queued")


@pytest.mark.parametrize(("reason", "answer"), [(None, "yes"), ("go on", "yes: go on")])
def test_yes_is_an_answer(ground: Ground, reason: str | None, answer: str) -> None:
    asked_by_pm(ground)
    ground.send("approve", question=1, reason=reason)
    assert questions(ground)[0].answer == answer
    assert ground.decisions(1)[-1].kind is DecisionKind.APPROVE


def test_yes_is_no_answer_to_one_of_several(ground: Ground) -> None:
    asked_by_pm(ground, "EUR or USD?", ["EUR", "USD"])
    with pytest.raises(NotAllowed, match="'wfctl answer Q1 1' an option by its number"):
        ground.send("approve", question=1)
    assert questions(ground)[0].state is QuestionState.OPEN


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_yes_or_no_settles_no_dependency_and_what_does_is_told(ground: Ground, word: str) -> None:
    ground.create("one", type="plan", context="Plan it")
    later = ground.insert(1, after=[1])
    end(ground, ground.take().leases[0].run, Kind.FAILED)
    [asked] = questions(ground)
    ways = f"'wfctl retry J1' .*'wfctl depend J{later} --drop J1' .*'wfctl cancel J{later}'"
    with pytest.raises(NotAllowed, match=ways):
        ground.send(word, question=asked.id, reason="so")
    assert questions(ground)[0].state is QuestionState.OPEN


@pytest.mark.parametrize(
    ("command", "values"),
    [("answer", {"text": " "}), ("reject", {}), ("approve", {"reason": ""}), ("override", {})],
)
def test_an_empty_word_is_refused(ground: Ground, command: str, values: dict[str, object]) -> None:
    asked_by_pm(ground)
    with pytest.raises(BadInput, match="empty"):
        ground.send(command, question=1, **values)


def test_a_question_that_is_not_there_or_elsewhere_is_not_found(ground: Ground) -> None:
    asked_by_pm(ground)
    with pytest.raises(NotFound, match="no question Q9"):
        ground.send("answer", question=9, text="x")
    with pytest.raises(NotFound, match="Q1 belongs to namespace 'a'"):
        ground.send("answer", namespace="b", question=1, text="x")


def test_a_question_is_answered_once(ground: Ground) -> None:
    asked_by_pm(ground)
    ground.send("answer", question=1, text="the first")
    with pytest.raises(NotAllowed, match="Q1 is answered already"):
        ground.send("answer", question=1, text="the second")
    with pytest.raises(NotAllowed, match="A1 asks nothing"):
        ground.send("answer", assignment=1, text="the second")


def test_which_question_has_to_be_said(ground: Ground) -> None:
    with pytest.raises(BadInput, match="say which question"):
        ground.send("answer", text="x")


def test_an_answer_does_not_go_past_a_cap_and_says_what_does(ground: Ground) -> None:
    at_wall_cap(ground)
    with pytest.raises(NotAllowed, match="wfctl override Q1"):
        ground.send("answer", question=1, text="go on")
    with pytest.raises(NotAllowed, match="wfctl override Q1"):
        ground.send("approve", question=1)


def at_wall_cap(ground: Ground, used_ms: int = 1000) -> None:
    """A1 is paused, since it has used the 1,000 ms of its cap on wall time."""
    capped(ground, wall_ms=1000)
    ground.create(type="implement")
    [lease] = ground.take().leases
    ground.now += used_ms
    end(ground, lease.run, Kind.SUCCEEDED)


# --- override ---------------------------------------------------------------------


@pytest.mark.parametrize(("used_ms", "more"), [(1000, 1000), (3500, 3000)])
def test_an_override_of_a_cap_gives_this_assignment_as_much_again_and_is_recorded(
    ground: Ground, used_ms: int, more: int
) -> None:
    at_wall_cap(ground, used_ms)
    ground.send("override", question=1, reason="it is worth it")
    assignment = ground.assignment(1)
    assert assignment.state is A.ACTIVE
    assert json.loads(assignment.allowance) == {"wall_ms": more}
    last = ground.decisions(1)[-1]
    assert (last.kind, last.by, last.is_override) == (DecisionKind.OVERRIDE, By.PERSON, True)
    assert json.loads(last.inputs)["allowance"] == {"wall_ms": more}
    assert questions(ground)[0].answer == "override: it is worth it"
    [pm] = ground.take().leases
    ground.now += 1000
    end(ground, pm.run, Kind.SUCCEEDED)
    assert ground.assignment(1).state is not A.ACTIVE, "it is as much again, and not no cap"


def test_an_override_of_the_cap_on_jobs_lets_the_pm_insert_one_more(ground: Ground) -> None:
    capped(ground, jobs=1)
    worked(ground)
    pm_says(ground, "block", question="One more?")
    ground.send("override", question=1, reason="yes")
    assert json.loads(ground.assignment(1).allowance) == {"jobs": 1}
    job = {"type": "implement", "harness": None, "context": "more"}
    pm_says(ground, "insert_job", job=job)
    assert ground.jobs(1)[-1].type == "implement"


def test_a_pm_hears_no_more_of_a_refusal_once_a_person_has_gone_past_it(ground: Ground) -> None:
    capped(ground, jobs=1)
    worked(ground)
    job = {"type": "implement", "harness": None, "context": "more"}
    pm_says(ground, "insert_job", job=job)
    again = ground.jobs(1)[-1]
    assert "cap on jobs" in (refused(ground, again.id) or "")
    ground.send("update_assignment", assignment=1, status="paused", reason="let me see")
    ground.send("update_assignment", assignment=1, status="active", reason="go on")
    assert refused(ground, again.id) is None
    pm_says(ground, "insert_job", job=job)
    assert ground.assignment(1).state is A.ACTIVE, "it has two tries again"


def refused(ground: Ground, pm_job: int) -> str | None:
    """What its PM is told of the answer before."""

    def read(tx: Tx) -> str | None:
        job = get_job(tx, JobId(pm_job))
        return facts_of(tx, get_assignment(tx, job.assignment_id), job, ground.settings).refused

    return ground.do(read)


def test_an_override_of_a_cap_leaves_another_question_open_and_it_can_be_answered_then(
    ground: Ground,
) -> None:
    asked_by_pm(ground, "EUR or USD?", ["EUR", "USD"])
    capped(ground, wall_ms=1)
    ground.do(lambda tx: tx.run("count_run", id=1, **SPENT))
    with pytest.raises(NotAllowed, match="wfctl override Q1"):
        ground.send("answer", question=1, text="1")
    told = ground.send("override", question=1, reason="worth it")
    assert (told["answer"], told["state"]) == (None, "blocked")
    assert questions(ground)[0].state is QuestionState.OPEN
    assert ground.send("answer", question=1, text="1")["answer"] == "EUR"
    assert ground.assignment(1).state is A.ACTIVE


def test_a_cap_is_no_question_of_yes_or_no_and_what_ends_it_is_told(ground: Ground) -> None:
    at_wall_cap(ground)
    with pytest.raises(NotAllowed, match="'wfctl update-assignment A1 --status cancelled'"):
        ground.send("reject", question=1, reason="enough")


def test_what_was_refused_for_its_gates_can_be_completed_past_them(ground: Ground) -> None:
    ground.create(type="plan")
    end(ground, ground.take().leases[0].run, Kind.SUCCEEDED)
    pm_says(ground, "complete")
    pm_says(ground, "complete")
    told = ground.send("override", assignment=1, reason="there is nothing to do")
    assert (told["state"], told["unmerged"]) == ("complete", [])


def test_an_override_of_gates_completes_past_them_and_is_recorded(ground: Ground) -> None:
    worked(ground)
    pm_says(ground, "block", question="Nobody can review this. How to go on?")
    answer = ground.send("override", assignment=1, reason="I have read it myself")
    assert answer["state"] == "complete"
    last = ground.decisions(1)[-1]
    assert (last.kind, last.is_override) == (DecisionKind.COMPLETE, True)
    assert json.loads(last.inputs)["open_gates"][0]["name"] == "review"


def test_where_nothing_is_forbidden_an_override_is_refused_with_what_is_possible(
    ground: Ground,
) -> None:
    asked_by_pm(ground)
    with pytest.raises(NotAllowed, match="wfctl answer Q1"):
        ground.send("override", question=1, reason="just do it")


# --- deadlines --------------------------------------------------------------------


def expire(ground: Ground) -> int:
    return len(ground.do(lambda tx: expire_due(tx, lambda namespace: ground.settings.house)))


def test_nothing_happens_before_the_deadline(ground: Ground) -> None:
    patient(ground, 1000, AtDeadline.CANCEL)
    asked_by_pm(ground)
    ground.now += 999
    assert expire(ground) == 0
    ground.now += 1
    assert expire(ground) == 1


def test_at_its_deadline_the_pm_is_called_and_told_that_nobody_answered(ground: Ground) -> None:
    patient(ground, 1000, AtDeadline.PROCEED)
    asked_by_pm(ground)
    ground.now += 1000
    expire(ground)
    assert questions(ground)[0].state is QuestionState.EXPIRED
    last = ground.decisions(1)[-1]
    assert (last.by, last.kind) == (By.POLICY, DecisionKind.ACTIVATE)
    assert ground.jobs(1)[-1].is_pm and ground.assignment(1).state is A.ACTIVE
    pm_says(ground, "block", question="And now?")
    assert questions(ground)[-1].at_deadline is AtDeadline.WAIT, "it would go on for ever"
    ground.now += 10**9
    assert expire(ground) == 0


def test_at_its_deadline_an_assignment_is_cancelled(ground: Ground) -> None:
    patient(ground, 1000, AtDeadline.CANCEL)
    ground.create(type="implement")
    end(ground, ground.take().leases[0].run, Kind.USAGE)
    ground.now += 1000
    expire(ground)
    assert ground.assignment(1).state is A.CANCELLED
    assert [job.state for job in ground.jobs(1)] == [JobState.CANCELLED]
    assert ground.decisions(1)[-1].by is By.POLICY


def test_what_no_pm_can_settle_waits_past_its_deadline(ground: Ground) -> None:
    patient(ground, 1000, AtDeadline.PROCEED)
    ground.create(type="implement")
    end(ground, ground.take().leases[0].run, Kind.USAGE)
    ground.now += 1000
    assert expire(ground) == 0
    assert questions(ground)[0].deadline is not None


def test_who_goes_on_without_an_answer_stops_at_a_cap_all_the_same(ground: Ground) -> None:
    patient(ground, 1000, AtDeadline.PROCEED)
    asked_by_pm(ground)
    capped(ground, wall_ms=1)
    ground.connection.execute("update assignment set wall_ms = 5")
    patient(ground, 1000, AtDeadline.PROCEED)
    ground.now += 1000
    expire(ground)
    assert ground.assignment(1).state is A.PAUSED
    assert [a.kind for a in questions(ground)] == ["question", "cap"]


def test_an_override_of_a_loop_goes_on_and_is_recorded(ground: Ground) -> None:
    worked(ground)
    pm_says(ground, "block", question="It found the same twice. How to go on?")
    ground.connection.execute("update question set subject = 'stuck'")
    ground.send("override", question=1, reason="I have seen it, go on")
    assert ground.assignment(1).state is A.ACTIVE
    last = ground.decisions(1)[-1]
    assert (last.kind, last.is_override) == (DecisionKind.OVERRIDE, True)
    assert json.loads(last.inputs)["forbidden"] == "stuck"
