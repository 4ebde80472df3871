"""How a person finds a command: sections, examples, and what they may have meant."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.edge.shelf import Call, Shelf

from wfd.cli import wfd_command
from wfd.ctl import wfctl as wfctl_group
from wfd.edge.command_map import ELSEWHERE, EXAMPLES, SECTIONS, names_of

PROGRAMS = {"wfd": wfd_command, "wfctl": wfctl_group}


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    with click.Context(group, info_name=path) as context:
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield f"{path} {name}", found
            if isinstance(found, click.Group):
                yield from commands(found, f"{path} {name}")


ALL = [(path, command) for name in PROGRAMS for path, command in commands(PROGRAMS[name], name)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_stands_in_a_section_of_its_help(program: str) -> None:
    group = PROGRAMS[program]
    with click.Context(group, info_name=program) as context:
        assert set(group.list_commands(context)) <= set(names_of(program))
    assert len(names_of(program)) == len(set(names_of(program)))


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_every_command_has_an_example_that_it_takes(
    path: str, command: click.Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = EXAMPLES[path]
    Path("stream.jsonl").touch()
    Path("wfd-backup.db").touch()
    words = shlex.split(example.replace("~/", ""))
    if words[0] == "eval":
        words = words[1].strip("$()").split()
    program = PROGRAMS[words[0]]
    with program.make_context(words[0], words[1:]) as context:
        taken: click.Command = program
        args = words[1:]
        while isinstance(taken, click.Group):
            name, found, args = taken.resolve_command(context, args)
            assert found is not None
            taken, context = found, click.Context(found, parent=context, info_name=name)
        taken.make_context(taken.name, args, parent=context.parent)


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_help_fits_into_80_columns(path: str, command: click.Command) -> None:
    with click.Context(command, info_name=path, terminal_width=80) as context:
        text = command.get_help(context)
    assert "Example:" in text
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_help_of_a_program_is_in_sections(program: str, wfd: Call, wfctl: Call) -> None:
    said = {"wfd": wfd, "wfctl": wfctl}[program]("--help")
    heads = [f"{head}:" for head, _ in SECTIONS[program]]
    at = [said.out.index(f"\n{head}\n") for head in heads]
    assert at == sorted(at)
    assert "Others:" not in said.out


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wfd create", "wfctl create"),
        ("wfctl start", "wfd start"),
        ("wfd Tail", "wfctl tail"),
        ("wfctl insert_job", "wfctl insert-job"),
        ("wfctl asignments", "wfctl assignments"),
        ("wfctl doktor", "wfd doctor"),
        ("wfctl ls", "wfctl assignments"),
        ("wfd ps", "wfctl queue"),
        ("wfctl status", "wfd status"),
        ("wfctl log", "wfctl logs"),
        ("wfctl rm", "wfctl cancel"),
        ("wfctl run", "wfctl create"),
        ("wfctl ai lst", "wfctl ai list"),
    ],
)
def test_a_slip_is_told_what_may_have_been_meant(
    typed: str, meant: str, wfd: Call, wfctl: Call
) -> None:
    program, *words = typed.split()
    said = {"wfd": wfd, "wfctl": wfctl}[program](*words)
    assert said.code == 2
    assert f"did you mean '{meant}'?" in said.err


def test_what_is_near_to_nothing_lists_what_is_known(shelf: Shelf, wfctl: Call) -> None:
    assert "known: ai, answer" in wfctl("zzzzzzz").err


def test_what_other_programs_say_is_no_command_of_the_one_it_leads_to() -> None:
    for word, command in ELSEWHERE.items():
        program = command.split()[0]
        assert word not in names_of(program)
        assert program == "git" or command.split()[1] in names_of(program)
