"""Text cut to a length, with the cut shown."""

from collections.abc import Sequence

from wfd.rules.tame import tame

_MAX_NAME = 200  # characters


def clip(text: str, max_chars: int) -> str:
    """The beginning and the end of a text; most of a long answer's news is in its end."""
    if len(text) <= max_chars:
        return text
    head = max_chars // 3
    left_out = len(text) - max_chars
    return f"{text[:head]}\n[… {left_out:,} characters left out …]\n{text[head + left_out :]}"


def tail(text: str, max_chars: int) -> str:
    """The end of a text: where a command says what went wrong."""
    if len(text) <= max_chars:
        return text
    return f"[… {len(text) - max_chars:,} characters left out …]\n{text[-max_chars:]}"


def largest(text: str, max_chars: int) -> str:
    """The first lines of a list, largest first, and its last one, which is its sum."""
    if len(text) <= max_chars:
        return text
    *rows, last = text.split("\n")
    last = clip(last, max_chars)
    room = max_chars - len(last)
    shown: list[str] = []
    for row in rows:
        room -= len(row) + 1
        if room < 0:
            break
        shown.append(row)
    more = len(rows) - len(shown)
    return "\n".join([*shown, f"[… {more:,} lines left out, of smaller ones …]", last])


def named(names: Sequence[str], most: int) -> str:
    """'a, b and 3 more', on one line."""
    more = len(names) - most
    told = ", ".join(tame(one_line(name, _MAX_NAME)) for name in names[:most])
    return f"{told} and {more} more" if more > 0 else told


def one_line(text: str, max_chars: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= max_chars else f"{words[: max_chars - 1]}…"
