"""Registering a repository, and telling an assignment something."""

import pytest
from tests.commands.asking import capped, questions
from tests.store.ground import Ground

from wfd.commands.house import MAX_TEXT
from wfd.commands.registry import COMMANDS
from wfd.domain.assignment import AssignmentState as A
from wfd.domain.errors import BadInput, Conflict, NotFound
from wfd.domain.note import Note
from wfd.domain.outcome import Conclusion, EndedBy, Kind, Outcome
from wfd.edge.door import checked
from wfd.engine.close import _close
from wfd.engine.over import Closing


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


def untrusted(ground: Ground, of: int = 1) -> None:
    """The next job finds a configuration that nobody has accepted."""
    [lease] = ground.take().leases
    assert lease.assignment.id == of
    told = Conclusion(Outcome(Kind.USAGE, "config.json has changed; run 'wfd trust'"))
    closing = Closing(told, EndedBy.NONE, None, lacks_trust=True)
    ground.do(lambda tx: _close(tx, lease.run, closing, ground.settings, 0.5))
    assert ground.assignment(of).state is A.BLOCKED


def test_what_waited_for_the_configuration_goes_on_when_it_is_accepted(ground: Ground) -> None:
    ground.create(type="implement")
    untrusted(ground)
    [asked] = questions(ground)
    assert asked.text == "config.json has changed; run 'wfd trust'; it continues then"
    assert register(ground, "b")["goes_on"] == [], "another repository's"
    assert register(ground, "a", trusted_hash="abc")["goes_on"] == [1]
    [job], [asked], decision = ground.jobs(1), questions(ground), ground.decisions(1)[-1]
    assert (job.state, ground.assignment(1).state) == ("queued", A.ACTIVE)
    assert (asked.state, asked.answer) == ("answered", "the configuration is accepted")
    assert (decision.by, decision.kind, decision.job_id) == ("person", "answer", job.id)
    assert register(ground, "a", trusted_hash="abc")["goes_on"] == []


def test_an_accepted_configuration_wakes_nothing_that_a_person_has_paused(ground: Ground) -> None:
    ground.create(type="implement")
    untrusted(ground)
    ground.send("update_assignment", assignment=1, status="paused")
    assert register(ground, "a")["goes_on"] == []
    assert ground.assignment(1).state is A.PAUSED
    assert questions(ground)[0].state == "answered"


def test_an_accepted_configuration_with_a_lower_cap_stops_what_has_reached_it(
    ground: Ground,
) -> None:
    ground.create(type="implement")
    untrusted(ground)
    ground.connection.execute("update assignment set tokens = 20")
    capped(ground, tokens=10)
    assert register(ground, "a")["goes_on"] == []
    assert [asked.kind for asked in questions(ground)] == ["blocked", "cap"]


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
