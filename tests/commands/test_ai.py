"""AIs by hand: defined, labelled, disabled, resumed, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError
from tests.store.ending import end
from tests.store.ground import Ground
from tests.store.test_holds import events, has_ais, holds

from wfd.commands.ai import listed
from wfd.config import Config
from wfd.domain.ai import Ai
from wfd.domain.errors import BadInput, Conflict, NotAllowed, NotFound
from wfd.domain.outcome import Kind

MINUTE = 60_000


def ais(ground: Ground) -> dict[str, dict[str, Any]]:
    found = ground.do(lambda tx: listed(tx, ground.settings.house, ground.now, with_spend=True))
    return {str(one["name"]): one for one in found}


def test_each_harness_is_an_ai_where_nobody_has_defined_one(ground: Ground) -> None:
    assert list(ais(ground)) == ["claude", "codex", "gemini", "sim"]
    assert {one["origin"] for one in ais(ground).values()} == {"implied"}


def test_one_that_is_registered_is_there_with_all_that_was_said(ground: Ground) -> None:
    answer = ground.send(
        "ai.register", name="work", harness="claude", account="firm", labels=["strong"],
        capabilities=["vision"], limit=2, env={"ANTHROPIC_API_KEY": "WORK_KEY"}, model="opus",
    )  # fmt: skip
    assert answer == {"ai": "work", "created": True}
    assert ground.send("ai.register", name="work", harness="codex")["created"] is False
    ground.send("ai.register", name="work", harness="claude", account="firm", limit=2)
    work = ais(ground)["work"]
    assert (work["harness"], work["account"], work["limit"]) == ("claude", "firm", 2)
    assert (work["labels"], work["origin"], work["stand"]) == ([], "registered", "free")
    assert events(ground, "ai.") == ["ai.registered"] * 3


@pytest.mark.parametrize("env", [{"A": "sk-ant-T0PSECRET"}, {"sk-ant-T0PSECRET": "A"}, {"A": ""}])
def test_what_is_no_name_of_a_variable_is_refused_and_not_repeated(
    ground: Ground, env: dict[str, str | None]
) -> None:
    with pytest.raises(BadInput, match="names of variables") as told:
        ground.send("ai.register", name="work", harness="claude", env=env)
    assert "T0PSECRET" not in str(told.value)
    assert "work" not in ais(ground)


def test_an_ai_has_what_its_harness_is_set_to_where_it_says_nothing_itself(
    ground: Ground,
) -> None:
    own = Ai("sim", "sim", "sim", model="m", binary="/opt/sim", pass_env=("A",), max_turns=9)
    house = replace(ground.settings.house, harness_ais={"sim": own})
    ground.settings = replace(ground.settings, house=house)
    ground.send("ai.register", name="spare", harness="sim", model="other")
    ground.create(type="plan", ai="spare")
    [lease] = ground.take().leases
    assert (lease.ai.model, lease.ai.binary, lease.ai.max_turns) == ("other", "/opt/sim", 9)
    assert lease.ai.pass_env == ("A",)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"name": "a,b"}, "not a valid name for an AI"),
        ({"name": "x", "harness": "clod"}, "no harness 'clod'"),
        ({"name": "x", "harness": "sim", "account": "a b"}, "not a valid name for an account"),
        ({"name": "x", "harness": "sim", "labels": [""]}, "not a valid name for a label"),
        ({"name": "x", "harness": "sim", "limit": 0}, "1 or more"),
    ],
)
def test_a_definition_that_is_off_is_refused(
    ground: Ground, values: dict[str, Any], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        ground.send("ai.register", **values)


def test_what_stands_in_the_configuration_is_changed_there(ground: Ground) -> None:
    has_ais(ground, Ai("work", "sim", "sim"))
    with pytest.raises(NotAllowed, match=r"change it there, under ais\.work"):
        ground.send("ai.register", name="work", harness="sim")
    with pytest.raises(NotAllowed, match=r"under ais\.work"):
        ground.send("ai.unregister", name="work")


def test_labels_are_added_to_and_taken_from_those_of_the_definition(ground: Ground) -> None:
    has_ais(ground, Ai("work", "sim", "sim", labels=frozenset({"strong", "eu"})))
    answer = ground.send("ai.label", name="work", add=["fast"], remove=["eu"])
    assert answer == {"ai": "work", "labels": ["fast", "strong"]}
    assert ais(ground)["work"]["labels"] == ["fast", "strong"]
    ground.send("ai.label", name="work", add=["eu"], remove=["fast"])
    assert ais(ground)["work"]["labels"] == ["eu", "strong"]
    ground.create(type="plan", labels=["eu"])
    assert [lease.run.ai for lease in ground.take().leases] == ["work"]


def test_only_one_that_is_registered_and_has_no_run_on_is_unregistered(ground: Ground) -> None:
    ground.send("ai.register", name="spare", harness="sim")
    ground.create(type="plan", ai="spare")
    [lease] = ground.take().leases
    with pytest.raises(Conflict, match="1 runs in progress"):
        ground.send("ai.unregister", name="spare")
    end(ground, lease.run, Kind.SUCCEEDED)
    ground.send("ai.unregister", name="spare")
    assert "spare" not in ais(ground)
    with pytest.raises(NotAllowed, match="was never registered"):
        ground.send("ai.unregister", name="sim")


def test_resume_lifts_the_hold_of_its_account_and_all_go_on(ground: Ground) -> None:
    has_ais(ground, Ai("work", "sim", "a"), Ai("also", "sim", "a"))
    ground.create(type="plan", ai="work")
    end(ground, ground.take().leases[0].run, Kind.RATE_LIMITED, reset_at=ground.now + MINUTE)
    assert ais(ground)["also"]["stand"] == "held"
    assert ais(ground)["work"]["waiting"] == 1
    assert ground.send("ai.resume", name="also")["holds"] == 1
    assert holds(ground) == []
    assert [lease.job.id for lease in ground.take().leases] == [1]
    assert events(ground, "hold.") == ["hold.placed", "hold.lifted"]


@pytest.mark.parametrize("command", ["label", "disable", "enable", "resume", "unregister"])
def test_a_name_that_nobody_has_is_answered_with_those_that_there_are(
    ground: Ground, command: str
) -> None:
    with pytest.raises(NotFound, match=r"no AI 'clod'.*known: claude, codex"):
        ground.send(f"ai.{command}", name="clod")


def test_a_list_tells_what_runs_cost_and_what_is_not_measured(ground: Ground) -> None:
    ground.create(type="plan")
    [lease] = ground.take().leases
    born = {"pid": 1, "pid_start": 1, "boot_id": "b", "containment": "off", "now": ground.now}
    ground.do(lambda tx: tx.run("record_spawn", id=lease.run.id, **born))
    assert ais(ground)["sim"]["running"] == 1
    end(ground, lease.run, Kind.SUCCEEDED)
    [lease] = ground.take().leases
    end(ground, lease.run, Kind.TIMED_OUT, cost_usd=0.25)
    sim = ais(ground)["sim"]
    assert (sim["runs"], sim["cost_usd"], sim["unmeasured"]) == (2, 0.25, 1)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"ai": "clod"}, "no AI 'clod'"),
        ({"ai": "sim", "harness": "sim"}, "exclude each other"),
        ({"labels": ["strong"]}, "no AI of .* has all of: strong"),
        ({"ai": "sim", "capabilities": ["vision"]}, "no AI of sim has all of: vision"),
    ],
)
def test_a_job_that_asks_for_what_is_nowhere_is_refused(
    ground: Ground, values: dict[str, Any], why: str
) -> None:
    of = ground.create(type="plan")
    with pytest.raises(BadInput, match=why):
        ground.insert(of, **values)
    with pytest.raises(BadInput, match=why):
        ground.create(type="plan", **values)
    with pytest.raises(BadInput, match="describe a first job"):
        ground.create(**values)


def test_a_retry_asks_for_the_same_ai(ground: Ground) -> None:
    ground.send("ai.register", name="spare", harness="sim", labels=["eu"])
    of = ground.create(type="plan", labels=["eu"])
    ground.send("cancel_job", job=1)
    ground.send("retry_job", job=1)
    assert ground.jobs(of)[-1].needs == ground.job(1).needs == '{"labels": ["eu"]}'


@pytest.mark.parametrize("name", ["hand", "merge"])
def test_what_means_no_ai_cannot_be_the_name_of_one(ground: Ground, name: str) -> None:
    with pytest.raises(BadInput, match=f"'{name}' is reserved"):
        ground.send("ai.register", name=name, harness="sim")
    with pytest.raises(ValidationError, match="reserved"):
        Config.model_validate({"ais": {name: {"harness": "sim"}}})
