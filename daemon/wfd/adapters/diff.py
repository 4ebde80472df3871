"""What two commits differ in: the whole patch in a file, and how much it is."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from wfd.adapters.git import Git, together
from wfd.adapters.own_modules import moved_within
from wfd.adapters.own_repository import OwnRepository
from wfd.ports import Diff

MOST_ROWS = 100
_WIDTH = "100,70"  # of a row, and of the name in it
_BYTES_A_LINE = 40
_COUNTS = re.compile(r"(\d+) (file|insertion|deletion)")


async def diff_with_submodules(own: OwnRepository, old: str, new: str, patch: Path) -> Diff:
    """The patch that leads from `old` to `new`, with what changed in each submodule after it."""
    found = await write_diff(own.git, old, new, patch)
    async for within, under, was, now in moved_within(own, old, new):
        part = patch.with_name(f"{patch.name}.within")
        found = _joined(found, await write_diff(within.git, was, now, part, under))
    return found


async def changed_with_submodules(own: OwnRepository, old: str, new: str) -> list[str]:
    """The paths in which two commits differ; of a submodule, the paths in it."""
    names = await changed(own.git, old, new)
    async for within, under, was, now in moved_within(own, old, new):
        place = os.fsencode(under).decode("utf-8", "backslashreplace")
        names.remove(place.removesuffix("/"))
        names += [f"{place}{name}" for name in await changed(within.git, was, now)]
    return names


async def changed(git: Git, old: str, new: str) -> list[str]:
    """The paths in which two commits differ; for words, and not to find the files by."""
    said = await git.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", old, new)
    return [name.decode("utf-8", "backslashreplace") for name in said.names]


async def write_diff(git: Git, old: str, new: str, patch: Path, under: str = "") -> Diff:
    """Write the patch that leads from `old` to `new`, binary files included.

    `under` is where the files lie in what is around them, with a slash at its end.
    """
    patch.parent.mkdir(parents=True, exist_ok=True)
    plain = ("diff-tree", "-r", "-M", "--no-ext-diff", "--no-textconv", "--no-color",
             f"--src-prefix=a/{under}", f"--dst-prefix=b/{under}")  # fmt: skip
    with patch.open("wb") as file:
        _, said = await together(
            git.run(*plain, "-p", "--binary", "--full-index", old, new, stdout=file),
            git.run(*plain, f"--stat={_WIDTH}", old, new),
        )
    *rows, last = said.out.decode("utf-8", "replace").rstrip().split("\n")
    name = under.encode("utf-8", "backslashreplace").decode()
    rows = [f" {name}{row.removeprefix(' ')}" for row in rows]
    counts = {noun: int(number) for number, noun in _COUNTS.findall(last)}
    return Diff(
        patch=patch,
        files=counts.get("file", 0),
        insertions=counts.get("insertion", 0),
        deletions=counts.get("deletion", 0),
        stat="\n".join([*_largest(rows), last]),
    )


def _joined(around: Diff, within: Diff) -> Diff:
    """A diff and that of a submodule, whose patch is moved to the end of the first one."""
    with around.patch.open("ab") as file, within.patch.open("rb") as more:
        shutil.copyfileobj(more, file)
    within.patch.unlink()
    files = around.files + within.files
    insertions = around.insertions + within.insertions
    deletions = around.deletions + within.deletions
    rows = [row for one in (around, within) for row in one.stat.split("\n")[:-1]]
    stat = "\n".join([*rows, _summary(files, insertions, deletions)])
    return Diff(around.patch, files, insertions, deletions, stat)


def _summary(files: int, insertions: int, deletions: int) -> str:
    """As git words it."""
    counts = ((files, "file", " changed"), (insertions, "insertion", "(+)"),
              (deletions, "deletion", "(-)"))  # fmt: skip
    told = [f"{n} {noun}{'' if n == 1 else 's'}{end}" for n, noun, end in counts if n]
    return " " + ", ".join(told)


def _largest(rows: Sequence[str]) -> list[str]:
    """The largest changes first, and how many files are not named.

    Whoever cuts the list must not lose what is changed most to names of the alphabet's beginning.
    """
    ordered = sorted(rows, key=_weight, reverse=True)
    more = len(rows) - MOST_ROWS
    return [
        *ordered[:MOST_ROWS],
        *([f" and {more:,} more files, changed less"] if more > 0 else []),
    ]


def _weight(row: str) -> float:
    """In lines; bytes of binary files count as lines of usual length."""
    count = row.rpartition(" | ")[2].split()
    if count[:1] == ["Bin"] and len(count) >= 4:
        return abs(int(count[3]) - int(count[1])) / _BYTES_A_LINE
    return int(count[0]) if count and count[0].isdigit() else 0
