"""Refs as git keeps them in files, read and written without asking it.

A ref that has a file of its own is what that file says; where there is none, git has to be
asked, as it may be packed, or in a store of another kind.
"""

import re
from pathlib import Path

from wfd.adapters import plain_files

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_BYTES = 4096


def loose(git_dir: Path, ref: str) -> str | None:
    """What the file of a ref says; None where it has none, or one that names no commit."""
    try:
        text = plain_files.read(git_dir, ref, _MAX_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if COMMIT.fullmatch(text) else None


def write(git_dir: Path, ref: str, commit: str) -> None:
    """Set a ref of a repository that nobody else writes."""
    plain_files.write(git_dir, ref, f"{commit}\n".encode())
