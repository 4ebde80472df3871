"""What two commits differ in: the whole patch in a file, and how much it is."""

import re
from pathlib import Path

from wfd.adapters.git import Git, together
from wfd.ports import Diff

_COUNTS = re.compile(r"(\d+) (file|insertion|deletion)")


async def changed(git: Git, old: str, new: str) -> list[str]:
    """The paths in which two commits differ; for words, and not to find the files by."""
    said = await git.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new)
    return [name.decode("utf-8", "backslashreplace") for name in said.names]


async def write_diff(git: Git, old: str, new: str, patch: Path) -> Diff:
    """Write the patch that leads from `old` to `new`, binary files included."""
    patch.parent.mkdir(parents=True, exist_ok=True)
    plain = ("diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color")
    with patch.open("wb") as file:
        _, said = await together(
            git.run(*plain, "-p", "--binary", "--full-index", old, new, stdout=file),
            git.run(*plain, "--stat=100,70,100", old, new),
        )
    stat = said.out.decode("utf-8", "replace").rstrip()
    last = stat.rsplit("\n", 1)[-1]
    counts = {noun: int(number) for number, noun in _COUNTS.findall(last)}
    return Diff(
        patch=patch,
        files=counts.get("file", 0),
        insertions=counts.get("insertion", 0),
        deletions=counts.get("deletion", 0),
        stat=stat,
    )
