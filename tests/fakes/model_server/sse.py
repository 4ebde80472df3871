"""Server-sent events, and text in pieces as a model streams it."""

import json
from collections.abc import Iterator

PIECES = 4


def event(data: object, name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def pieces(text: str) -> Iterator[str]:
    """The text in a few pieces; nothing if it is empty."""
    size = max(1, -(-len(text) // PIECES))
    return (text[start : start + size] for start in range(0, len(text), size))
