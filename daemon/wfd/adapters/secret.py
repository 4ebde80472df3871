"""Secrets that configuration names and does not hold: a variable, or a file of the user's alone."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from wfd.domain.errors import NotFound
from wfd.domain.variable import is_variable

_MAX_BYTES = 64 * 1024
_SHORT = 4  # a piece of an address that is no longer gives nothing away


def secret(where: str, environ: Mapping[str, str]) -> str:
    """What lies there. Raises NotFound, with the way out and without the secret."""
    if is_variable(where):
        found = environ.get(where, "").strip()
        if not found:
            raise NotFound(f"the variable {where} is not set where the daemon was started")
        return found
    return _of_file(Path(where).expanduser())


def without(address: str, text: str) -> str:
    """`text` without the pieces of an address: any of them may be the secret."""
    pieces = {address, *re.split(r"[/:@?&=,\s]+", address)}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) > _SHORT:
            text = text.replace(piece, "…")
    return text


def _of_file(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            seen = os.fstat(opened.fileno())
            content = opened.read(_MAX_BYTES)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}") from None
    if seen.st_uid != os.getuid() or stat.S_IMODE(seen.st_mode) & 0o077:
        raise NotFound(f"others may read {file}; run: chmod 600 {file}")
    found = content.decode("utf-8", "replace").strip()
    if not found:
        raise NotFound(f"{file} is empty")
    return found
