import pytest

from wfd.domain.errors import Broken
from wfd.domain.template import Writes
from wfd.rules.prompt import parse_template, render

PATH = "templates/prompts/audit.md"


def rendered(body: str, front: str = "", **values: object) -> str:
    text = f"---\n{front}---\n{body}" if front else body
    return render(parse_template("audit", PATH, text), values)


def test_front_matter_is_read() -> None:
    text = (
        "---\nwrites: never\nchecks: [unit, lint]\nverdict: true\nfresh_session: false\n---\nAudit."
    )
    template = parse_template("audit", PATH, text)
    assert (template.type, template.path) == ("audit", PATH)
    assert template.writes is Writes.NEVER
    assert template.checks == ("unit", "lint")
    assert template.verdict
    assert not template.fresh_session
    assert (template.body, template.body_line) == ("Audit.", 7)


@pytest.mark.parametrize(
    ("front", "checks"),
    [
        ("checks: all\n", None),
        ("checks: none\n", ()),
        ("writes: must\n", None),
        ("writes: never\n", ()),
        ("verdict: false\n", None),
    ],
)
def test_what_may_write_is_checked_unless_told_otherwise(
    front: str, checks: tuple[str, ...] | None
) -> None:
    assert parse_template("audit", PATH, f"---\n{front}---\nAudit.").checks == checks


def test_a_template_needs_no_front_matter() -> None:
    template = parse_template("audit", PATH, "Audit it.\n---\nReally.")
    assert (template.writes, template.checks, template.verdict) == (Writes.MAY, None, False)
    assert (template.body, template.body_line) == ("Audit it.\n---\nReally.", 1)


def test_a_file_saved_on_another_system_reads_the_same() -> None:
    template = parse_template("audit", PATH, "\ufeff---\r\nwrites: never\r\n---\r\nAudit.\r\n")
    assert (template.writes, template.body) == (Writes.NEVER, "Audit.\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---\nwrites: may\nchekcs: all\n---\nx", ":3: no key 'chekcs' (did you mean 'checks'?)"),
        ("---\nwrites: maybe\n---\nx", ":2: writes: no value 'maybe' (did you mean 'may'?)"),
        ("---\n\nchecks: 3\n---\nx", ":3: checks: must be all, none or a list"),
        ("---\nverdict: sure\n---\nx", ":2: verdict: must be true or false"),
        ("---\nwrites: may\n", ":1: the front matter has no closing '---'"),
        ("---\n- a\n---\nx", ":2: the front matter must be 'key: value' lines"),
        ("---\nwrites: [\n---\nx", ":2: expected the node content"),
        ("---\nwrites: may\n---\nx\n{% if %}\n", ":5: Expected an expression"),
        ("---\nwrites: may\n---\n{{ x | qoute }}\n", ":4: No filter named 'qoute'"),
    ],
)
def test_a_mistake_is_told_by_file_line_and_reason(text: str, message: str) -> None:
    with pytest.raises(Broken) as raised:
        render(parse_template("audit", PATH, text), {"x": 1})
    assert f"{PATH}{message}" in str(raised.value)


def test_an_unknown_name_is_told_by_its_line_in_the_file() -> None:
    with pytest.raises(Broken) as raised:
        rendered("one\n\n{% if true %}\n  {{ foo }}\n{% endif %}\n", front="writes: may\n")
    assert str(raised.value) == f"{PATH}:7: 'foo' is undefined"


def test_an_unknown_name_inside_a_filter_is_told_by_its_line_too() -> None:
    with pytest.raises(Broken) as raised:
        rendered("one\n{{ foo.bar | quote('x') }}\n")
    assert str(raised.value) == f"{PATH}:2: 'foo' is undefined"


def test_a_template_that_fails_to_compute_is_told_by_its_line() -> None:
    with pytest.raises(Broken, match=r"audit\.md:2: ZeroDivisionError"):
        rendered("one\n{{ 1 / 0 }}\n")


@pytest.mark.parametrize(
    "body",
    [
        "Read {{ ''.__class__.__mro__ }}",
        "Read {% include '/etc/passwd' %}",
        "Read {{ values.append(1) }}",
        "Read {% for n in range(999999999) %}x{% endfor %}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(body: str) -> None:
    with pytest.raises(Broken):
        rendered(body, values=[])


def test_what_a_value_says_is_not_a_template() -> None:
    assert rendered("Do {{ context }}", context="{{ 7 * 7 }}") == "Do {{ 7 * 7 }}\n"


def test_nothing_is_escaped() -> None:
    assert rendered("Do {{ context }}", context="a < b & 'c'") == "Do a < b & 'c'\n"


@pytest.mark.parametrize("start", ["/clear", "  /clear", "# Title", "```\nx\n```"])
def test_a_prompt_always_begins_with_a_word(start: str) -> None:
    prompt = rendered("\n{{ context }}", context=start)
    assert prompt == f"Your task:\n\n{start.strip()}\n"


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(Broken, match="the prompt is empty"):
        rendered("{# nothing #}")


def test_half_a_character_does_not_break_the_prompt() -> None:
    assert rendered("Do {{ context }}", context="a\ud800b") == "Do a?b\n"
