"""Whether a command was red, or could not be run at all since a program is missing.

It could not be run if the shell that the daemon started ended with 127 (no such program) or 126
(not executable) and its last words name what is missing. Shells, `env`, `npm`, `just` and `xargs`
hand these codes on from what they start, so they hold for a script deep inside, too. A code
without such words is no proof: mocha and prove exit with the number of tests that failed. Some hide
the code and say it in their own last words: `make` (its recipe's "Error 127"), `pnpm`, `python -m`
("No module named"), `uv run` and `poetry run`. What the code under test prints itself, such as a
traceback, is never taken for that.
"""

import re
from itertools import pairwise

_CODES = (126, 127)
_LAST = 25  # lines in which programs say why

_MAKE = re.compile(r"g?make(?:\[\d+\])?: \*\*\* \[.*\] Error 12[67]\b.*")
_NO_PROGRAM = re.compile(r"(?:/bin/)?sh: .*not found")  # as /bin/sh says it
_OWN_WORDS = (
    re.compile(r"\S*(?:python|pypy)[\w.]*(?:\.exe)?: No module named '?(?P<name>[\w.-]+)'?"),
    re.compile(r"error: Failed to spawn: `(?P<name>[^`]+)`"),
    re.compile(r"Command not found: (?P<name>\S+)"),
)
_NAMES = (
    re.compile(r"(?:.*: )?command not found: (?P<name>\S+)"),
    re.compile(r"(?:.*: )?(?P<name>[^\s:]+): (?:command )?not found"),
    re.compile(r"(?:.*: )?(?P<name>[^\s:]+): bad interpreter: .*"),
    re.compile(
        r"(?:.*: )?(?:exec: )?['\"‘`]?(?P<name>[^\s:'\"’`]+)['\"’`]?: (?:cannot execute: )?"
        r"(?:No such file or directory|Permission denied|cannot execute.*|required file not found)"
    ),
)


def cannot_run(exit_code: int | None, output: str) -> bool:
    """By its exit code and the end of what it wrote."""
    if exit_code in (None, 0):
        return False
    if exit_code in _CODES:
        return what_is_missing(output) is not None
    return _in_own_words(output) is not None or _make_says(output) or _pnpm_says(output)


def what_is_missing(output: str) -> str | None:
    """The program or the module that is not there, as whoever looked for it names it."""
    own = _in_own_words(output)
    if own is not None:
        return own
    for line in reversed(_last_lines(output)):
        for pattern in _NAMES:
            found = pattern.fullmatch(line)
            if found is not None:
                return found["name"]
    return None


def why_not(name: str, exit_code: int | None, output: str) -> str:
    """The sentence for a check or a set-up command that cannot be run."""
    missing = what_is_missing(output)
    what = "a program that it needs is missing" if missing is None else f"'{missing}' is missing"
    return f"{name} cannot run: {what} or may not be executed (exit {exit_code})"


def _in_own_words(output: str) -> str | None:
    for line in reversed(_last_lines(output)[-3:]):
        for pattern in _OWN_WORDS:
            found = pattern.fullmatch(line)
            if found is not None:
                return found["name"]
    return None


def _make_says(output: str) -> bool:
    """Whether make ended since its recipe could not be run; it exits with 2 for any failure."""
    lines = _last_lines(output)
    while lines and re.match(r"g?make(?:\[\d+\])?: ", lines[-1]):
        if _MAKE.fullmatch(lines.pop()):
            return True
    return False


def _pnpm_says(output: str) -> bool:
    """Whether pnpm ended since the shell of its script found no program; it exits with 1."""
    lines = _last_lines(output)[-4:]
    return any(
        _NO_PROGRAM.fullmatch(line) is not None and after.startswith("ELIFECYCLE")
        for line, after in pairwise(lines)
    )


def _last_lines(output: str) -> list[str]:
    return [line.strip() for line in output.splitlines() if line.strip()][-_LAST:]
