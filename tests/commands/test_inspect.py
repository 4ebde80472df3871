"""What there is to see of a job and of a chain, apart from how it is shown."""

from pathlib import Path

import pytest
from tests.edge.shelf import Shelf

from wfd.commands import inspect, listing
from wfd.commands.inspect import Chain, JobStep
from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.job import Job
from wfd.domain.namespace import Namespace
from wfd.store.alone import reading


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Shelf(tmp_path / "wfd.db", tmp_path)
    made.write("register", name="blue", git_dir="/b/.git", checkout="/b", trusted_hash=None)
    return made


def chain_of(shelf: Shelf, assignment_id: int) -> Chain:
    with reading(shelf.path) as read:
        blue = read.one(Namespace, "namespace_by_name", name="blue")
        found = read.one(Assignment, "assignment_by_id", id=assignment_id)
        assert blue is not None and found is not None
        return inspect.chain(read, blue, found)


def names_of(chain: Chain) -> list[str]:
    return [
        step.kind if isinstance(step, Decision) else f"J{step.job.id} {step.job.type}"
        for step in chain.steps
    ]


def test_a_decision_that_made_a_job_stands_with_it_and_others_on_their_own(shelf: Shelf) -> None:
    shelf.write("create", namespace="blue", north_star="green")
    shelf.write("insert_job", namespace="blue", assignment=1, type="plan", context="look")
    shelf.write("cancel_job", namespace="blue", job=2, reason="wrong")
    chain = chain_of(shelf, 1)

    assert sorted(names_of(chain)) == ["J1 pm", "J2 plan", "cancel"]
    plan = next(s for s in chain.steps if isinstance(s, JobStep) and s.job.type == "plan")
    assert plan.maker.reason == "inserted by hand"
    assert plan.maker.decision is not None


def test_a_retry_names_the_job_that_it_tries_again(shelf: Shelf) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.write("cancel_job", namespace="blue", job=1)
    shelf.write("retry_job", namespace="blue", job=1, changes="closer")
    last = [step for step in chain_of(shelf, 1).steps if isinstance(step, JobStep)][-1]

    assert last.job.retry_of == 1
    assert last.maker.reason == "closer"


def test_the_first_pm_job_says_that_it_came_with_the_assignment(shelf: Shelf) -> None:
    shelf.write("create", namespace="blue", north_star="green")
    first = chain_of(shelf, 1).steps[0]

    assert isinstance(first, JobStep)
    assert "created" in first.maker.reason


def test_a_ready_job_knows_how_many_go_before_it(shelf: Shelf) -> None:
    for priority in (0, 5, 0):
        shelf.write("create", namespace="blue", north_star="green", priority=priority)
    with reading(shelf.path) as read:
        blue = read.one(Namespace, "namespace_by_name", name="blue")
        assert blue is not None
        before = {
            job.id: inspect.job(read, blue, job).ready_before
            for number in (1, 2, 3)
            for job in read.all(Job, "jobs_of", assignment_id=number)
        }

    assert before == {2: 0, 1: 1, 3: 2}


def test_a_list_of_one_namespace_holds_nothing_of_another(shelf: Shelf) -> None:
    shelf.write("register", name="red", git_dir="/r/.git", checkout="/r", trusted_hash=None)
    shelf.write("create", namespace="red", north_star="green")
    shelf.write("create", namespace="blue", north_star="green")
    with reading(shelf.path) as read:
        red = read.one(Namespace, "namespace_by_name", name="red")

        assert [job.namespace for job in listing.queue(read, red, 10)] == ["red"]
        assert [job.namespace for job in listing.jobs(read, red, None, None, None, 10)] == ["red"]
        assert [one.namespace for one in listing.assignments(read, red, None, 10)] == ["red"]
        assert len(listing.queue(read, None, 10)) == 2
        assert len(listing.queue(read, None, 1)) == 1
