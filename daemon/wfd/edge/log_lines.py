"""The daemon's log, line by line, as a person reads it."""

import json
from collections.abc import Mapping

import click

from wfd.edge.words import one_line, tame

LEVELS = ("debug", "info", "warning", "error", "critical")
_COLOURS = {"debug": "bright_black", "info": "green", "warning": "yellow", "error": "red"}
_SHOWN_FIRST = frozenset({"timestamp", "level", "event", "exception"})
_FOR_MACHINES = frozenset({"namespace_id", "session_id", "snapshot"})  # --json has them


def entry(line: bytes) -> dict[str, object]:
    """One entry. A line that no logger of ours wrote has the key `line` and no event."""
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict) and "event" in parsed:
        return parsed
    return {"line": line.decode("utf-8", "replace")}


def is_wanted(one: Mapping[str, object], level: str, job_id: int | None) -> bool:
    """Foreign lines are shown unless something was asked for by name."""
    if "event" not in one:
        return job_id is None and level == LEVELS[0]
    if job_id is not None and one.get("job_id") != job_id:
        return False
    return _rank(str(one.get("level", "info"))) >= _rank(level)


def shown(one: Mapping[str, object]) -> str:
    """'12:04:31 info  run.closed  job_id=3 outcome=succeeded', with a traceback below it.

    What is empty and what only a program asks for is left to the file and to --json.
    """
    if "event" not in one:
        return tame(str(one["line"]))
    level = str(one.get("level", "info"))
    facts = " ".join(
        f"{tame(key)}={_value(value)}"
        for key, value in one.items()
        if key not in _SHOWN_FIRST | _FOR_MACHINES and not _is_nothing(value)
    )
    head = (
        f"{click.style(_clock(str(one.get('timestamp', ''))), dim=True)} "
        f"{click.style(f'{one_line(level):<7}', fg=_COLOURS.get(level, 'red'))} "
        f"{click.style(one_line(str(one['event'])), bold=True)}"
    )
    text = f"{head} {facts}" if facts else head
    trace = one.get("exception")
    return f"{text}\n{tame(str(trace))}" if trace else text


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    flat = one_line(text)
    return json.dumps(flat, ensure_ascii=False) if " " in flat or not flat else flat


def _clock(timestamp: str) -> str:
    return one_line(timestamp).replace("T", " ")[:19] or "-"


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)
