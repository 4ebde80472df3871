"""The router: who takes a job, by which rule, and that nobody does who may not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wfd.domain.ai import Ai, Origin
from wfd.rules.route import (
    GONE,
    OPEN,
    Chosen,
    Needs,
    Nobody,
    Stand,
    Standing,
    Usual,
    Verdict,
    Waiting,
    as_json,
    fits_elsewhere,
    needs_of,
    route,
)

CLAUDE = Usual("claude")


def an_ai(name: str, stand: Stand = Stand.FREE, **over: Any) -> Standing:
    load = {key: over.pop(key) for key in ("running", "last_used_at", "until") if key in over}
    labels, capabilities = over.pop("labels", ""), over.pop("capabilities", "")
    ai = Ai(
        name, over.pop("harness", name), over.pop("account", name),
        labels=frozenset(labels.split()), capabilities=frozenset(capabilities.split()),
        **{"origin": Origin.CONFIGURED, **over},
    )  # fmt: skip
    return Standing(ai, stand, places=ai.limit or 4, why=f"it is {stand}", **load)


def sent(
    *ais: Standing, needs: Needs | None = None, usual: Usual = CLAUDE, before: str | None = None
) -> Verdict:
    known = {one.ai.name: one for one in ais}
    return route(needs or Needs(), usual, "implement", known, before)


def taker(verdict: Verdict) -> str:
    assert isinstance(verdict, Chosen), verdict
    return verdict.ai.name


def test_the_default_of_its_type_takes_a_job() -> None:
    verdict = sent(an_ai("claude"), an_ai("codex"))
    assert taker(verdict) == "claude"
    assert isinstance(verdict, Chosen)
    assert verdict.rule == "the default of implement"
    assert verdict.had_choice


def test_a_harness_as_default_means_all_its_ais_and_the_least_loaded_goes_first() -> None:
    work = an_ai("claude-work", harness="claude", running=1, limit=4)
    home = an_ai("claude-home", harness="claude", running=1, limit=2)
    verdict = sent(work, home)
    assert taker(verdict) == "claude-work"
    assert isinstance(verdict, Chosen)
    assert verdict.rule == "the default of implement; the least loaded of 2"


def test_an_ai_of_the_name_of_a_harness_is_meant_by_it_alone() -> None:
    verdict = sent(an_ai("claude", running=3), an_ai("claude-work", harness="claude"))
    assert taker(verdict) == "claude"


def test_of_equal_load_the_one_used_longest_ago_and_then_the_name_decides() -> None:
    a = an_ai("a", harness="claude", last_used_at=9)
    b = an_ai("b", harness="claude", last_used_at=5)
    assert taker(sent(a, b)) == "b"
    assert taker(sent(b, an_ai("c", harness="claude", last_used_at=5))) == "b"


def test_only_those_that_could_not_take_it_were_passed_over() -> None:
    ais = [an_ai(name, harness="claude") for name in ("a", "b", "c")]
    verdict = sent(*ais, an_ai("d", Stand.HELD, harness="claude"), an_ai("sim"))
    assert isinstance(verdict, Chosen)
    assert verdict.rule == "the default of implement; the least loaded of 3"
    assert [one.ai for one in verdict.passed] == ["d"]
    assert verdict.had_choice
    alone = sent(an_ai("claude"))
    assert isinstance(alone, Chosen)
    assert not alone.had_choice


@pytest.mark.parametrize("stand", sorted(GONE))
def test_another_takes_over_for_one_that_is_held_broken_or_disabled(stand: Stand) -> None:
    verdict = sent(an_ai("claude", stand), an_ai("codex"))
    assert taker(verdict) == "codex"
    assert isinstance(verdict, Chosen)
    assert verdict.rule == f"it takes over for claude, which is {stand}"
    assert verdict.passed[0].why == f"it is {stand}"


def test_for_one_that_is_merely_at_its_limit_the_job_waits() -> None:
    verdict = sent(an_ai("claude", Stand.FULL), an_ai("codex"))
    assert isinstance(verdict, Waiting)
    assert verdict.names == ("claude",)
    held = an_ai("claude-home", Stand.HELD, harness="claude")
    work = an_ai("claude-work", Stand.FULL, harness="claude")
    assert isinstance(sent(held, work, an_ai("codex")), Waiting)


def test_a_harness_that_nobody_has_defined_takes_over_for_nobody() -> None:
    implied = an_ai("codex", origin=Origin.IMPLIED)
    verdict = sent(an_ai("claude", Stand.HELD, origin=Origin.IMPLIED), implied)
    assert isinstance(verdict, Waiting)
    assert verdict.names == ("claude",)


def test_a_job_that_names_its_ai_or_its_harness_goes_nowhere_else() -> None:
    ais = [an_ai("claude"), an_ai("work", Stand.HELD, harness="claude"), an_ai("codex")]
    assert sent(*ais, needs=Needs(ai="work")) == Waiting(("work",), sent_passed(ais[1]))
    assert taker(sent(*ais, needs=Needs(harness="codex"))) == "codex"
    assert taker(sent(*ais, needs=Needs(harness="claude"))) == "claude"


def sent_passed(*ais: Standing) -> Any:
    verdict = sent(*ais, needs=Needs(ai=ais[0].ai.name))
    assert isinstance(verdict, Waiting)
    return verdict.passed


def test_labels_and_capabilities_of_the_job_and_of_its_type_must_all_be_there() -> None:
    ais = [an_ai("claude"), an_ai("big", labels="strong eu"), an_ai("eyes", capabilities="vision")]
    assert taker(sent(*ais, needs=Needs(labels=frozenset({"strong", "eu"})))) == "big"
    assert taker(sent(*ais, usual=Usual("claude", capabilities=frozenset({"vision"})))) == "eyes"
    verdict = sent(*ais, needs=Needs(labels=frozenset({"strong"})),
                   usual=Usual("claude", capabilities=frozenset({"vision"})))  # fmt: skip
    assert isinstance(verdict, Nobody)
    assert "the label 'strong' and the capability 'vision'" in verdict.reason


def test_names_that_nobody_has_are_answered_with_those_that_there_are() -> None:
    ais = [an_ai("claude"), an_ai("codex")]
    for needs, usual in (
        (Needs(ai="clod"), CLAUDE), (Needs(harness="clod"), CLAUDE), (Needs(), Usual("clod")),
    ):  # fmt: skip
        verdict = sent(*ais, needs=needs, usual=usual)
        assert isinstance(verdict, Nobody)
        assert "'clod'" in verdict.reason
        assert "known: claude, codex" in verdict.reason


def test_a_job_stays_with_the_ai_that_has_its_session() -> None:
    a, b = an_ai("a", harness="claude"), an_ai("b", harness="claude", running=3)
    assert taker(sent(a, b, before="b")) == "b"
    held = an_ai("b", Stand.HELD, harness="claude")
    assert taker(sent(a, held, before="b")) == "a"


def test_a_probe_that_is_due_goes_before_an_ai_that_works() -> None:
    due = an_ai("a", Stand.PROBE, harness="claude")
    verdict = sent(due, an_ai("b", harness="claude"))
    assert isinstance(verdict, Chosen)
    assert (verdict.ai.name, verdict.is_probe) == ("a", True)


def test_an_ai_that_is_only_held_is_one_to_wait_for_and_a_broken_one_is_not() -> None:
    for stand, fits in ((Stand.HELD, True), (Stand.BROKEN, False), (Stand.DISABLED, False)):
        ais = {"claude": an_ai("claude", Stand.BROKEN), "codex": an_ai("codex", stand)}
        verdict = route(Needs(), CLAUDE, "implement", ais)
        assert fits_elsewhere(verdict, ais) is fits


def test_what_a_job_needs_survives_its_column() -> None:
    needs = Needs(ai="a", labels=frozenset({"x"}), capabilities=frozenset({"y", "z"}))
    assert needs_of(as_json(needs), None) == needs
    assert as_json(Needs(harness="codex")) is None
    assert needs_of(None, "codex") == Needs(harness="codex")


words = st.sets(st.sampled_from(["x", "y", "z"])).map(frozenset)
harnesses = st.sampled_from(["claude", "codex"])


@st.composite
def rosters(draw: st.DrawFn) -> dict[str, Standing]:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1))
    return {
        name: Standing(
            Ai(name, draw(harnesses), draw(st.sampled_from("pq")), labels=draw(words),
               capabilities=draw(words), origin=draw(st.sampled_from(Origin))),
            draw(st.sampled_from(Stand)),
            running=draw(st.integers(0, 5)),
            last_used_at=draw(st.integers(0, 3)),
        )
        for name in names
    }  # fmt: skip


@given(
    ais=rosters(),
    needs=st.builds(Needs, st.none() | st.sampled_from("abc"), st.none() | harnesses, words, words),
    usual=st.builds(Usual, harnesses | st.sampled_from("abc"), words, words),
    before=st.none() | st.sampled_from("abcdef"),
)
@settings(max_examples=400, deadline=None)
def test_a_job_never_goes_to_an_ai_that_lacks_a_need_is_held_broken_disabled_or_full(
    ais: dict[str, Standing], needs: Needs, usual: Usual, before: str | None
) -> None:
    verdict = route(needs, usual, "implement", ais, before)
    match verdict:
        case Chosen(ai=ai):
            assert ais[ai.name].stand in OPEN
            assert needs.labels | usual.labels <= ai.labels
            assert needs.capabilities | usual.capabilities <= ai.capabilities
            assert needs.ai in (None, ai.name)
            if needs.ai is None:
                assert needs.harness in (None, ai.harness)
            assert ai.name not in {one.ai for one in verdict.passed}
        case Waiting():
            assert verdict.names
            assert all(ais[name].stand not in OPEN for name in verdict.names)
        case Nobody():
            assert verdict.reason
