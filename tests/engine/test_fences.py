"""A worker that has lost its lease finds out at its next write, whatever it was doing."""

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import pytest
from structlog.testing import capture_logs

from wfd.commands.closing import close_job
from wfd.commands.queue import get_assignment, get_job, set_state
from wfd.domain.assignment import AssignmentState
from wfd.domain.job import JobState
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.engine import recover, steps
from wfd.engine.lease import Terms, take_work
from wfd.engine.over import Closing, close_run
from wfd.engine.parts import LiveRun
from wfd.engine.run_agent import run_agent
from wfd.engine.steps import Step
from wfd.ports import Tx
from wfd.rules.route import Usual
from wfd.store.alone import write_alone

if TYPE_CHECKING:
    from tests.engine.conftest import Bench

    from wfd.domain.run import Run

EDIT = {"edit": {"path": "greeting.txt", "content": "hi\n"}}


def take_away(tx: Tx, run: "Run") -> None:
    """As another worker does that takes the run for lost; then nobody wants the job any more."""
    close_run(tx, run, Closing(Conclusion(Outcome(Kind.LOST, "taken")), EndedBy.NONE, None))
    close_job(tx, get_job(tx, run.job_id), JobState.CANCELLED)
    set_state(tx, get_assignment(tx, run.assignment_id), AssignmentState.CANCELLED)


@pytest.mark.parametrize(
    ("step", "never"),
    [
        (Step.LEASED, Step.SPAWNED),
        (Step.SPAWNED, Step.HEARD),
        (Step.HEARD, Step.DELIVERED),
        (Step.TAKEN, Step.DELIVERED),
        (Step.DELIVERED, Step.JUDGING),  # the branch had moved before the lease was lost
        (Step.JUDGING, Step.CLOSED),
    ],
)
async def test_a_run_that_was_taken_away_starts_moves_and_writes_nothing_after_that(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, step: Step, never: Step
) -> None:
    bench.plays({"implement": [[{"say": "On it."}, EDIT, {"cost": 0.5}]]})
    seen: list[Step] = []
    async with bench.opened() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        house = engine.settings.house_of(None)
        terms = Terms(1, None, "test", 600_000, house, lambda namespace, job_type: Usual("sim"))
        lease = (await engine.parts.store.write(lambda tx: take_work(tx, terms))).leases[0]

        def armed(now: Step) -> None:
            seen.append(now)
            if now is step:
                write_alone(bench.place.store_path, lambda tx: take_away(tx, lease.run))

        monkeypatch.setattr(steps, "_armed", armed)
        steps.reached(Step.LEASED)
        with capture_logs() as logs:
            await run_agent(engine.parts, LiveRun(lease))

        assert step in seen and never not in seen
        assert "lease.lost" in [line["event"] for line in logs]
        assert not [line for line in logs if line["log_level"] == "error"], "it is no failure"
        (run,) = await engine.runs(one)
        assert (run.outcome, run.message) == ("lost", "taken")
        assert (run.cost_usd, run.snapshot_commit) == (None, None)
        assert (await engine.chain(one)) == ["implement:cancelled"]
        assert await engine.evidence(one) == []
        assert bench.survivors(run.id) == []
        has_moved = bench.git("for-each-ref", "--format=%(refname)", "refs/heads/wfd") != ""
        assert has_moved == (step in (Step.DELIVERED, Step.JUDGING))


class Died(BaseException):
    """The daemon, as far as one run can tell."""


@pytest.mark.parametrize("step", [Step.HEARD, Step.TAKEN, Step.DELIVERED, Step.JUDGING])
@pytest.mark.parametrize("is_after_a_restart", [False, True])
async def test_a_run_cancelled_when_its_agent_is_over_keeps_its_work_and_row_equals_branch(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch, step: Step, is_after_a_restart: bool
) -> None:
    bench.configures(checks={"unit": "true"})
    bench.plays({"implement": [[{"say": "On it."}, EDIT]]})
    dies_at = Step.HEARD if is_after_a_restart else None
    async with bench.opened() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        house = engine.settings.house_of(None)
        terms = Terms(1, None, "test", 600_000, house, lambda namespace, job_type: Usual("sim"))
        lease = (await engine.parts.store.write(lambda tx: take_work(tx, terms))).leases[0]
        live = LiveRun(lease)

        def armed(now: Step) -> None:
            nonlocal dies_at
            if now is dies_at:
                dies_at = None
                raise Died
            if now is step:
                engine.parts.live.get(lease.run.id, live).end(EndedBy.CANCEL)

        monkeypatch.setattr(steps, "_armed", armed)
        with suppress(Died):
            await run_agent(engine.parts, live)
        if is_after_a_restart:
            if step is Step.HEARD:
                return  # it is not heard again
            async with anyio.create_task_group() as group:
                recover.conclude_all(engine.parts, group, await recover.end_orphans(engine.parts))

        (run,) = await engine.runs(one)
        assert run.outcome == "cancelled"
        assert run.snapshot_commit == bench.git("rev-parse", "wfd/A1")
        assert (await engine.assignment(one)).head_commit == run.snapshot_commit
        assert bench.git("show", "wfd/A1:greeting.txt") == "hi"
        assert [e.kind for e in await engine.evidence(one)] == ["baseline"]
