from collections.abc import Sequence

import pytest
from tests.rules.rows import BASE, HEAD, a_verdict, an_evidence

from wfd.domain.evidence import Evidence, EvidenceKind
from wfd.rules.gates import open_gates
from wfd.rules.policy import Gates

STRICT = Gates(review=False)
LENIENT = Gates(checks="no_new_failures", review=False)


def whys(
    evidence: Sequence[Evidence],
    gates: Gates,
    *,
    head: str | None = HEAD,
    names: Sequence[str] = ("unit",),
) -> dict[str, str]:
    found = open_gates(evidence, head_tree=head, base_tree=BASE, gates=gates, check_names=names)
    return {gate.name: gate.why for gate in found}


def check(ok: bool, **over: object) -> Evidence:
    return an_evidence(ok=ok, exit_code=0 if ok else 1, **over)


def baseline(ok: bool, **over: object) -> Evidence:
    return check(ok, kind=EvidenceKind.BASELINE, tree=BASE, **over)


def test_a_green_check_at_the_head_closes_the_gate() -> None:
    assert whys([check(True)], STRICT) == {}


def test_a_red_check_is_named_with_its_exit() -> None:
    assert whys([check(False)], STRICT) == {"checks": "unit is red (exit 1)"}


def test_a_check_that_timed_out_says_so() -> None:
    red = an_evidence(ok=False, exit_code=None)
    assert whys([red], STRICT) == {"checks": "unit is red (timed out)"}


def test_a_green_check_of_an_earlier_tree_proves_nothing() -> None:
    assert whys([check(True, tree="older")], STRICT) == {
        "checks": "unit was not run since the last change"
    }


def test_the_newest_run_of_a_check_counts() -> None:
    assert whys([check(True, id=1), check(False, id=2)], STRICT)
    assert not whys([check(True, id=2), check(False, id=1)], STRICT)


def test_every_configured_check_must_be_there() -> None:
    why = whys([check(True)], STRICT, names=("unit", "lint"))
    assert why == {"checks": "lint was not run since the last change"}


def test_without_configured_checks_there_is_no_gate_for_them() -> None:
    assert whys([], STRICT, names=()) == {}


def test_checks_can_be_off() -> None:
    assert whys([check(False)], Gates(checks="off", review=False)) == {}


@pytest.mark.parametrize(
    ("before", "now", "is_open"),
    [(True, True, False), (True, False, True), (False, False, False), (False, True, False)],
)
def test_no_new_failures_compares_with_the_base(before: bool, now: bool, is_open: bool) -> None:
    why = whys([baseline(before, id=1), check(now, id=2)], LENIENT)
    assert bool(why) is is_open


def test_a_strict_gate_is_not_excused_by_a_red_base() -> None:
    assert whys([baseline(False, id=1), check(False, id=2)], STRICT)


def test_without_a_baseline_no_failure_is_old() -> None:
    assert "no baseline" in whys([check(False)], LENIENT)["checks"]


def test_no_new_failures_still_wants_the_checks_run() -> None:
    assert whys([baseline(False)], LENIENT) == {"checks": "unit was not run since the last change"}


@pytest.mark.parametrize("head", [BASE, None])
def test_where_nothing_changed_the_baseline_is_the_evidence(head: str | None) -> None:
    assert whys([baseline(True)], STRICT, head=head) == {}
    assert whys([baseline(False)], STRICT, head=head) == {"checks": "unit is red (exit 1)"}
    assert whys([baseline(False)], LENIENT, head=head) == {}
    assert whys([], LENIENT, head=head) == {}


def test_a_baseline_says_nothing_of_a_changed_tree() -> None:
    assert whys([baseline(True)], STRICT)


def test_a_review_is_wanted_for_the_very_tree() -> None:
    wants_review = Gates(checks="off")
    assert whys([a_verdict()], wants_review) == {}
    assert whys([a_verdict(tree="older")], wants_review) == {
        "review": "no review with a valid verdict since the last change"
    }


def test_a_review_applies_even_when_nothing_changed() -> None:
    assert "review" in whys([], Gates(checks="off"), head=BASE)


def test_a_failed_verdict_keeps_its_gate_open_with_the_count_of_findings() -> None:
    tail = '[{"type": "style", "file": null, "line": null, "detail": "x"}]'
    why = whys([a_verdict(False, "uat", tail)], Gates(checks="off", review=False, uat=True))
    assert why == {"uat": "the last uat failed with 1 finding"}


def test_the_newest_verdict_counts() -> None:
    wants_review = Gates(checks="off")
    assert whys([a_verdict(True, id=1), a_verdict(False, id=2)], wants_review)
    assert not whys([a_verdict(False, id=1), a_verdict(True, id=2)], wants_review)


def test_a_review_is_no_uat() -> None:
    assert set(whys([a_verdict()], Gates(checks="off", uat=True))) == {"uat"}


def test_evidence_without_a_tree_proves_nothing() -> None:
    found = open_gates(
        [an_evidence(tree=None), a_verdict(tree=None)],
        head_tree=None,
        base_tree=None,
        gates=Gates(),
        check_names=["unit"],
    )
    assert [gate.name for gate in found] == ["checks", "review"]
