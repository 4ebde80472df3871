"""What Gemini CLI says on stderr, without what it chatters there."""

import re

from wfd.domain.signal import Retrying
from wfd_runners.fields import clip

MAX_MESSAGE = 200
MAX_DELAY_MS = 360_000  # it gives up on longer waits, so a longer one is somebody else's word

_ATTEMPT = re.compile(
    r"Attempt (?P<attempt>\d{1,9}) failed(?: with (?P<status>(?:status )?\d{3})\b[^.]*)?[.:]\s*"
    r"(?P<words>.*)"
)
_DELAY = re.compile(r"\.? ?Retrying after (?P<delay>\d{1,9})ms\.\.\.")
_BACKOFF = "Retrying with backoff... "
_LAST = "Max attempts reached"

# An error of a tool is quoted, and an agent can make it say anything.
_CHATTER = re.compile(
    r"warning:|yolo mode is enabled|\[startup\]|ripgrep is not available|attempt \d+ failed"
    r"|suggested retry after|error executing tool|approval mode overridden"
    r"|loaded cached credentials",
    re.IGNORECASE,
)
_TRACE = re.compile(r"\s+at |\s*[\[\]{}]|\s+[a-z]\w*: ")  # of an error that was printed whole


def retry(line: str) -> Retrying | None:
    """The CLI's own next attempt: "Attempt 2 failed with status 503. Retrying with backoff...".

    A cause of two lines announces its wait on the second, so a wait may come without a number.
    """
    attempt, delay = _ATTEMPT.match(line), _DELAY.search(line)
    if line.rstrip().endswith(_LAST) or not (attempt or delay):
        return None
    words = _DELAY.sub("", attempt["words"] if attempt else line).removeprefix(_BACKOFF)
    return Retrying(
        attempt=int(attempt["attempt"]) if attempt else None,
        delay_ms=min(int(delay["delay"]), MAX_DELAY_MS) if delay else None,
        message=clip((attempt and attempt["status"]) or words.strip(), MAX_MESSAGE),
    )


def sentence(stderr: str) -> str:
    """Its own words on one line, up to the first empty line: options stand below that."""
    said: list[str] = []
    for line in stderr.split("\n"):
        if _CHATTER.match(line) or _TRACE.match(line):
            continue
        if line.strip():
            said.append(line.strip())
        elif said:
            break
    return " ".join(said)
