"""Paths that agents name: told only where they can be one of the repository's own."""

from pathlib import PurePosixPath

MAX_PATH = 1024  # bytes


def inside(name: object, root: str | None = None) -> str | None:
    """A path below the repository's top, or None for what is none.

    `root` is where the agent has seen that top: they often name files from the machine's root.
    Nothing absolute, that climbs out, of git's own, or that no line can show is let through.
    """
    if not isinstance(name, str):
        return None
    text = name.strip()
    if root is not None and text.startswith(f"{root}/"):
        text = text.removeprefix(f"{root}/")
    path = PurePosixPath(text)
    is_shown = (
        text.isprintable()
        and str(path) == str(path).strip()
        and 0 < len(text.encode("utf-8", "replace")) <= MAX_PATH
    )
    if not is_shown or path.is_absolute() or not path.parts or text.startswith("~"):
        return None
    if any(part == ".." or part.casefold() == ".git" for part in path.parts):
        return None
    return f"./{path}" if str(path).startswith("-") else str(path)
