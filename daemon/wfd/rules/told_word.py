"""A word that an agent's stream tells, such as its session: a later command line will hold it."""

import re

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@\[\]+-]{0,199}")


def word(told: str | None) -> str | None:
    """The word, or None for what could be an option, a path that climbs out, or several words."""
    if told is None or _WORD.fullmatch(told) is None or ".." in told:
        return None
    return told
