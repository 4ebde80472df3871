"""The one telling line of a program that broke down and printed where."""

import re

MAX_LINES = 400
_FRAME = re.compile(r"\s+at .+|\s*File \".+\", line \d+|Node\.js v\d|Traceback \(most recent")
_ERROR = re.compile(
    r"(?:uncaught )?\[?(?P<name>[A-Za-z_.]*(?:Error|Exception))\]?(?: \[\w+\])?: \S.*",
    re.IGNORECASE,
)


def crash_line(stderr: str) -> str:
    """`Error: Cannot find module './x'` of a stack trace; "" where none was printed."""
    lines = stderr.split("\n")[:MAX_LINES]
    if not any(_FRAME.match(line) for line in lines):
        return ""
    told = [line.strip() for line in lines if _ERROR.match(line)]
    return told[0] if told else ""
