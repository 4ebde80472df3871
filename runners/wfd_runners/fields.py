"""Values out of parsed JSON that an agent wrote: of the asked type, or None.

A stream may hold anything, so nothing here raises, and no number leaves that a store
could not keep.
"""

import re
from collections.abc import Mapping, Sequence
from math import isfinite

from pydantic_core import from_json

MAX_WHOLE = 2**53  # what JSON numbers hold exactly, and well inside SQLite's integer

_ESCAPE = re.compile(
    rb"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def parse(line: bytes) -> Mapping[str, object] | None:
    """The JSON object that a line holds, or None when it holds none."""
    try:
        value: object = from_json(line)
    except ValueError:
        value = _parse_mended(line)
    return value if isinstance(value, dict) else None


def _parse_mended(line: bytes) -> object:
    # A CLI in JavaScript that cuts a text inside an emoji prints half a surrogate pair,
    # and one that repeats a tool's bytes may print no UTF-8. Neither may cost the event.
    if not line.lstrip().startswith(b"{"):
        return None
    clean = line.decode("utf-8", "replace").encode()
    try:
        return from_json(_ESCAPE.sub(_without_lone_surrogate, clean))
    except ValueError:
        return None


def _without_lone_surrogate(match: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if match["lone"] else match[0]


def text(fields: Mapping[str, object], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) else None


def whole(fields: Mapping[str, object], key: str) -> int | None:
    """A whole number; a fraction is cut, as in `retry_delay_ms: 519.19`."""
    value = number(fields, key)
    return None if value is None or abs(value) > MAX_WHOLE else int(value)


def number(fields: Mapping[str, object], key: str) -> float | None:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return value if abs(value) <= MAX_WHOLE else None
    return value if isfinite(value) else None


def mapping(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def items(fields: Mapping[str, object], key: str) -> Sequence[object]:
    value = fields.get(key)
    return value if isinstance(value, list) else ()


def mappings(fields: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    value = fields.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def clip(words: str, most: int) -> str:
    """At most so many characters, and a sign when some are missing."""
    return words if len(words) <= most else words[: most - 1] + "…"
