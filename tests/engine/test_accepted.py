"""What a person accepted holds until a person accepts something else."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.commands.asking import questions
from tests.store.ground import Ground

from wfd.domain.errors import NotAllowed
from wfd.domain.job import WaitsFor
from wfd.domain.namespace import Namespace
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.domain.question import TRUST, Question
from wfd.engine.close import _close
from wfd.engine.over import Closing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.conftest import Bench, Opened

EDIT = {"edit": {"path": "greeting.txt", "append": "hi\n"}}


async def the_namespace(engine: "Opened") -> Namespace:
    found = await engine.parts.store.one(Namespace, "namespace_by_id", id=1)
    assert found is not None
    return found


def edited(bench: "Bench") -> None:
    (bench.repository / ".wfd" / "config.json").write_text(json.dumps({"gates": {"review": False}}))


async def test_a_daemon_that_starts_after_an_edit_still_knows_the_gates_that_were_accepted(
    bench: "Bench",
) -> None:
    bench.configures(checks={"ok": "true"}, gates={"uat": True})
    async with bench.opened() as engine:
        namespace = await the_namespace(engine)
        edited(bench)
        settings = engine.settings.last_good(namespace)
        assert settings.is_accepted
        assert settings.house.checks == ("ok",)
        assert settings.house.gates.uat and settings.house.gates.review
        with pytest.raises(NotAllowed, match="wfd trust"):
            engine.settings.of(namespace)


async def test_where_it_is_not_known_what_was_accepted_nothing_can_be_completed(
    bench: "Bench",
) -> None:
    bench.configures(checks={"ok": "true"})
    async with bench.opened() as engine:
        namespace = await the_namespace(engine)
        edited(bench)
        bench.place.accepted_path(namespace.trusted_hash or "").write_text("{}")
        assert not engine.settings.last_good(namespace).is_accepted
        with pytest.raises(NotAllowed, match="wfd trust"):
            engine.settings.house_of(namespace)


def test_a_decision_is_not_applied_by_gates_that_nobody_accepted(tmp_path: "Path") -> None:
    ground = Ground(tmp_path)
    ground.create()
    ground.settings = replace(ground.settings, is_accepted=False)
    [lease] = ground.take().leases
    answer = {
        "decision": "complete", "job": None, "changes": None, "question": None,
        "reason": "nothing_to_change",
    }  # fmt: skip
    told = Conclusion(Outcome(Kind.SUCCEEDED), structured=answer)
    closing = Closing(told, EndedBy.NONE, 0)
    ground.do(lambda tx: _close(tx, lease.run, closing, ground.settings, 0.5))
    assignment, [job], [asked] = ground.assignment(1), ground.jobs(1), questions(ground)
    ground.close()
    assert assignment.state == "blocked"
    assert "wfd trust" in (assignment.reason or "")
    assert job.waits_for is WaitsFor.ASSIGNMENT, "the PM decides again, once it is accepted"
    assert asked.subject == TRUST, "which is what lets it"
    assert not asked.text.startswith("sim"), "no AI is to blame"


@pytest.mark.parametrize("is_put_back", [False, True])
async def test_work_that_waits_for_a_configuration_goes_on_once_it_is_accepted(
    bench: "Bench", is_put_back: bool
) -> None:
    bench.configures(checks={"ok": "true"})
    bench.plays({"implement": [[EDIT]]})
    async with bench.opened() as engine:
        file = bench.repository / ".wfd" / "config.json"
        accepted = file.read_text()
        edited(bench)
        async with bench.at_work(engine):
            one = await engine.create("Greet", type="implement", context="Greet")
            blocked = await engine.settled(one)
            assert blocked.state == "blocked"
            assert (blocked.reason or "").startswith(f"{file} has changed"), "and no AI is blamed"

            if is_put_back:
                file.write_text(accepted)
            else:
                bench.config = {"gates": {"review": False}}
            await engine.register()

            assert (await engine.settled(one)).state == "complete"
        [asked] = await engine.parts.store.all(Question, "questions_of", assignment_id=one)
        assert (asked.state, asked.answer) == ("answered", "the configuration is accepted")
        answers = [made for made in await engine.decisions(one) if made.kind == "answer"]
        assert [(made.by, made.job_id) for made in answers] == [("person", 1)]


async def test_a_lane_is_merged_once_the_configuration_that_its_merge_waited_for_is_accepted(
    bench: "Bench",
) -> None:
    bench.configures(gates={"review": False})
    at_work, go_on = bench.tmp / "at-work", bench.tmp / "go-on"
    bench.plays({"implement": [[{"touch": str(at_work)}, {"wait_for": str(go_on)}, EDIT]]})
    async with bench.running() as engine:
        one = await engine.create("Greet")
        await engine.send(
            "insert_job", assignment=one, type="implement", context="Greet", locks=("*",),
            parallel=True,
        )  # fmt: skip
        with anyio.fail_after(30):
            while not at_work.exists():
                await anyio.sleep(0.02)
        (bench.repository / ".wfd" / "config.json").write_text("{}")
        go_on.touch()
        assert "has changed" in ((await engine.settled(one)).reason or "")
        assert "merge:waiting" in await engine.chain(one)

        await engine.register()

        assert (await engine.settled(one)).state == "complete"
        assert "merge:done" in await engine.chain(one)


async def test_a_template_that_leads_nowhere_hinders_no_other(bench: "Bench") -> None:
    prompts = bench.tmp / "config" / "templates" / "prompts"
    prompts.mkdir(parents=True)
    (prompts / "audit.md").symlink_to("nowhere")
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        assert (await engine.settled(one)).state == "complete"


async def test_a_run_cancelled_at_its_checks_leaves_row_and_branch_at_one_commit(
    bench: "Bench",
) -> None:
    at_check = bench.tmp / "at-check"
    slow = f"test ! -e greeting.txt || {{ touch {at_check}; sleep 60; }}"
    bench.configures(checks={"slow": slow})
    bench.plays({"implement": [[EDIT]]})
    async with bench.running() as engine:
        one = await engine.create("Greet", type="implement", context="Greet")
        with anyio.fail_after(30):
            while not at_check.exists():
                await anyio.sleep(0.02)
        await engine.send("cancel_job", job=1)
        assignment = await engine.settled(one)
    assert assignment.state == "paused"
    assert assignment.head_commit == bench.git("rev-parse", "wfd/A1")
    assert assignment.head_tree != assignment.base_tree
