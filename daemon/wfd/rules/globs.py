"""Globs of paths that a job declares, and whether two of them can name one path.

They are written as in .gitignore: `*` and `?` within a name, `[a-z]`, `**` for any folders. A
glob begins at the top of the repository, and one that names a folder means all that is in it.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from wfd.domain.errors import BadInput

MAX_GLOBS = 50
MAX_CHARACTERS = 300

_ANY_FOLDERS = "**"
_LITERAL = re.compile(r"[][*?\\]")  # what stands for something else in a glob
_LAST = 0x10FFFF
_SLASH = ord("/")

Span = tuple[int, int]  # characters, both ends in it
Letter = tuple[Span, ...] | None  # what may stand in one place of a name; None: `*`
_ANY: tuple[Span, ...] = ((1, _SLASH - 1), (_SLASH + 1, _LAST))


def normal(globs: Sequence[str]) -> list[str]:
    """The globs as they are kept. Raises BadInput for one that could not mean what it says."""
    if len(globs) > MAX_GLOBS:
        raise BadInput(f"{len(globs)} locks are too many; at most {MAX_GLOBS}: use wider globs")
    return sorted({_normal(glob) for glob in globs})


def overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether a path is named by a glob of both."""
    return any(_can_meet(a, b) for a in one for b in other)


def outside(paths: Sequence[str], globs: Sequence[str]) -> list[str]:
    """The paths that none of the globs names."""
    return [path for path in paths if not any(_names(glob, path) for glob in globs)]


@lru_cache(maxsize=8192)
def _can_meet(one: str, other: str) -> bool:
    """Whether some path is named by both."""
    return _meet(_folders(one), _folders(other))


def _names(glob: str, path: str) -> bool:
    """Whether it names this very path, which as a glob would mean all beneath it, too."""
    return _meet(_folders(glob), _LITERAL.sub(r"\\\g<0>", path).split("/"))


def _meet(a: list[str], b: list[str]) -> bool:
    """Whether some path is named by both, of which the parts are given.

    The places (i, j) that a path can lead to, i in one glob and j in the other, folder by folder.
    """
    seen: set[tuple[int, int]] = set()
    ahead = [(0, 0)]
    while ahead:
        i, j = ahead.pop()
        if (i, j) in seen:
            continue
        seen.add((i, j))
        if (i, j) == (len(a), len(b)):
            return True
        ahead += _next(a, b, i, j)
    return False


def _folders(glob: str) -> list[str]:
    """Its parts, the end open: a folder is named with all that is in it."""
    return [*glob.split("/"), _ANY_FOLDERS]


def _next(a: list[str], b: list[str], i: int, j: int) -> list[tuple[int, int]]:
    here = a[i] if i < len(a) else None
    there = b[j] if j < len(b) else None
    found = []
    if here == _ANY_FOLDERS:
        found += [(i + 1, j), *([(i, j + 1)] if there else [])]
    if there == _ANY_FOLDERS:
        found += [(i, j + 1), *([(i + 1, j)] if here else [])]
    if here and there and _ANY_FOLDERS not in (here, there) and _names_meet(here, there):
        found.append((i + 1, j + 1))
    return found


@lru_cache(maxsize=8192)
def _names_meet(one: str, other: str) -> bool:
    """The same for one name without its folders, letter by letter."""
    a, b = _letters(one), _letters(other)
    reached = {(0, 0)}
    ahead = [(0, 0)]
    while ahead:
        i, j = ahead.pop()
        if (i, j) == (len(a), len(b)):
            return True
        steps = _steps(a, b, i, j)
        ahead += [step for step in steps if step not in reached]
        reached.update(steps)
    return False


def _steps(a: list[Letter], b: list[Letter], i: int, j: int) -> list[tuple[int, int]]:
    steps = []
    if i < len(a) and a[i] is None:
        steps += [(i + 1, j), *([(i, j + 1)] if j < len(b) else [])]
    if j < len(b) and b[j] is None:
        steps += [(i, j + 1), *([(i + 1, j)] if i < len(a) else [])]
    if i < len(a) and j < len(b):
        here, there = a[i], b[j]
        if here is not None and there is not None and _share(here, there):
            steps.append((i + 1, j + 1))
    return steps


def _share(one: tuple[Span, ...], other: tuple[Span, ...]) -> bool:
    return any(low <= end and begin <= high for low, high in one for begin, end in other)


def _letters(name: str) -> list[Letter]:
    """What may stand in each place of a name. Raises BadInput for half a class."""
    letters: list[Letter] = []
    at = 0
    while at < len(name):
        match name[at]:
            case "*":
                if not letters or letters[-1] is not None:
                    letters.append(None)
            case "?":
                letters.append(_ANY)
            case "[":
                spans, at = _class(name, at)
                letters.append(spans)
            case "\\":
                at += 1
                if at == len(name):
                    raise BadInput(f"the lock '{name}' ends with a lone backslash")
                letters.append(_one(name[at]))
            case letter:
                letters.append(_one(letter))
        at += 1
    return letters


def _one(letter: str) -> tuple[Span, ...]:
    return ((ord(letter), ord(letter)),)


def _class(name: str, opened: int) -> tuple[tuple[Span, ...], int]:
    """The characters of `[…]`, and where it ends."""
    at = opened + 1
    is_negated = name[at : at + 1] in ("!", "^")
    first = at = at + is_negated
    spans: list[Span] = []
    while at < len(name) and (name[at] != "]" or at == first):
        if name[at : at + 2] == "[:":
            raise BadInput(f"the lock '{name}' has a named class; write its letters, as in [a-z]")
        low, at = _member(name, at)
        high = low
        if name[at : at + 1] == "-" and name[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(name, at + 1)
        if high < low:
            raise BadInput(f"the lock '{name}' has a class that runs backwards")
        spans.append((low, high))
    if at >= len(name):
        raise BadInput(f"the lock '{name}' has a '[' that is not closed; \\[ means the character")
    named = _all_but(spans) if is_negated else tuple(spans)
    return _all_but([*_all_but(named), (_SLASH, _SLASH)]), at


def _member(name: str, at: int) -> tuple[int, int]:
    """One character of a class, and where the next begins."""
    if name[at] == "\\" and at + 1 < len(name):
        at += 1
    return ord(name[at]), at + 1


def _all_but(spans: Sequence[Span]) -> tuple[Span, ...]:
    left = []
    begin = 1
    for low, high in sorted(spans):
        if low > begin:
            left.append((begin, low - 1))
        begin = max(begin, high + 1)
    return (*left, *([(begin, _LAST)] if begin <= _LAST else []))


def _normal(glob: str) -> str:
    text = glob.strip()
    if len(text) > MAX_CHARACTERS:
        raise BadInput(f"a lock has {len(text)} characters; at most {MAX_CHARACTERS}")
    if not text.isprintable():
        raise BadInput("a lock holds a control character; it must be a plain path or glob")
    if text.startswith("!"):
        raise BadInput(f"the lock '{text}' excludes; a lock can only name what is touched")
    if "{" in text or "}" in text:
        raise BadInput(f"the lock '{text}' has braces; give --lock once for each alternative")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts:
        raise BadInput(f"the lock '{glob}' names nothing; for the whole repository say '**'")
    if ".." in parts:
        raise BadInput(f"the lock '{text}' leaves the repository; a lock begins at its top")
    for part in parts:
        if part != _ANY_FOLDERS:
            _letters(part)
    return "/".join(parts)
