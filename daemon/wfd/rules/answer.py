"""An agent's answer that should be JSON: where in it the JSON may be."""

from collections.abc import Iterator

from pydantic_core import from_json


def candidates(structured: object | None, text: str) -> Iterator[object]:
    """What may be the answer, best first: structured output, last ```json block, whole text."""
    if isinstance(structured, str):
        yield from _parsed(structured)
    elif structured is not None:
        yield structured
    block = last_block(text)
    if block is not None:
        yield from _parsed(block)
    yield from _parsed(text)


def last_block(text: str) -> str | None:
    """The body of the last fenced block that calls itself json; None when there is none."""
    last = None
    for info, body in blocks(text):
        if info.split(" ")[0] == "json":
            last = body
    return last


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Every fenced block that is closed: what it calls itself, in small letters, and its body."""
    body, fence, info = list[str](), "", ""
    # by line, since a pattern that spans lines is quadratic on an answer full of open fences
    for line in text.split("\n"):
        mark = line.strip()
        if not fence:
            if mark.startswith("```"):
                fence, info = _opening(mark)
                body = []
        elif mark.startswith(fence) and not mark.strip("`"):
            yield info.lower(), "\n".join(body)
            fence = ""
        else:
            body.append(line)


def _opening(mark: str) -> tuple[str, str]:
    info = mark.lstrip("`")
    return mark[: len(mark) - len(info)], info.strip()


def _parsed(text: str) -> Iterator[object]:
    try:
        yield from_json(text)
    except ValueError:
        return
