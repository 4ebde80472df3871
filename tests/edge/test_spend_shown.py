"""What was spent, what is left, and until when a cap holds, as wfctl shows it."""

import json
from pathlib import Path

import pytest
from tests.edge.shelf import Call, Shelf

from wfd.commands.queue import get_assignment
from wfd.commands.today import pause_for_today
from wfd.domain.ids import AssignmentId
from wfd.ports import Tx

UNTIL = "2027-01-16T00:00:00.000Z"


def used(tx: Tx, *, cost_usd: float | None, is_pm: bool = False) -> None:
    tx.one(
        int, "count_run", id=1, is_pm=is_pm, wall_ms=60_000, cost_usd=cost_usd,
        is_unmeasured=cost_usd is None, tokens=1_500_000, head_commit=None, head_tree=None,
    )  # fmt: skip


@pytest.fixture
def spent(shelf: Shelf) -> Shelf:
    """Two jobs' runs and the PM's, one of them with a cost that nobody told."""
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    shelf.work(lambda tx: used(tx, cost_usd=0.3))
    shelf.work(lambda tx: used(tx, cost_usd=None))
    shelf.work(lambda tx: used(tx, cost_usd=0.1, is_pm=True))
    return shelf


def test_the_list_shows_tokens_the_pms_share_and_how_many_runs_told_no_cost(
    spent: Shelf, wfctl: Call
) -> None:
    [row] = wfctl("assignments").out.splitlines()
    cells = row.split("\t")
    assert cells[5:8] == ["$0.4000 + 1 run not reported", "4500000", "0.333"]
    [document] = json.loads(wfctl("assignments", "--json").out)
    assert (document["tokens"], document["pm_tokens"]) == (4_500_000, 1_500_000)


def test_the_page_shows_what_is_left_of_each_cap(spent: Shelf, wfctl: Call) -> None:
    lines = wfctl("assignment", "A1").out.splitlines()
    assert "cost\t$0.4000 + 1 run not reported" in lines
    assert "tokens\t4,500,000" in lines
    assert "pm_share\t33% of the tokens" in lines
    assert "left\t95,500,000 of 100,000,000 tokens" in lines
    left = json.loads(wfctl("assignment", "A1", "--json").out)["left"]
    assert left[0] == "19 of 20 jobs"
    assert left[2].endswith("0.40 USD reported (1 run not reported, which is not zero)")


def test_a_cost_that_no_run_told_is_not_shown_as_nothing(shelf: Shelf, wfctl: Call) -> None:
    shelf.write("create", namespace="blue", north_star="green", type="plan", context="look")
    assert "none yet" in wfctl("assignments").out
    shelf.work(lambda tx: used(tx, cost_usd=None))
    assert "not reported by 1 run" in wfctl("assignments").out
    assert "tokens\t1,500,000" in wfctl("assignment", "A1").out


def test_what_waits_for_the_next_day_says_so_and_not_only_for_a_person(
    spent: Shelf, wfctl: Call
) -> None:
    spent.work(lambda tx: pause_for_today(tx, get_assignment(tx, AssignmentId(1)), "enough"))
    waits = json.loads(wfctl("job", "1", "--json").out)["waits"]
    assert waits["released_by"].startswith("the daemon, 2027-01-1")
    assert waits["released_by"].endswith("or a person: wfctl update-assignment A1 --status active")
    assert json.loads(wfctl("queue", "--json").out)[0]["assignment_resumes_at"] == UNTIL
    assert json.loads(wfctl("assignment", "1", "--json").out)["assignment"]["resumes_at"] == UNTIL


def test_config_show_tells_the_gates_and_caps_that_count_and_who_set_them(
    shelf: Shelf, wfctl: Call, tmp_path: Path
) -> None:
    shelf.write("create", namespace="blue", north_star="green")
    (tmp_path / "config").mkdir()
    own = tmp_path / "config" / "config.json"
    own.write_text('{"caps": {"jobs": 7, "costUsd": null}, "gates": {"uat": true}}')
    shelf.work(lambda tx: tx.run("set_allowance", id=1, allowance='{"jobs": 7}'))

    told = json.loads(wfctl("config", "show", "--origin", "--json").out)
    of_a1 = json.loads(wfctl("config", "show", "--origin", "--json", "--assignment", "A1").out)

    assert told["caps.jobs"] == {"value": 7, "origin": str(own)}
    assert told["caps.costUsd"]["value"] == 20.0
    assert told["caps.costUsd"]["origin"].endswith("policies/default.yaml")
    assert told["gates.uat"] == {"value": True, "origin": str(own)}
    assert told["gates.review"]["value"] is True
    assert of_a1["caps.jobs"] == {"value": 14, "origin": "allowance of A1 over 7"}
    assert "caps.tokens\t100000000\n" in wfctl("config", "show").out
