"""A new blob that differs from the old one only where the file differs from its checkout.

git's conversions of line ends and of `$Id$` leave lines where they are. So a line that is as it
was checked out is taken from the old blob, whatever git would make of it now.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

_ID = re.compile(rb"\$Id:[^$\n]*\$")
_MOST_PAIRS = 1_000_000  # lines before times lines after, of what is compared closely


def spliced(
    blob: bytes, checked_out: bytes, now: bytes, cleaned: bytes, *, has_ident: bool = False
) -> bytes:
    """The blob of a file that is `now`, of which git would make `cleaned`.

    A changed line is git's, but keeps the end that it has in the file where the old blob keeps
    such ends too. It is `cleaned` whole where lines do not stay in their places. With `has_ident`,
    what a checkout has written into `$Id$` counts for nothing.
    """
    old, before = _lines(blob), _lines(checked_out)
    after, clean = _lines(now), _lines(cleaned)
    if len(old) != len(before) or len(after) != len(clean):
        return cleaned
    keeps_ends = b"\r\n" in blob
    made: list[bytes] = []
    at = 0
    words = (_without_ids(before), _without_ids(after)) if has_ident else (before, after)
    for begin, end, since in _equal(*words):
        changed = zip(after[at:begin], clean[at:begin], strict=True)
        made += [_ended(line, of_git) if keeps_ends else of_git for line, of_git in changed]
        made += old[since : since + end - begin]
        at = end
    return b"".join(made)


def _without_ids(lines: Sequence[bytes]) -> list[bytes]:
    return [_ID.sub(b"$Id$", line) for line in lines]


def _lines(data: bytes) -> list[bytes]:
    """With their ends; only a line feed ends one."""
    return data.splitlines(keepends=True) if b"\r" not in data else _at_line_feeds(data)


def _at_line_feeds(data: bytes) -> list[bytes]:
    *whole, rest = data.split(b"\n")
    return [*(line + b"\n" for line in whole), *([rest] if rest else [])]


def _ended(line: bytes, of_git: bytes) -> bytes:
    if line.endswith(b"\r\n") and of_git.endswith(b"\n") and not of_git.endswith(b"\r\n"):
        return of_git[:-1] + b"\r\n"
    return of_git


def _equal(before: Sequence[bytes], after: Sequence[bytes]) -> Iterator[tuple[int, int, int]]:
    """Where lines of `after` are those of `before`: begin, end, and where in `before`.

    The last one ends with `after`. A middle that is too large to compare counts as changed.
    """
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    tail = next(
        (n for n in range(shorter - head) if before[-1 - n] != after[-1 - n]), shorter - head
    )
    yield 0, head, 0
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    if len(old) * len(new) <= _MOST_PAIRS:
        for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks():
            begin = head + block.b
            yield begin, begin + block.size, head + block.a
    yield len(after) - tail, len(after), len(before) - tail
