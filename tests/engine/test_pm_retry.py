"""What a PM's retry takes over from the job that it repeats."""

from pathlib import Path

from tests.store.ending import end
from tests.store.ground import Ground

from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.engine.close import _close
from wfd.engine.over import Closing


def test_a_retry_is_as_urgent_as_the_job_that_it_repeats(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.create(type="implement", priority=7)
    end(ground, ground.take().leases[0].run, Kind.FAILED)
    [pm] = ground.take().leases
    answer = {
        "decision": "retry", "job": None, "changes": "do it well", "question": None,
        "reason": "it failed",
    }  # fmt: skip
    told = Conclusion(Outcome(Kind.SUCCEEDED), structured=answer)
    closing = Closing(told, EndedBy.NONE, 0)
    ground.do(lambda tx: _close(tx, pm.run, closing, ground.settings, 0.5))
    again = ground.jobs(1)[-1]
    ground.close()
    assert (again.retry_of, again.priority) == (1, 7)
