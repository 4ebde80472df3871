"""What codex says on stderr, without the log that it keeps there."""

import re

# A log line may quote a tool's output, which an agent can make say anything.
_LOG = re.compile(r"\d{4}-\d\d-\d\dT\S+\s+(?:TRACE|DEBUG|INFO|WARN|ERROR)\b")
_CHATTER = re.compile(r"reading (?:additional input|prompt) from stdin|warning:", re.IGNORECASE)
_EXCERPT = re.compile(r"\d*\s*\|")  # a line of the file that is at fault, or below it
_LABEL = re.compile(r"error:\s+", re.IGNORECASE)


def sentence(stderr: str) -> str:
    """Its first paragraph on one line: tips, usage and stack traces stand in later ones.

    `unexpected argument '--no-such-flag' found`; "" when it said nothing of its own.
    """
    said: list[str] = []
    for line in map(str.strip, stderr.split("\n")):
        if _LOG.match(line) or _CHATTER.match(line) or _EXCERPT.match(line):
            continue
        if line:
            said.append(line)
        elif said:
            break
    return _LABEL.sub("", " ".join(said), count=1)
