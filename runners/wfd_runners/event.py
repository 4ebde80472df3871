"""The event that a line of a stream holds, whatever a terminal has put around it."""

import re
from collections.abc import Mapping

from wfd_runners.fields import parse

_BOM = b"\xef\xbb\xbf"
_ESCAPES = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: a title, a link
    rb"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS and its like
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, modes, moves of the cursor
    rb"|\x1b[ -/]*[0-~]"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]+")  # none of which JSON lets stand as it is
_BEGINNING = re.compile(rb'\{\s*"type"\s*:')


def event_of(line: bytes) -> Mapping[str, object] | None:
    """The JSON object in a line, or None where there is none.

    Escape sequences, a byte order mark and NULs may stand anywhere. Plain words may stand before
    an event, as where a hook has printed half a line; a brace in them makes it no event, since
    what follows could then be a part of something else.
    """
    event = parse(line)
    if event is not None or b"{" not in line:
        return event
    clean = _CONTROLS.sub(b"", _ESCAPES.sub(b"", line.replace(_BOM, b"")))
    start = clean.index(b"{") if b"{" in clean else len(clean)
    if start == 0:
        return parse(clean) if clean != line else None
    return parse(clean[start:]) if _BEGINNING.match(clean, start) else None
