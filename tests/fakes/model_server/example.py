"""A value as a JSON schema wants it, for what a CLI asks beside its conversation."""

from tests.fakes.model_server.json_shape import at, text_at
from tests.fakes.model_server.turns import Answer, Say, Turn


def bland_turn(schema: object) -> Turn:
    """An answer of this schema, or a plain word where none is asked for."""
    return Turn(Say("Yes.") if schema is None else Answer(_example(schema)))


def _example(schema: object) -> object:
    if choices := at(schema, "enum"):
        return at(choices, 0)
    match text_at(schema, "type").lower():  # google writes them in capitals
        case "object":
            fields = at(schema, "properties")
            named = fields.items() if isinstance(fields, dict) else ()
            return {name: _example(field) for name, field in named}
        case "array":
            return []
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case _:
            return "scripted"
