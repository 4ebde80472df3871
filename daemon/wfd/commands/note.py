"""Add a note to an assignment, for its next prompts."""

from dataclasses import dataclass

from wfd.commands.house import MAX_TEXT, HouseOf
from wfd.commands.record import event_of_assignment
from wfd.commands.scope import assignment_in, text_of
from wfd.ports import Tx


@dataclass(frozen=True)
class AddNote:
    namespace: str | None  # None: whichever it belongs to
    assignment: int
    text: str


def add_note(tx: Tx, house_of: HouseOf, want: AddNote) -> dict[str, object]:
    """{"note": id}"""
    assignment = assignment_in(tx, want.namespace, want.assignment)
    text = text_of(want.text, "note", MAX_TEXT)
    note_id = tx.insert("add_note", assignment_id=assignment.id, text=text, now=tx.now)
    event_of_assignment(tx, "note.added", assignment, note_id=note_id)
    return {"note": note_id}
