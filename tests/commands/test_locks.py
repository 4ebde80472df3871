"""Jobs that own paths, and lanes."""

import json

import pytest
from tests.commands.asking import patient
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.commands.closing import close_lane
from wfd.commands.deadline import expire_due
from wfd.commands.lanes import set_head
from wfd.domain.errors import BadInput, NotAllowed, NotFound
from wfd.domain.ids import AssignmentId
from wfd.domain.job import Job, JobState
from wfd.domain.lane import Lane, LaneState
from wfd.domain.outcome import Kind
from wfd.domain.question import AtDeadline
from wfd.engine.parts import Lease
from wfd.ports import Snapshot
from wfd.rules.daily import Spend, day_of

SRC, DOCS = ("src/**",), ("docs/**",)


def waits(ground: Ground, job: int) -> tuple[str, str | None, str | None]:
    found = ground.job(job)
    return found.state, found.waits_for, found.waits_on


def own(ground: Ground, *locks: str, after: tuple[int, ...] | list[int] = ()) -> int:
    """A parallel job of A1."""
    return ground.insert(1, locks=locks, parallel=True, after=after)


def take(ground: Ground) -> dict[int, Lease]:
    return {lease.job.id: lease for lease in ground.take(room=9).leases}


def done(ground: Ground, lease: Lease, kind: Kind = Kind.SUCCEEDED) -> None:
    """End a run that has changed something."""
    snapshot = Snapshot(f"c{lease.run.id}", f"t{lease.run.id}", "c", "t")
    end(ground, lease.run, kind, snapshot=snapshot)


def merged(ground: Ground, lease: Lease) -> None:
    name = lease.job.merges
    assert name is not None
    of = lease.job.assignment_id
    ground.do(lambda tx: close_lane(tx, of, name, LaneState.MERGED))
    end(ground, lease.run, Kind.SUCCEEDED)


def newest(ground: Ground, of: int = 1) -> Job:
    return ground.jobs(of)[-1]


@pytest.fixture
def one(ground: Ground) -> AssignmentId:
    return ground.create("one")


@pytest.mark.usefixtures("one")
def test_parallel_jobs_with_disjoint_paths_run_beside_each_other(ground: Ground) -> None:
    first, second = own(ground, *SRC), own(ground, *DOCS)
    assert {ground.job(first).lane, ground.job(second).lane} == {f"J{first}", f"J{second}"}
    assert set(take(ground)) == {first, second}


@pytest.mark.usefixtures("one")
def test_parallel_jobs_that_may_touch_one_path_never_run_together(ground: Ground) -> None:
    first, second = own(ground, *SRC), own(ground, "src/api/users.py")
    leases = take(ground)
    assert set(leases) == {first}
    assert waits(ground, second) == ("waiting", "lock", f"J{first}")
    done(ground, leases[first])
    merge = newest(ground)
    assert (merge.type, merge.merges, merge.created_by) == ("merge", f"J{first}", "policy")
    assert waits(ground, second) == ("waiting", "lock", f"J{merge.id}"), "until it is merged"
    leases = take(ground)
    assert set(leases) == {merge.id}
    merged(ground, leases[merge.id])
    assert ground.job(second).state is JobState.QUEUED


def test_jobs_of_two_assignments_share_no_path_while_they_run(ground: Ground) -> None:
    for name in ("one", "two"):
        ground.create(name, type="plan", context="x")
    leases = take(ground)
    first, second = ground.insert(1, locks=SRC), ground.insert(2, locks=SRC)
    for lease in leases.values():
        end(ground, lease.run, Kind.SUCCEEDED)
    for lease in take(ground).values():
        end(ground, lease.run, Kind.SUCCEEDED, text='{"decision": "proceed", "reason": "so"}')
    leases = take(ground)
    assert set(leases) == {first}
    assert waits(ground, second) == ("waiting", "lock", f"J{first}")
    end(ground, leases[first].run, Kind.TRANSIENT)
    assert ground.job(second).state is JobState.QUEUED, "one that only waits to go on has none"


def test_namespaces_share_no_path(ground: Ground) -> None:
    ground.create("one")
    first = own(ground, *SRC)
    ground.send("create", namespace="b", north_star="theirs")
    answer = ground.send(
        "insert_job", namespace="b", assignment=2, type="implement", context="x", locks=SRC
    )
    assert set(take(ground)) == {first, answer["job"]}


@pytest.mark.usefixtures("one")
def test_in_an_assignment_paths_are_kept_from_the_first_run_to_the_last(ground: Ground) -> None:
    """What a lane did before it is tried again lies nowhere else yet."""
    first, second = own(ground, *SRC), own(ground, *SRC)
    done(ground, take(ground)[first], Kind.TRANSIENT)
    assert waits(ground, first)[1] == "time"
    assert take(ground) == {}
    assert waits(ground, second) == ("waiting", "lock", f"J{first}")


@pytest.mark.usefixtures("one")
def test_what_failed_in_a_lane_gives_its_paths_back(ground: Ground) -> None:
    first, second = own(ground, *SRC), own(ground, *SRC)
    done(ground, take(ground)[first], Kind.FAILED)
    assert newest(ground).is_pm
    assert ground.job(second).state is JobState.QUEUED


@pytest.mark.usefixtures("one")
def test_a_job_in_main_that_declares_nothing_runs_beside_no_parallel_one(ground: Ground) -> None:
    first = own(ground, *SRC)
    plain = ground.insert(1)
    leases = take(ground)
    assert waits(ground, plain) == ("waiting", "lock", f"J{first}")
    done(ground, leases[first])
    merge = newest(ground)
    assert waits(ground, plain)[1] == "lane", "the merge passes who waits for it"
    leases = take(ground)
    assert set(leases) == {merge.id}
    merged(ground, leases[merge.id])
    assert [lease.job.is_pm for lease in take(ground).values()] == [True]
    assert waits(ground, plain) == ("waiting", "lane", None)


@pytest.mark.usefixtures("one")
def test_a_pm_runs_beside_parallel_jobs(ground: Ground) -> None:
    first, second = own(ground, *SRC), own(ground, *DOCS)
    leases = take(ground)
    done(ground, leases[first], Kind.FAILED)
    pm = next(iter(take(ground).values()))
    assert pm.job.is_pm
    assert ground.job(second).state is JobState.RUNNING


@pytest.mark.usefixtures("one")
def test_one_pm_that_has_yet_to_begin_is_enough_for_all(ground: Ground) -> None:
    first, second = own(ground, *SRC), own(ground, *DOCS)
    leases = take(ground)
    done(ground, leases[first], Kind.FAILED)
    done(ground, leases[second], Kind.FAILED)
    waiting = [job for job in ground.jobs(1) if job.is_pm and not job.is_closed]
    assert len(waiting) == 1


@pytest.mark.usefixtures("one")
def test_who_waits_for_paths_is_not_passed_for_ever(ground: Ground) -> None:
    narrow = own(ground, "src/a")
    take(ground)
    wide = own(ground, "**")
    late = own(ground, "src/b")
    take(ground)
    assert waits(ground, wide) == ("waiting", "lock", f"J{narrow}")
    assert waits(ground, late) == ("waiting", "lock", f"J{wide}")


@pytest.mark.usefixtures("one")
def test_a_cancelled_job_lets_those_go_on_that_waited_behind_it(ground: Ground) -> None:
    own(ground, "src/a")
    take(ground)
    wide, late = own(ground, "**"), own(ground, "src/b")
    take(ground)
    ground.send("cancel_job", job=wide)
    assert set(take(ground)) == {late}


@pytest.mark.usefixtures("one")
def test_nothing_changed_in_a_lane_needs_no_merge(ground: Ground) -> None:
    first = own(ground, *SRC)
    end(ground, take(ground)[first].run, Kind.SUCCEEDED)
    assert newest(ground).is_pm


@pytest.mark.usefixtures("one")
def test_a_retry_of_what_failed_goes_on_in_its_lane_and_of_what_is_merged_in_a_new_one(
    ground: Ground,
) -> None:
    first = own(ground, *SRC)
    done(ground, take(ground)[first], Kind.FAILED)
    again = int(str(ground.send("retry_job", job=first)["job"]))
    assert ground.job(again).lane == f"J{first}"
    assert ground.job(again).locks == json.dumps(list(SRC))
    leases = take(ground)
    end(ground, leases.pop(next(id_ for id_ in leases if id_ != again)).run, Kind.SUCCEEDED,
        text='{"decision": "proceed", "reason": "so"}')  # fmt: skip
    done(ground, leases[again])
    merge = newest(ground)
    merged(ground, take(ground)[merge.id])
    third = int(str(ground.send("retry_job", job=merge.id, changes="smaller")["job"]))
    assert ground.job(third).retry_of == again
    assert ground.job(third).lane == f"J{third}"


@pytest.mark.usefixtures("one")
def test_who_comes_after_a_parallel_job_waits_for_its_merge(ground: Ground) -> None:
    first = own(ground, *SRC)
    second = own(ground, *DOCS, after=[first])
    done(ground, take(ground)[first])
    assert waits(ground, second)[1] == "dependency", "done, and in no other branch yet"
    merge = newest(ground)
    merged(ground, take(ground)[merge.id])
    assert ground.job(second).state is JobState.QUEUED


@pytest.mark.usefixtures("one")
def test_a_cancelled_parallel_job_leaves_its_lane_and_nobody_waits_for_it(ground: Ground) -> None:
    first = own(ground, *SRC)
    later = own(ground, *DOCS, after=[first])
    ground.send("cancel_job", job=first)
    assert waits(ground, later)[1] == "dependency"
    assert ground.assignment(1).state == "blocked"


@pytest.mark.usefixtures("one")
def test_a_person_completes_past_what_is_not_merged_only_by_force(ground: Ground) -> None:
    first = own(ground, *SRC)
    done(ground, take(ground)[first])
    merge = take(ground)[newest(ground).id]
    end(ground, merge.run, Kind.FAILED)
    ground.send("cancel_job", job=newest(ground).id)
    with pytest.raises(NotAllowed, match=r"is not merged: J2 \(implement\)"):
        ground.send("update_assignment", assignment=1, status="complete")
    answer = ground.send("abandon_lane", assignment=1, lane=f"J{first}", reason="not needed")
    assert answer["branch"] == f"wfd/A1-J{first}"
    with pytest.raises(NotAllowed, match="is abandoned already"):
        ground.send("abandon_lane", assignment=1, lane=f"J{first}")
    with pytest.raises(NotAllowed, match="open gates"):
        ground.send("update_assignment", assignment=1, status="complete")


@pytest.mark.usefixtures("one")
def test_a_lane_in_which_a_job_works_is_not_given_up(ground: Ground) -> None:
    first = own(ground, *SRC)
    with pytest.raises(NotAllowed, match=f"J{first} .* works on it"):
        ground.send("abandon_lane", assignment=1, lane=f"J{first}")
    with pytest.raises(NotFound, match="no lane of A1 'J9'"):
        ground.send("abandon_lane", assignment=1, lane="J9")


@pytest.mark.usefixtures("one")
def test_a_parallel_job_must_say_what_it_may_touch(ground: Ground) -> None:
    with pytest.raises(BadInput, match="--lock"):
        ground.insert(1, parallel=True)


@pytest.mark.usefixtures("one")
def test_merge_jobs_are_the_daemons_own(ground: Ground) -> None:
    with pytest.raises(BadInput, match="only the daemon inserts merge jobs"):
        ground.insert(1, "merge")


@pytest.mark.usefixtures("one")
def test_a_stale_end_frees_no_path_twice(ground: Ground) -> None:
    """A stale finish releases a lane twice, and a limit-1 job runs 11 times."""
    first = own(ground, *SRC)
    others = [own(ground, *SRC) for _ in range(3)]
    lease = take(ground)[first]
    done(ground, lease, Kind.FAILED)
    with pytest.raises(Exception, match="is lost"):
        done(ground, lease, Kind.FAILED)
    running = [id_ for id_ in take(ground) if not ground.job(id_).is_pm]
    assert running == [others[0]]
    assert {waits(ground, id_)[2] for id_ in others[1:]} == {f"J{others[0]}"}


@pytest.mark.usefixtures("one")
def test_an_agent_that_asks_in_a_lane_is_merged_and_judged_after_the_answer(
    ground: Ground,
) -> None:
    asking = own(ground, *SRC)
    lease = take(ground)[asking]
    says = 'Half is done.\n```json wfd-question\n{"question": "EUR or USD?"}\n```\n'
    snapshot = Snapshot("c2", "t2", "c", "t")
    end(ground, lease.run, Kind.SUCCEEDED, text=says, snapshot=snapshot)
    assert ground.assignment(1).state == "blocked"
    assert waits(ground, newest(ground).id) == ("waiting", "assignment", None)
    ground.send("answer", assignment=1, text="EUR")
    leases = take(ground)
    assert [lease.job.merges for lease in leases.values()] == [f"J{asking}"]
    for lease in leases.values():
        merged(ground, lease)
    assert [lease.job.is_pm for lease in take(ground).values()] == [True]


@pytest.mark.usefixtures("one")
def test_a_merge_needs_no_ai_and_counts_against_no_cap_on_jobs(ground: Ground) -> None:
    job = own(ground, *SRC)
    done(ground, take(ground)[job])
    values = {"account": "sim", "run_id": 1, "now": ground.now, "probes": 0, "reason": "limit"}
    until = {"until": ground.now + 9_000_000, "is_reset_known": True}
    ground.do(lambda tx: tx.insert("add_hold", **values, **until))
    [lease] = take(ground).values()
    assert (lease.job.type, lease.run.ai, lease.run.account) == ("merge", "merge", "merge")
    merged(ground, lease)
    spend = ground.do(lambda tx: tx.one(Spend, "spend_on", namespace_id=1, day=day_of(tx.now)))
    assert spend is not None
    assert spend.jobs == 1
    assert ground.assignment(1).jobs == 1


@pytest.mark.usefixtures("one")
def test_a_lane_has_its_head_from_the_run_that_ended_in_it(ground: Ground) -> None:
    job = own(ground, *SRC)
    lease = take(ground)[job]
    assert lease.assignment.lane == f"J{job}"
    done(ground, lease)
    [lane] = ground.do(lambda tx: tx.all(Lane, "lanes_of", assignment_id=1))
    assert lane.head_commit == f"c{lease.run.id}"
    assert ground.assignment(1).head_commit is None, "that of the assignment comes by the merge"


@pytest.mark.usefixtures("one")
def test_a_run_whose_lease_is_lost_moves_no_head_of_a_lane(ground: Ground) -> None:
    job = own(ground, *SRC)
    lease = take(ground)[job]
    done(ground, lease, Kind.INTERRUPTED)
    late = Snapshot("late", "late", "c", "t")
    assert not ground.do(lambda tx: set_head(tx, lease.assignment, lease.run.id, late))


@pytest.mark.usefixtures("one")
def test_an_assignment_that_is_cancelled_at_a_deadline_gives_its_lanes_up(ground: Ground) -> None:
    patient(ground, 1000, AtDeadline.CANCEL)
    job = own(ground, *SRC)
    done(ground, take(ground)[job], Kind.FAILED)
    [pm] = take(ground).values()
    end(ground, pm.run, Kind.USAGE)
    ground.now += 1000
    ground.do(lambda tx: expire_due(tx, lambda namespace: ground.settings.house))
    assert ground.assignment(1).state == "cancelled"
    [lane] = ground.do(lambda tx: tx.all(Lane, "lanes_of", assignment_id=1))
    assert lane.state is LaneState.ABANDONED


def test_a_pm_is_not_kept_waiting_by_a_job_that_nobody_claims(ground: Ground) -> None:
    ground.create("one", type="plan", context="x", harness="hand")
    job = own(ground, *SRC)
    lease = take(ground)[job]
    assert waits(ground, 1) == ("waiting", "ai", "hand")
    done(ground, lease, Kind.FAILED)
    assert [lease.job.is_pm for lease in take(ground).values()] == [True]
    assert waits(ground, 1) == ("waiting", "lane", None)
