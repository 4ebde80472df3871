"""Loops that turn without moving are ended, however busy they look."""

import json
from collections.abc import Sequence

import pytest
from tests.rules.rows import HEAD, a_decision, a_job, a_verdict, an_evidence, some_facts

from wfd.domain.decision import Decision
from wfd.domain.evidence import Evidence
from wfd.domain.job import By, JobState
from wfd.rules.decision import Block, InsertJob, PmDecision, Proceed, Retry, refusal
from wfd.rules.facts import Facts
from wfd.rules.policy import Caps

MEND = InsertJob("implement", None, "mend what it found", "the review failed")
ON = Proceed("it is in line already")
ASK = Block("How shall this go on?", "it turns in circles")


def fail(number: int, *places: tuple[str, str], detail: str | None = None) -> Evidence:
    """The review of a tree of its own, with findings in words of their own."""
    found = [
        {"type": type_, "file": file, "detail": detail or f"complaint {number}"}
        for type_, file in places
    ]
    return a_verdict(
        False, id=number, tree=f"tree-{number}", tail=json.dumps(found), created_at=number
    )


def after(
    fails: Sequence[Evidence], decisions: Sequence[Decision] = (), caps: Caps | None = None
) -> Facts:
    return some_facts(evidence=[*fails], decisions=[*decisions], caps=caps or Caps())


def ends(facts: Facts, decision: PmDecision = MEND) -> str | None:
    assert refusal(ASK, facts) is None, "what has stopped can always ask"
    return refusal(decision, facts)


def test_27_reviews_that_never_agree_end_at_the_fifth_though_each_finds_something_new() -> None:
    fails: list[Evidence] = []
    while len(fails) < 27 and not ends(after(fails)):
        fails.append(fail(len(fails) + 1, ("other", f"{len(fails)}.py")))
    assert len(fails) == Caps().reviews == 5


def test_the_same_rejection_twice_ends_the_loop() -> None:
    once = fail(1, ("style", "a.py"), detail="Too long.")
    again = fail(2, ("style", "a.py"), ("docs", "b.md"), detail="too  LONG.")
    assert ends(after([once])) is None
    assert "has found the same twice (style)" in (ends(after([once, again])) or "")


def test_the_same_places_in_other_words_end_the_loop_at_the_third_time() -> None:
    places = [("spec_violation", "a.py"), ("style", "b.py")]
    two = [fail(1, *places), fail(2, *reversed(places))]
    assert ends(after(two)) is None, "two different faults may lie in one file"
    elsewhere = fail(3, ("spec_violation", "c.py"))
    assert ends(after([*two, elsewhere])) is None
    third = fail(4, *places)
    assert "complained of the same places 3 times" in (ends(after([*two, third])) or "")


def test_findings_without_a_file_are_not_taken_for_the_same_place() -> None:
    vague = [a_verdict(False, id=n, tree=str(n), tail="[]", created_at=n) for n in range(1, 5)]
    assert ends(after(vague)) is None


def test_a_person_who_speaks_begins_a_new_count() -> None:
    fails = [fail(n, ("other", f"{n}.py")) for n in range(1, 6)]
    assert ends(after(fails)) is not None
    assert ends(after(fails, [a_decision(created_at=5)])) is None
    by_pm = a_decision(created_at=5, by=By.PM)
    assert ends(after(fails, [by_pm])) is not None


def test_reviews_and_uats_share_one_count_and_a_pass_does_not_begin_a_new_one() -> None:
    names = ["review", "uat", "review", "uat"]
    fails = [
        a_verdict(False, name=name, id=n, tree=f"t{n}", created_at=n)
        for n, name in enumerate(names, start=1)
    ]
    passed = a_verdict(True, id=5, tree="t5", created_at=5)
    last = a_verdict(False, name="uat", id=6, tree="t5", created_at=6)
    assert ends(after([*fails, passed])) is None
    assert "5 verdicts have failed it" in (ends(after([*fails, passed, last])) or "")


def test_a_cap_of_its_own_bounds_the_reviews() -> None:
    fails = [fail(1, ("other", "1.py")), fail(2, ("other", "2.py"))]
    assert "the cap is 2" in (ends(after(fails, caps=Caps(reviews=2))) or "")


@pytest.mark.parametrize(
    "decision",
    [
        InsertJob("review", None, "look once more", "maybe it was a mistake"),
        Retry("look at it from another side", "maybe it was a mistake"),
    ],
)
def test_a_review_without_a_new_commit_is_refused_also_on_a_tree_that_came_back(
    decision: PmDecision,
) -> None:
    here = a_verdict(False, id=1, tree=HEAD, created_at=1)
    elsewhere = a_verdict(True, id=2, tree="another", created_at=2)
    facts = some_facts(
        jobs=[a_job(type="review", state=JobState.DONE)],
        evidence=[an_evidence(id=3), here, elsewhere],
    )
    assert "review has failed this very tree" in (refusal(decision, facts) or "")


def test_what_a_person_has_put_in_line_goes_on_and_what_the_pm_has_does_not() -> None:
    fails = [fail(n, ("other", f"{n}.py")) for n in range(1, 6)]
    closed = a_job()
    in_line = {"id": 2, "state": JobState.WAITING, "closed_at": None}
    mine = some_facts(evidence=fails, jobs=[closed, a_job(**in_line, created_by=By.PM)])
    theirs = some_facts(evidence=fails, jobs=[closed, a_job(**in_line, created_by=By.PERSON)])
    assert "5 verdicts have failed it" in (ends(mine, ON) or "")
    assert ends(theirs, ON) is None
