"""What the chain says of why a PM job was made: the job whose end called for it, and no other."""

from pathlib import Path

from tests.store.ending import end
from tests.store.ground import Ground

from wfd.commands import inspect
from wfd.commands.scope import namespace_of
from wfd.domain.assignment import Assignment
from wfd.domain.ids import JobId
from wfd.domain.job import Job
from wfd.domain.outcome import Kind
from wfd.domain.run import Run
from wfd.ports import Tx


def reason_of(ground: Ground, job_id: JobId) -> str:
    def look(tx: Tx) -> str:
        found = tx.one(Job, "job_by_id", id=job_id)
        assert found is not None
        assignment = tx.one(Assignment, "assignment_by_id", id=found.assignment_id)
        assert assignment is not None
        namespace = namespace_of(tx, assignment.namespace_id)
        reason = inspect.job(tx, namespace, found).step.maker.reason
        [shown] = [
            step.maker.reason
            for step in inspect.chain(tx, namespace, assignment).steps
            if isinstance(step, inspect.JobStep) and step.job.id == job_id
        ]
        assert reason == shown
        return reason

    return ground.do(look)


def a_job_beside_a_lane(ground: Ground) -> tuple[Run, Run]:
    """The runs of J2 in the main line, and of J3 in a lane of its own."""
    one = ground.create()
    ground.insert(one, locks=("src/**",))
    ground.insert(one, parallel=True, locks=("docs/**",))
    runs = {lease.job.id: lease.run for lease in ground.take(room=2).leases}
    return runs[JobId(2)], runs[JobId(3)]


def pm_of(ground: Ground) -> JobId:
    return [job.id for job in ground.jobs(1) if job.is_pm][-1]


def test_a_pm_names_the_job_that_ended_and_not_one_that_a_lane_has_put_back(
    tmp_path: Path,
) -> None:
    ground = Ground(tmp_path)
    main, lane = a_job_beside_a_lane(ground)
    end(ground, lane, Kind.TRANSIENT)
    ground.now += 1000
    end(ground, main, Kind.SUCCEEDED)

    assert reason_of(ground, pm_of(ground)) == "J2 (implement) ended succeeded"
    ground.close()


def test_what_ends_later_in_a_lane_changes_no_reason_of_before(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    main, lane = a_job_beside_a_lane(ground)
    end(ground, main, Kind.SUCCEEDED)
    pm = pm_of(ground)
    ground.now += 1000
    end(ground, lane, Kind.FAILED)

    assert reason_of(ground, pm) == "J2 (implement) ended succeeded"
    ground.close()


def test_a_pms_retry_names_the_decision_that_it_makes_again(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    main, _ = a_job_beside_a_lane(ground)
    end(ground, main, Kind.SUCCEEDED)
    first = pm_of(ground)
    [lease] = ground.take().leases
    ground.now += 1000
    end(ground, lease.run, Kind.SUCCEEDED, text="no decision at all")

    assert pm_of(ground) != first
    assert reason_of(ground, pm_of(ground)) == f"J{first} again"
    ground.close()
