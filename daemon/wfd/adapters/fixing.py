"""Commands that change the files they look at, and the form of them that only looks."""

import re

_FIXES = re.compile(
    r"(?<![\w-])(--fix(?!-dry-run)(=true)?|--write|--apply(-unsafe)?|--in-place|--autofix)(?![\w-])"
)
_FORMATTERS = re.compile(
    r"(?:^|[\s;&|/@])(?:black|isort|autopep8|yapf|ruff format|gofmt -w|goimports -w|cargo fmt)\b"
)
_ONLY_LOOKS = re.compile(r"--check(?:-only)?\b|--diff\b|--dry-run\b")
_PROGRAMS_TO_CHECK = ("prettier",)  # whose look without changes has an option of its own
_OPERATORS = re.compile(r"[&|;<>$`\n]")


def changes_files(commands: str) -> bool:
    """Whether one of the lines fixes or formats."""
    return any(
        _FIXES.search(line) is not None
        or (_FORMATTERS.search(line) is not None and _ONLY_LOOKS.search(line) is None)
        for line in re.split(r"\n|&&|\|\||;", commands)
    )


def only_looking(command: str) -> str | None:
    """The command without its fixes; None where it is more than one simple command."""
    if _OPERATORS.search(command):
        return None
    is_check = command.split()[0] in _PROGRAMS_TO_CHECK if command.split() else False
    plain = _FIXES.sub("--check" if is_check else "", command)
    words = " ".join(plain.split())
    return words if words and not changes_files(words) else None
