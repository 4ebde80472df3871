"""How a worker takes work: namespaces in turn, priority, age, and within its limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.event import Event
from wfd.domain.outcome import Kind
from wfd.ports import Snapshot


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    opened = Ground(tmp_path)
    yield opened
    opened.close()


def test_namespaces_take_turns_whatever_their_backlog(ground: Ground) -> None:
    for _ in range(5):
        ground.create(namespace="a", type="plan", priority=9)
    for _ in range(2):
        ground.create(namespace="b", type="plan")
    taken = [lease.namespace.name for lease in ground.take(room=7).leases]
    assert taken == ["a", "b", "a", "b", "a", "a", "a"]


def test_within_a_namespace_priority_goes_first_and_then_age(ground: Ground) -> None:
    for priority in (0, 2, 1, 2):
        ground.create(type="plan", priority=priority)
    assert [lease.job.id for lease in ground.take(room=9).leases] == [2, 4, 3, 1]


def test_the_limits_of_the_machine_and_of_a_namespace_hold(ground: Ground) -> None:
    for namespace in "aaab":
        ground.create(namespace=namespace, type="plan")
    first = ground.take(room=9, per_namespace=1)
    assert [lease.namespace.name for lease in first.leases] == ["a", "b"]
    assert ground.take(room=9, per_namespace=1).leases == []
    end(ground, first.leases[0].run, Kind.TRANSIENT)
    assert [lease.namespace.name for lease in ground.take(room=1, per_namespace=1).leases] == ["a"]


def test_assignments_run_side_by_side_and_each_has_one_job_running(ground: Ground) -> None:
    for _ in range(6):
        ground.insert(ground.create(type="plan"))
    leases = ground.take(room=20).leases
    assert sorted(lease.assignment.id for lease in leases) == [1, 2, 3, 4, 5, 6]


def test_a_retry_waits_and_wakes_in_order_of_time(ground: Ground) -> None:
    for _ in range(2):
        ground.create(type="plan")
    first, second = ground.take(room=2).leases
    end(ground, first.run, Kind.TRANSIENT)
    ground.now += 1_000
    end(ground, second.run, Kind.TRANSIENT)
    due = ground.take(room=2).next_due
    assert due is not None and due == ground.job(first.job.id).run_after
    ground.now = due
    taken = ground.take(room=2)
    assert [lease.job.id for lease in taken.leases] == [first.job.id]
    assert taken.next_due == ground.job(second.job.id).run_after
    ground.now += 200_000
    assert [lease.job.id for lease in ground.take(room=2).leases] == [second.job.id]


def test_a_job_tells_where_it_stands_as_soon_as_it_is_there(ground: Ground) -> None:
    of = ground.create(type="plan")
    ground.insert(of)
    ground.send("update_assignment", assignment=ground.create(type="plan"), status="paused",
                reason="wait")  # fmt: skip
    told = ground.do(lambda tx: tx.all(Event, "events_after", seq=0, limit=99))
    assert [(e.kind, e.job_id) for e in told if e.kind.startswith("job.")] == [
        ("job.inserted", 1), ("job.queued", 1),
        ("job.inserted", 2),
        ("job.inserted", 3), ("job.queued", 3), ("job.parked", 3),
    ]  # fmt: skip


def test_a_run_moves_the_branch_when_it_is_closed_with_a_snapshot_and_else_leaves_it(
    ground: Ground,
) -> None:
    of = ground.create(type="plan")
    snapshot = Snapshot("c1", "t1", "c0", "t0")
    end(ground, ground.take().leases[0].run, Kind.TRANSIENT, snapshot=snapshot)
    assert (ground.assignment(of).head_commit, ground.assignment(of).head_tree) == ("c1", "t1")
    ground.now += 3_600_000
    end(ground, ground.take().leases[0].run, Kind.TRANSIENT)
    assert (ground.assignment(of).head_commit, ground.assignment(of).head_tree) == ("c1", "t1")
