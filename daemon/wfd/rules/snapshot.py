"""What belongs in a snapshot of a workspace, and what is left out of it, by rule."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from wfd.rules.size import size

MOST_NAMED = 20  # of each kind
_FEW = 20  # a folder with less than this part of what is allowed is not the trouble

NESTED = "nested repositories"
LARGE = "large files"
MANY = "many new files"
GROWN = "large files in the commit"
MANY_TAKEN = "many files in the commit"
WITHIN = "submodules in the commit"
APART = "submodules without a repository of yours"
UNSEEN = "submodules that are not kept"
NOT_CONVERTED = "files that git cannot convert"
IGNORED = "ignored files"
COMMITS = "stashes and other commits"
NESTED_TAKEN = "nested repositories in the commit"
LEFT_OUT = frozenset((NESTED, LARGE, MANY))

_ABOUT = {
    NESTED: "left out of the commit, and still in the workspace; each has a .git of its own",
    LARGE: "left out of the commit, and still in the workspace;"
    " 'git add -f' and 'git commit' there take one in",
    MANY: "left out of the commit, and still in the workspace;"
    " 'git add -f' and 'git commit' there take them in",
    GROWN: "in the commit",
    NESTED_TAKEN: "in the commit as plain files",
    MANY_TAKEN: "new and in the commit, beside files that were there before",
    IGNORED: "here since the set-up, in no commit, and yet the checks see them;"
    " they go to the trash when the workspace is removed",
    COMMITS: "not in the branch; kept below refs/wfd when the workspace is removed",
    WITHIN: "each has a commit of its own, kept in your repository of it; take it along with"
    " 'git -C <submodule> merge refs/wfd/A<number>/head'",
    APART: "your checkout has not initialised them, so their commits are kept in the repository"
    " around them, as refs/wfd/A<number>/submodules/<name>/head",
    UNSEEN: "changes in them are in no commit: the repository of each cannot be had; initialise it"
    " in your checkout, with 'git submodule update --init'",
    NOT_CONVERTED: "in the commit just as they are: their text is not what .gitattributes says",
}


class Beyond(StrEnum):
    """What becomes of new files over a limit, and of nested repositories."""

    LEAVE_OUT = "leave_out"
    ASK = "ask"
    TAKE = "take"


@dataclass(frozen=True)
class SnapshotRules:
    max_file_bytes: int = 10_000_000
    max_new_files: int = 2000
    beyond: Beyond = Beyond.LEAVE_OUT


@dataclass(frozen=True)
class WorkspaceRules:
    """What a person has accepted for the workspaces of a repository."""

    snapshot: SnapshotRules = SnapshotRules()
    filters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thing:
    """A file or a whole folder that the PM is told about."""

    kind: str
    path: str  # a folder's ends with a slash
    size: int = 0  # bytes
    files: int = 1  # 0 for what is no file, or is told by its name alone

    def __str__(self) -> str:
        name = self.path.encode("utf-8", "backslashreplace").decode()
        name = "".join(c if c.isprintable() else "?" for c in name)
        if not self.files:
            return name
        count = f"{self.files:,} file{'' if self.files == 1 else 's'}, "
        many = count if self.path.endswith("/") else ""
        return f"{name} ({many}{size(self.size)})"


def too_large(rules: SnapshotRules, sizes: Mapping[str, int]) -> list[Thing]:
    """The new files that are larger than one may be."""
    return [Thing(LARGE, path, of) for path, of in sizes.items() if of > rules.max_file_bytes]


def too_many(
    rules: SnapshotRules, sizes: Mapping[str, int], tracked: Collection[str]
) -> list[Thing]:
    """The new folders to leave out, so that no more new files stay than there may be.

    `tracked` are the folders that the commit before has, each with its slash. New files beside
    tracked ones stay: no rule could leave them out without hiding what is made there next.
    """
    left: list[Thing] = []
    stay = dict(sizes)
    while (over := len(stay) - rules.max_new_files) > 0:
        folder = _smallest_with(over, _new_folders(stay, tracked), rules.max_new_files // _FEW)
        if folder is None:
            left += _loose(stay)
            break
        inside = [path for path in stay if path.startswith(folder)]
        together = sum(stay.pop(path) for path in inside)
        left.append(Thing(MANY, folder, together, len(inside)))
    return left


def as_taken(things: Iterable[Thing]) -> list[Thing]:
    """The same, where the rules say that all is taken."""
    kinds = {LARGE: GROWN, MANY: MANY_TAKEN, NESTED: NESTED_TAKEN}
    return [replace(one, kind=kinds.get(one.kind, one.kind)) for one in things]


def told(things: Iterable[Thing], *, about: bool = True) -> Iterator[tuple[str, str]]:
    """Each kind with a line for each of its things, the largest first, and what became of them."""
    ordered = sorted(things, key=lambda one: one.kind)
    for kind, group in groupby(ordered, key=lambda one: one.kind):
        end = [f"({_ABOUT[kind]})"] if about else []
        yield kind, "\n".join([*lines(list(group)), *end])


def lines(things: Sequence[Thing]) -> Iterator[str]:
    """A line for each, and one for those that are too many to name."""
    ordered = sorted(things, key=lambda one: (-one.size, one.path))
    yield from map(str, ordered[:MOST_NAMED])
    if more := ordered[MOST_NAMED:]:
        together = size(sum(one.size for one in more))
        yield f"and {len(more):,} more, which are smaller ({together} together)"


def _new_folders(paths: Iterable[str], tracked: Collection[str]) -> Counter[str]:
    """How many of the paths are in each folder that is not tracked, however deep."""
    counts: Counter[str] = Counter()
    for path in paths:
        end = path.rfind("/")
        while end > 0:
            folder = path[: end + 1]
            if folder in tracked:
                break
            counts[folder] += 1
            end = path.rfind("/", 0, end)
    return counts


def _smallest_with(over: int, counts: Mapping[str, int], few: int) -> str | None:
    """The smallest folder that holds all that is too much; else the one with the most."""
    many = {folder: count for folder, count in counts.items() if count > few}
    enough = {folder: count for folder, count in many.items() if count >= over}
    if enough:
        return min(enough, key=lambda folder: (enough[folder], -len(folder), folder))
    return max(many, key=lambda folder: (many[folder], len(folder), folder), default=None)


def _loose(sizes: Mapping[str, int]) -> list[Thing]:
    """What is too much and stays, by the folder that it lies in."""
    counts: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for path, of in sizes.items():
        folder = path[: path.rfind("/") + 1] or "./"
        counts[folder] += 1
        total[folder] += of
    return [Thing(MANY_TAKEN, folder, total[folder], counts[folder]) for folder in counts]
