"""Text cut to a length, with the cut shown."""


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


def one_line(text: str, max_chars: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= max_chars else f"{words[: max_chars - 1]}…"
