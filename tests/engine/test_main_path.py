from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Bench


async def test_a_new_assignment_goes_from_intent_to_a_checked_branch(bench: "Bench") -> None:
    bench.configures(checks={"greet": "test -f greeting.txt"}, gates={"uat": True})
    bench.plays(
        {
            "implement": [
                [{"say": "All done."}],
                [{"edit": {"path": "greeting.txt", "content": "hi\n"}}],
            ]
        }
    )
    async with bench.running() as engine:
        one = await engine.create("Add a greeting", type="plan", context="Plan a greeting")
        assignment = await engine.settled(one)
        print(assignment.reason, await engine.chain(one))
        for d in await engine.decisions(one): print(d)
        for r in await engine.runs(one): print(r.id, r.job_id, r.outcome, r.message)
        assert assignment.state == "complete"
        assert await engine.chain(one) == []
