"""Registering a repository, and telling an assignment something."""

import pytest
from tests.store.ground import Ground

from wfd.commands.house import MAX_TEXT
from wfd.commands.registry import COMMANDS
from wfd.domain.errors import BadInput, Conflict, NotFound
from wfd.domain.note import Note
from wfd.edge.door import checked


def register(ground: Ground, name: str, **values: object) -> dict[str, object]:
    known: dict[str, object] = {
        "name": name, "git_dir": f"/{name}/.git", "checkout": f"/{name}", "trusted_hash": None,
    }  # fmt: skip
    return ground.send("register", **{**known, **values})


def test_the_same_repository_again_is_fine_and_takes_the_new_hash(ground: Ground) -> None:
    first = register(ground, "c")
    assert first["created"] is True
    again = register(ground, "c", trusted_hash="abc", checkout="/moved")
    assert again == {**first, "created": False}
    known = ground.namespaces()[-1]
    assert (known.trusted_hash, known.checkout) == ("abc", "/moved")
    assert len(ground.namespaces()) == 3


def test_a_repository_keeps_its_name_whatever_it_is_called_later(ground: Ground) -> None:
    assert register(ground, "other", git_dir="/a/.git")["namespace"] == "a"


def test_a_name_that_another_repository_has_is_a_conflict_that_says_which(ground: Ground) -> None:
    with pytest.raises(Conflict, match="namespace 'a' is /a already; choose another with --name"):
        register(ground, "a", git_dir="/elsewhere/.git")


def test_a_note_is_kept_for_the_next_prompts(ground: Ground) -> None:
    ground.create()
    assert ground.send("note", assignment=1, text=" mind the docs ") == {"note": 1}
    [note] = ground.do(lambda tx: tx.all(Note, "notes_of", assignment_id=1))
    assert (note.text, note.created_at) == ("mind the docs", ground.now)


@pytest.mark.parametrize("text", ["", " \t\n", "x" * (MAX_TEXT + 1)])
def test_a_note_of_no_use_is_refused(ground: Ground, text: str) -> None:
    ground.create()
    with pytest.raises(BadInput, match="the note"):
        ground.send("note", assignment=1, text=text)


def test_a_note_to_an_assignment_that_is_not_there_is_refused(ground: Ground) -> None:
    with pytest.raises(NotFound, match="no assignment A1"):
        ground.send("note", assignment=1, text="hello")


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_names_a_value_that_it_does_not_know(command: str) -> None:
    with pytest.raises(BadInput, match="no value 'colour'"):
        checked(COMMANDS[command].wants, {"colour": "red"})
