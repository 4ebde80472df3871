"""What dependencies, locks and lanes look like to a person and to a program."""

import json
from collections.abc import Callable

import pytest
from tests.edge.shelf import Call, Shelf, house_of

from wfd.commands.closing import close_job, get_lane
from wfd.commands.queue import NewJob, enqueue, get_assignment, get_job
from wfd.domain.ids import JobId
from wfd.domain.job import By, Job, JobState, WaitsFor
from wfd.domain.outcome import Kind
from wfd.edge.lane_lines import lane_lines
from wfd.edge.page import _plain
from wfd.engine.lease import Terms, take_work
from wfd.ports import Tx
from wfd.rules.route import Usual


@pytest.fixture
def insert(shelf: Shelf) -> Callable[..., int]:
    """A job of A1, beside the plan J1 that it has."""
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")

    def inserted(**values: object) -> int:
        wanted = {"assignment": 1, "type": "implement", "context": "do", **values}
        return int(str(shelf.write("insert_job", namespace="blue", **wanted)["job"]))

    return inserted


def take(tx: Tx) -> int:
    terms = Terms(9, None, "w", 60_000, house_of(None), lambda namespace, job_type: Usual("sim"))
    return len(take_work(tx, terms).leases)


def line(page: str, tag: str) -> str:
    return next(row for row in page.splitlines() if row.startswith(f"{tag}\t"))


def test_a_job_says_what_it_comes_after_and_who_can_release_it(
    wfctl: Call, insert: Callable[..., int]
) -> None:
    insert(after=(1,))
    page = wfctl("job", "J2").out
    assert line(page, "waits_for") == "waits_for\tJ1 (plan, queued), which it comes after"
    assert line(page, "released_by") == "released_by\tthe end of J1"
    assert line(page, "after") == "after\tJ1 (plan, queued)\tif that fails: wait"
    assert line(wfctl("job", "J1").out, "before") == "before\tJ2"
    told = json.loads(wfctl("job", "J2", "--json").out)
    assert told["after"] == [{"job": 1, "state": "queued", "is": "open", "if_failed": "wait"}]
    assert told["job"]["waits_on"] == "J1"


def test_a_job_whose_dependency_failed_names_every_way_out(
    shelf: Shelf, wfctl: Call, insert: Callable[..., int]
) -> None:
    insert(after=(1,))
    shelf.write("cancel_job", namespace="blue", job=1)
    released_by = line(wfctl("job", "J2").out, "released_by")
    assert released_by == (
        "released_by\ta person, as J1 is cancelled: 'wfctl retry J1',"
        " 'wfctl depend J2 --drop J1' or 'wfctl cancel J2'"
    )


def test_a_job_that_waits_for_paths_says_whose_they_are(
    shelf: Shelf, wfctl: Call, insert: Callable[..., int]
) -> None:
    shelf.work(take)  # J1, which declares nothing
    insert(locks=("src/**", "docs"), parallel=True)
    shelf.work(take)
    assert shelf.work(lambda tx: get_job(tx, JobId(2))).waits_for is WaitsFor.LOCK
    page = wfctl("job", "J2").out
    assert line(page, "waits_for") == (
        "waits_for\tits paths docs, src/**, which J1 (plan, running) has"
    )
    assert line(page, "released_by").endswith("'wfctl cancel J1' ends J1 now")
    assert line(page, "lane") == "lane\tJ2\tparallel; branch wfd/A1-J2"
    assert line(wfctl("assignment", "A1").out, "lane") == "lane\tJ2\topen\twfd/A1-J2"
    rows = [row.split("\t")[:8] for row in wfctl("locks").out.splitlines()]
    assert rows == [["J2", "A1", "blue", "implement", "waits", "J2", "docs, src/**", "J1"]]
    (told,) = json.loads(wfctl("locks", "--json").out)
    assert (told["locks"], told["waits_on"]) == (["docs", "src/**"], "J1")
    waiting = next(row for row in wfctl("queue").out.splitlines() if row.startswith("J2"))
    assert waiting.split("\t")[-2:] == ["J2", "docs, src/**"]


def test_a_cycle_and_an_option_that_says_nothing_are_refused(
    wfctl: Call, insert: Callable[..., int]
) -> None:
    insert(after=(1,))
    said = wfctl("depend", "J1", "--after", "J2")
    assert (said.code, "J1 → J2 → J1" in said.err) == (4, True)
    said = wfctl("insert-job", "A1", "--type", "plan", "--context", "x", "--if-failed", "run")
    assert (said.code, "--after" in said.err) == (2, True)
    said = wfctl("insert-job", "A1", "--type", "plan", "--context", "x", "--after", "J1,x")
    assert (said.code, "'x' is not the id of a job" in said.err) == (2, True)


def test_depend_and_insert_job_print_what_a_program_wants(
    wfctl: Call, insert: Callable[..., int]
) -> None:
    insert()
    assert wfctl("depend", "J2", "--after", "J1", "--if-failed", "cancel").out == "waiting\n"
    assert wfctl("depend", "2", "--drop", "1", "--json").code == 0
    words = ["--type", "implement", "--context", "x", "--after", "J1,J2", "--lock", "src"]
    assert wfctl("insert-job", "A1", *words, "--lock", "docs", "--parallel").out == "J3\n"
    assert wfctl("lane", "abandon", "A1", "J3").code == 4, "a job is to work in it"


def halted(shelf: Shelf, merge: JobState | None = None) -> list[str]:
    """The lines of the lane J2, whose job failed, or whose merge came to this."""

    def work(tx: Tx) -> list[str]:
        job = get_job(tx, JobId(2))
        close_job(tx, job, JobState.DONE if merge else JobState.FAILED, Kind.FAILED)
        assignment = get_assignment(tx, job.assignment_id)
        if merge is not None:
            new = NewJob("merge", "", By.POLICY, merges="J2")
            close_job(tx, get_job(tx, enqueue(tx, assignment, new)), merge)
        lane = get_lane(tx, job.assignment_id, "J2")
        jobs = tx.all(Job, "jobs_of", assignment_id=job.assignment_id)
        return [_plain(one) or "" for one in lane_lines(lane, assignment, jobs)]

    return shelf.work(work)


def test_a_lane_whose_job_failed_says_that_it_is_halted_and_what_ends_that(
    shelf: Shelf, wfctl: Call, insert: Callable[..., int]
) -> None:
    insert(locks=("src/**",), parallel=True)
    assert halted(shelf) == [
        "lane\tJ2\topen\twfd/A1-J2",
        "halted\tJ2 (implement) is failed: 'wfctl retry J2' continues in it;"
        " 'wfctl lane abandon A1 J2' closes it, and so does the end of A1",
    ]
    assert line(wfctl("assignment", "A1").out, "halted").startswith("halted\tJ2 (implement)")


def test_a_lane_whose_merge_failed_is_done_again_in_a_new_one(
    shelf: Shelf, wfctl: Call, insert: Callable[..., int]
) -> None:
    insert(locks=("src/**",), parallel=True)
    _, why = halted(shelf, merge=JobState.FAILED)
    assert why.startswith("halted\tJ3 (merge) is failed: 'wfctl retry J3' does its work again")
    wfctl("lane", "abandon", "A1", "J2")
    assert shelf.work(lambda tx: get_lane(tx, get_job(tx, JobId(2)).assignment_id, "J2")).state == (
        "abandoned"
    )


def test_a_lane_in_which_something_goes_on_is_open_and_no_more(
    shelf: Shelf, insert: Callable[..., int]
) -> None:
    insert(locks=("src/**",), parallel=True)

    def work(tx: Tx) -> list[str]:
        of = get_job(tx, JobId(2)).assignment_id
        jobs = tx.all(Job, "jobs_of", assignment_id=of)
        lane = lane_lines(get_lane(tx, of, "J2"), get_assignment(tx, of), jobs)
        return [_plain(one) or "" for one in lane]

    assert shelf.work(work) == ["lane\tJ2\topen\twfd/A1-J2"]
