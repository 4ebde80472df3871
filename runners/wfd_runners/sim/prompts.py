"""What the sim agent understands of a prompt: quoted blocks by their label, and the facts."""

import json

FACTS = "```json wfd-facts"
MAX_GIST = 120

Json = dict[str, object]


def gist(prompt: str, *labels: str) -> str:
    """One line that says what a prompt is about.

    That is the first line of the first block quoted under one of the labels, the labels in
    their order; else the first line of the prompt that is no heading.
    """
    lines = [line.strip() for line in prompt.split("\n")]
    for label in labels:
        for n, line in enumerate(lines):
            if line.startswith("```") and line.lstrip("`") == f"data {label}":
                words = _first_words(lines[n + 1 :])
                if words:
                    return words
    return _first_words(lines) or "nothing"


def read_facts(prompt: str) -> Json | None:
    """The daemon's facts in a PM's prompt, or None.

    They are the first such block: all that others wrote is quoted below it.
    """
    _, opening, rest = f"\n{prompt}".partition(f"\n{FACTS}\n")
    block, closing, _ = rest.partition("\n```")
    if not opening or not closing:
        return None
    try:
        facts = json.loads(block)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


def _first_words(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("#"):
            continue
        words = line.strip("`>*- ")
        if words:
            return words if len(words) <= MAX_GIST else words[: MAX_GIST - 1] + "…"
    return ""
