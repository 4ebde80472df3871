"""README.md names what there is, and nothing else."""

import re
from collections.abc import Iterator

import click
import pytest
import yaml
from tests.docs.documents import ROOT, code_in, only_code, table, text_of

from wfd.cli import wfd_command
from wfd.ctl import wfctl
from wfd.domain.errors import WfdError
from wfd.domain.outcome import Kind

DOCUMENTS = sorted(
    str(file.relative_to(ROOT)) for file in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
)
SUCCESS, INTERRUPTED = 0, 130


def test_every_command_has_one_line_and_no_other_has() -> None:
    told = [only_code(row[0]) for row in table("README.md", "command")]

    assert sorted(told) == sorted([*commands(wfd_command, "wfd"), *commands(wfctl, "wfctl")])


def test_every_exit_code_is_told() -> None:
    told = [int(row[0]) for row in table("README.md", "exit code")]
    codes = {error.exit_code for error in errors(WfdError)}

    assert told == sorted({SUCCESS, INTERRUPTED, *codes})


def test_every_outcome_is_told() -> None:
    assert [only_code(row[0]) for row in table("README.md", "outcome")] == list(Kind)


def test_what_follows_an_outcome_is_what_the_policy_says() -> None:
    rules = yaml.safe_load(text_of("policies/default.yaml"))["outcomes"]
    words = {
        "judge": "PM",
        "retry": "retried|resumes its session at the next start",
        "wait": "waits",
        "ask": "asks you|the same",
        "end": "nothing",
    }
    for kind, _, follows in table("README.md", "outcome"):
        rule = rules[only_code(kind)]
        assert re.search(words[rule["then"]], follows), kind
        if "same session" in follows or "fresh session" in follows:
            assert rule.get("resume", False) == ("same session" in follows), kind


def test_every_shipped_job_type_is_told() -> None:
    shipped = {file.stem for file in (ROOT / "templates" / "prompts").glob("*.md")}
    sentence = re.search(r"Shipped are (.+?)\. ", text_of("README.md"), re.DOTALL)

    assert sentence is not None
    assert set(code_in(sentence[1])) == shipped


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_a_document_names_is_there(name: str) -> None:
    missing = [path for path in paths_in(name) if not (ROOT / path).exists()]

    assert missing == []


def test_a_path_that_is_not_there_would_be_seen() -> None:
    assert "scripts/demo" in list(paths_in("README.md"))
    assert not (ROOT / "scripts/no-such-script").exists()


def commands(group: click.Group, prefix: str) -> Iterator[str]:
    """Every command that can be called, with the groups before its name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        elif not command.hidden:
            yield f"{prefix} {name}"


def errors(root: type[WfdError]) -> Iterator[type[WfdError]]:
    yield root
    for child in root.__subclasses__():
        yield from errors(child)


def paths_in(name: str) -> Iterator[str]:
    """Links, and what begins with a folder of the project; both from the project's root."""
    text = text_of(name)
    here = (ROOT / name).parent
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        yield str((here / link).resolve().relative_to(ROOT))
    rooms = r"\b(?:daemon|docs|policies|runners|scripts|templates|tests)/[\w./-]*\w"
    own = r"(?<![\w/.>~])" + rooms
    for path in re.findall(own, text):
        if not path.startswith("templates/prompts/audit"):  # the example of a user's own
            yield path
