"""A question in an agent's answer: read leniently, bounded, and never made up."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfd.rules.asking import MAX_OPTION, MAX_OPTIONS, MAX_QUESTION, Asked, options_of, read


def block(body: str, info: str = "json wfd-question") -> str:
    return f"I did half.\n\n```{info}\n{body}\n```\nThanks."


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ('{"question": "Which?", "options": ["a", "b"]}', Asked("Which?", ("a", "b"))),
        ('{"question": " Which? ", "options": null}', Asked("Which?", ())),
        ('{"question": "Which?"}', Asked("Which?", ())),
        ('{"question": "Which?", "options": "a"}', Asked("Which?", ())),
        ('{"question": "Which?", "options": ["a", 3, "", "a"]}', Asked("Which?", ("a",))),
        ('{"question": "Which?", "why": "I do not know"}', Asked("Which?", ())),
    ],
)
def test_a_question_is_read(body: str, asked: Asked) -> None:
    assert read(block(body)) == asked
    assert read(block(body, "JSON  Wfd-Question")) == asked


@pytest.mark.parametrize(
    "text",
    [
        "Which wfd-question?",
        block('{"question": "Which?"}', "json"),
        block('{"question": "Which?"}', "wfd-question"),
        block('{"question": ""}'),
        block('{"options": ["a"]}'),
        block('["Which?"]'),
        block("{"),
        '```json wfd-question\n{"question": "Which?"}',
    ],
)
def test_what_is_no_question_is_just_text(text: str) -> None:
    assert read(text) is None


def test_of_several_the_last_that_can_be_read_counts() -> None:
    text = block('{"question": "One?"}') + block('{"question": "Two?"}') + block("{")
    assert read(text) == Asked("Two?", ())


def test_a_question_is_bounded() -> None:
    long = {"question": "x" * 10**6, "options": ["y" * 10**4] + [str(n) for n in range(100)]}
    asked = read(block(json.dumps(long)))
    assert asked is not None
    assert len(asked.text) < MAX_QUESTION + 100
    assert len(asked.options) == MAX_OPTIONS and len(asked.options[0]) == MAX_OPTION


def test_an_answer_full_of_open_fences_is_read_in_time() -> None:
    began = time.monotonic()
    assert read("wfd-question\n" + "```json wfd-question\n{\n" * 200_000) is None
    assert time.monotonic() - began < 5


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_whatever_an_agent_gives_as_options_is_a_list_of_texts(value: object) -> None:
    options = options_of(value)
    assert len(options) <= MAX_OPTIONS and all(options)
