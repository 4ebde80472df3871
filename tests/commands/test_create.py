"""Creating an assignment: its first job, its key, and what is refused."""

import pytest
from tests.store.ground import Ground

from wfd.commands.house import MAX_TEXT
from wfd.domain.assignment import AssignmentState
from wfd.domain.errors import BadInput, NotFound
from wfd.domain.job import By, JobState


def test_an_assignment_begins_with_a_pm_job_that_is_ready(ground: Ground) -> None:
    answer = ground.send("create", north_star="  Discounts work \n")
    assert answer == {
        "assignment": 1,
        "job": 1,
        "created": True,
        "from_commit": None,
        "from_branch": None,
    }
    assert ground.assignment(1).north_star == "Discounts work"
    assert ground.assignment(1).state is AssignmentState.ACTIVE
    job = ground.job(1)
    assert (job.type, job.lane, job.state, job.created_by) == ("pm", "pm", "queued", By.PERSON)
    assert ground.assignment(1).jobs == 0, "the PM's own jobs are not counted"


def test_a_person_may_name_the_first_job(ground: Ground) -> None:
    ground.create(type="implement", context="apply it", harness="codex", priority=3)
    job = ground.job(1)
    assert (job.type, job.context, job.harness, job.priority) == (
        "implement", "apply it", "codex", 3,
    )  # fmt: skip
    assert job.state is JobState.QUEUED
    assert ground.assignment(1).jobs == 1


def test_the_first_job_is_told_the_north_star_when_it_is_told_nothing_else(ground: Ground) -> None:
    ground.create("Discounts work", type="plan")
    assert ground.job(1).context == "Discounts work"


def test_the_same_key_again_gives_the_same_assignment(ground: Ground) -> None:
    first = ground.send("create", north_star="one", key="k")
    assert ground.send("create", north_star="two", key="k") == {**first, "created": False}
    assert ground.assignment(1).north_star == "one"
    assert len(ground.jobs(1)) == 1


@pytest.mark.parametrize("key", ["", " "])
def test_an_empty_key_stands_for_no_work(ground: Ground, key: str) -> None:
    with pytest.raises(BadInput, match="the key is empty"):
        ground.send("create", north_star="one", key=key)


def test_a_key_of_an_inserted_job_creates_no_assignment(ground: Ground) -> None:
    ground.create(type="plan")
    ground.send("insert_job", assignment=1, type="review", context="look", key="k")
    with pytest.raises(BadInput, match="J2, which insert-job made"):
        ground.create(key="k")


def test_another_namespace_has_keys_of_its_own(ground: Ground) -> None:
    ground.create(key="k")
    assert ground.send("create", namespace="b", north_star="x", key="k")["created"] is True


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"north_star": "  "}, "the north star is empty"),
        ({"north_star": "a\0b"}, "the north star holds a NUL"),
        ({"north_star": "x" * (MAX_TEXT + 1)}, r"has 200,001 characters and the limit is 200,000"),
        ({"type": "plan", "context": ""}, "the context is empty"),
        ({"type": "implment"}, r"no job type 'implment' \(did you mean 'implement'\?\); known:"),
        ({"type": "plan", "harness": "claud"}, r"no harness 'claud' \(did you mean 'claude'\?\)"),
        ({"context": "c"}, "name its --type too"),
        ({"harness": "sim"}, "name its --type too"),
    ],
)
def test_what_is_off_is_named_and_nothing_is_made(
    ground: Ground, values: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence) as refused:
        ground.send("create", **{"north_star": "go", **values})
    assert refused.value.exit_code == 2
    with pytest.raises(AssertionError):
        ground.assignment(1)


def test_an_unknown_namespace_names_those_that_are_known(ground: Ground) -> None:
    with pytest.raises(NotFound, match="no namespace 'c'; known: a, b") as refused:
        ground.send("create", namespace="c", north_star="go")
    assert refused.value.exit_code == 3


def test_the_commit_and_branch_that_a_person_stood_on_are_kept(ground: Ground) -> None:
    start = {"from_commit": "a" * 40, "from_branch": "main"}

    first = ground.send("create", north_star="one", key="k", **start)
    again = ground.send("create", north_star="one", key="k", from_commit="b" * 40)

    assert first == {"assignment": 1, "job": 1, "created": True, **start}
    assert again == {**first, "created": False}, "what was fixed at first stays"
    assert (ground.assignment(1).from_commit, ground.assignment(1).from_branch) == (
        "a" * 40,
        "main",
    )


@pytest.mark.parametrize(
    "start",
    [
        {"from_commit": "main"},
        {"from_commit": "--upload-pack=touch"},
        {"from_commit": "A" * 40},
        {"from_branch": "main"},
        {"from_commit": "a" * 40, "from_branch": " "},
        {"from_commit": "a" * 40, "from_branch": "x" * 1001},
    ],
)
def test_a_start_that_is_no_commit_is_refused(ground: Ground, start: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        ground.send("create", north_star="one", **start)
