"""A variable of an environment: configuration names it, and never holds its value."""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATTERN = re.compile(r"[A-Za-z_*][A-Za-z0-9_*]*")

# A message shows neither side of a bad pair, since either may be a secret.
NO_PAIR = (
    "both sides must be names of variables, such as ANTHROPIC_API_KEY: letters, digits and _ only;"
    " never put a secret itself here"
)


def is_variable(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def is_variables(text: str) -> bool:
    """Whether it names a variable, or several by `*`."""
    return _PATTERN.fullmatch(text) is not None


def are_pairs(env: Mapping[str, str | None]) -> bool:
    """Whether each side of each pair names a variable; None withholds one."""
    return all(is_variable(name) for pair in env.items() for name in pair if name is not None)
