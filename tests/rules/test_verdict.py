import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.rules.answer import last_block
from wfd.rules.verdict import SCHEMA, Verdict, evidence, findings, read

PASS = {"verdict": "pass", "findings": [], "summary": "fine"}
FAIL = {
    "verdict": "fail",
    "findings": [{"type": "docs", "file": "a.md", "line": 3, "detail": "out of date"}],
    "summary": "not yet",
}


def fenced(answer: object, info: str = "json") -> str:
    return f"Here it is:\n\n```{info}\n{json.dumps(answer, indent=1)}\n```\n"


def test_structured_output_is_read_first() -> None:
    verdict = read(PASS, fenced(FAIL))
    assert verdict is not None
    assert verdict.is_pass


def test_structured_output_may_be_text_as_the_store_keeps_it() -> None:
    assert read(json.dumps(PASS), "") == read(PASS, "")


def test_the_last_json_block_is_read_where_there_is_no_structured_output() -> None:
    verdict = read(None, fenced(PASS) + fenced(FAIL))
    assert verdict is not None
    assert not verdict.is_pass
    assert verdict.findings[0].line == 3


def test_a_whole_text_of_json_is_read() -> None:
    assert read(None, f"\n {json.dumps(PASS)} \n") == read(PASS, "")


@pytest.mark.parametrize(
    "text",
    [
        "I looked at everything and it passes.",
        '"verdict": "pass"',
        'The verdict is {"verdict": "pass", "findings": []}, I think.',
        fenced(PASS, info="python"),
        "```json\n" + json.dumps(PASS),  # cut off before its fence was closed
        "",
    ],
)
def test_prose_is_no_verdict(text: str) -> None:
    assert read(None, text) is None


@pytest.mark.parametrize("answer", [{}, {"verdict": "maybe"}, {"verdict": True}, [], "pass", 7])
def test_what_does_not_say_pass_or_fail_is_no_verdict(answer: object) -> None:
    assert read(answer, "") is None


def test_a_fail_without_findings_is_still_a_fail() -> None:
    verdict = read({"verdict": "fail"}, "")
    assert verdict is not None
    assert not verdict.is_pass


def test_a_finding_told_a_little_wrong_is_still_a_finding() -> None:
    odd = {"type": "typo", "line": "12-14", "detail": "there", "severity": "high"}
    verdict = read({"verdict": "FAIL", "findings": [odd], "mood": "low"}, "")
    assert verdict is not None
    assert (verdict.findings[0].type, verdict.findings[0].line) == ("other", None)


def test_a_block_inside_a_longer_fence_is_not_the_answer() -> None:
    quoted = f"````text\n```\n{fenced(PASS)}\n````\n"
    assert last_block(quoted) is None
    assert last_block(quoted + fenced(FAIL)) is not None


def test_a_verdict_becomes_evidence_and_its_findings_come_back() -> None:
    verdict = read(FAIL, "")
    assert verdict is not None
    kept = evidence(verdict, name="review", tree="t", commit_id="c")
    assert (kept.ok, kept.name, kept.tree) == (False, "review", "t")
    assert tuple(findings(kept.tail)) == verdict.findings


def test_a_broken_tail_has_no_findings() -> None:
    assert findings("[{") == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "verdict": st.sampled_from(["pass", "fail", "PASS "]) | JSON,
        "findings": st.lists(
            st.fixed_dictionaries(
                {}, optional={"type": JSON, "file": JSON, "line": JSON, "detail": JSON}
            )
        )
        | JSON,
        "summary": JSON,
    },
)


@given(JSON | NEARLY, st.text() | st.text(alphabet="`json\n{}[]\"': ,"))
def test_reading_never_raises(structured: object, text: str) -> None:
    assert isinstance(read(structured, text), Verdict | None)


def test_deep_nesting_is_no_verdict_and_no_crash() -> None:
    assert read(None, "[" * 100_000) is None
    assert read(None, "```json\n" * 50_000) is None


def test_the_schema_is_strict_all_the_way_down() -> None:
    assert_strict(SCHEMA)


def assert_strict(schema: Any) -> None:
    """As OpenAI's structured output wants it: all keys required, and none besides."""
    if isinstance(schema, dict):
        if "properties" in schema:
            assert schema["additionalProperties"] is False
            assert set(schema["required"]) == set(schema["properties"])
        for part in schema.values():
            assert_strict(part)
    elif isinstance(schema, list):
        for part in schema:
            assert_strict(part)
