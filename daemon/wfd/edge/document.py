"""JSON as the faces print it: times in ISO 8601, ids as numbers, what is unknown as null."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path

from wfd.edge.words import iso

_TIMES = frozenset({"at", "run_after", "lease_until", "deadline"})
# columns that hold JSON already
_JSON_TEXT = frozenset(
    {"inputs", "structured", "data", "options", "allowance", "needs", "route", "locks", "kept"}
)
# Legal within a JSON string, and yet a terminal would act on them.
_CONTROL = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def dumps(value: object, *, indent: int | None = None) -> str:
    """The document as text, without characters that a terminal obeys."""
    text = json.dumps(to_json(value), ensure_ascii=False, indent=indent)
    # An agent's text may hold half a surrogate pair, which no UTF-8 stream takes.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_json(value: object, name: str = "") -> object:
    """A value of any room as JSON has it; `name` is the key under which it stands."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int) and (name in _TIMES or name.endswith("_at")):
        return iso(value)
    if isinstance(value, str) and name in _JSON_TEXT:
        return _parsed(value)
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name), f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [to_json(inner) for inner in value]
    return value


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
