"""Text of others, made harmless where it is shown."""

import re

# What would move a cursor, hide text or turn its direction: C0 but for \t and \n, DEL, C1,
# line and paragraph separators, and the controls of bidirectional text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def tame(text: str) -> str:
    """`text` with every control character spelled out, so that a terminal only shows it."""
    return _CONTROL.sub(_spelled, text.replace("\r\n", "\n"))


def _spelled(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
