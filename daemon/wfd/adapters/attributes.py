"""What .gitattributes say of files: whether git converts them, and by which filter."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters import plain_files
from wfd.adapters.git import Git

FILE = b".gitattributes"
_CONVERTING = ("text", "crlf", "eol", "ident", "working-tree-encoding", "filter")
_ALTERING = frozenset(("ident", "working-tree-encoding", "filter"))
_NO = frozenset(("unspecified", "unset"))


@dataclass(frozen=True)
class Attributes:
    filter: str | None = None
    encoding: str | None = None
    ident: bool = False
    alters: bool = False  # a checkout may make something else of the blob


async def attributes_of(
    git: Git, paths: Sequence[bytes], *, as_staged: bool = False
) -> dict[bytes, Attributes]:
    """Those of the paths that have any attribute by which git converts files."""
    if not paths:
        return {}
    where = ["--cached"] if as_staged else []
    said = await git.feed(paths, "check-attr", "-z", "--stdin", *where, *_CONVERTING)
    found: dict[bytes, dict[str, str]] = {}
    fields = iter(said.out.split(b"\0"))
    for path, name, value in zip(fields, fields, fields, strict=False):
        told = value.decode("utf-8", "replace")
        if told not in _NO:
            found.setdefault(path, {})[name.decode()] = told
    return {path: _attributes(values) for path, values in found.items()}


def may_have_any(root: Path, git_dir: Path, paths: Iterable[bytes]) -> bool:
    """Whether a file of attributes lies on the way to one of the paths, or is one of them.

    Most repositories have none, and then git need not be asked.
    """
    if plain_files.is_there(git_dir / "info" / "attributes"):
        return True
    folders = {b""}
    for path in paths:
        *parents, name = path.split(b"/")
        if name == FILE:
            return True
        folder = b"/".join(parents)
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(b"/")[0]
    return any(plain_files.is_there(root / os.fsdecode(folder + b"/" + FILE).lstrip("/"))
               for folder in folders)  # fmt: skip


def _attributes(values: dict[str, str]) -> Attributes:
    named = values.get("filter")
    return Attributes(
        filter=None if named == "set" else named,
        encoding=values.get("working-tree-encoding"),
        ident="ident" in values,
        alters=bool(_ALTERING & set(values)) or values.get("eol") == "crlf",
    )
