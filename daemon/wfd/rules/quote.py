"""Untrusted text as data: fenced so that it cannot close its own fence."""

import re

_RUN = re.compile("`+")
_NOT_IN_LABEL = re.compile(r"[^\w .,:/()#-]+")


def quote(text: object, label: str = "text") -> str:
    """A fenced block that holds `text`, whatever it says; "(nothing)" when there is none.

    The fence is longer than any run of backticks inside, so that no line of the text can end it.
    """
    body = "" if text is None else str(text)
    if not body.strip():
        return "(nothing)"
    longest = max((len(run) for run in _RUN.findall(body)), default=0)
    fence = "`" * max(3, longest + 1)
    name = _NOT_IN_LABEL.sub(" ", label).strip() or "text"
    return f"{fence}data {name}\n{body}\n{fence}"
