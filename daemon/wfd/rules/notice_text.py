"""What a notice says: who it is about and what has happened, then what to type."""

from collections.abc import Mapping
from datetime import UTC, datetime

from wfd.domain.event import Event
from wfd.rules.clip import one_line
from wfd.rules.notices import GIVEN_UP, STOPPED, data_of, question_of
from wfd.rules.tame import tame
from wfd.rules.typed import typed

COMPLETED = "assignment.completed"
_MAX_TITLE = 60
_MAX_SENTENCE = 300
_MAX_FACTS = 4
_MAX_FACT = 60
_SENTENCES = ("text", "question", "reason", "message", "error")  # the first that is there
_A_TIME = 10**12  # in UTC milliseconds; a smaller number is no time of these years


def text_of(event: Event, namespace: str | None, title: str | None) -> str:
    """`title` is the intent of its assignment. Texts of others stand on one line, tamed."""
    data = data_of(event)
    told = _sentence(data) or _facts(data)
    head = _head(event, namespace, title)
    said = f"{head}: {told}" if told else head
    return f"{said}\n{_to_type(event, namespace)}"


def _head(event: Event, namespace: str | None, title: str | None) -> str:
    """'A7 J42 "add a login page" in shop asks Q5', or 'ai broken' where it is of no assignment."""
    if event.assignment_id is None:
        return " ".join(words for words in (_as_words(event.kind), _in(namespace)) if words)
    about = (_subject(event), _quoted(title), _in(namespace), _happened(event))
    return " ".join(words for words in about if words)


def _subject(event: Event) -> str:
    job = "" if event.job_id is None else f" J{event.job_id}"
    return f"A{event.assignment_id}{job}"


def _quoted(title: str | None) -> str:
    return f'"{_flat(title, _MAX_TITLE)}"' if title else ""


def _in(namespace: str | None) -> str:
    return f"in {namespace}" if namespace else ""


def _happened(event: Event) -> str:
    """'is blocked' of an assignment, 'asks Q5' of a question; of all else its kind in words."""
    noun, _, verb = event.kind.partition(".")
    asked = question_of(event)
    if event.kind == "question.asked" and asked is not None:
        return f"asks Q{asked}"
    return f"is {verb}" if noun == "assignment" else _as_words(event.kind)


def _as_words(kind: str) -> str:
    return kind.replace(".", " ").replace("_", " ")


def _sentence(data: Mapping[str, object]) -> str:
    for key in _SENTENCES:
        value = data.get(key)
        if isinstance(value, str) and value.strip():
            return _flat(value, _MAX_SENTENCE)
    return ""


def _facts(data: Mapping[str, object]) -> str:
    """What an event of an unknown kind tells, as far as it is short."""
    facts = [
        f"{key} {_shown(value)}"
        for key, value in data.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    ]
    return ", ".join(facts[:_MAX_FACTS])


def _shown(value: str | float) -> str:
    if isinstance(value, int) and _A_TIME < value < 10 * _A_TIME:
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return _flat(str(value), _MAX_FACT)


def _to_type(event: Event, namespace: str | None) -> str:
    where = f" {typed('--namespace', namespace)}" if namespace else ""
    noun = event.kind.partition(".")[0]
    if noun in ("question", "approval"):
        return f"wfctl inbox{where}"
    if event.kind == GIVEN_UP:
        return "wfctl notify list"
    if noun in ("ai", "hold"):
        return "wfctl ai list"
    if event.assignment_id is None:
        return "wfd status"
    if event.kind == COMPLETED:
        branch = f"wfd/A{event.assignment_id}"
        return f"wfctl diff A{event.assignment_id}{where}; in its checkout: git merge {branch}"
    if event.kind in STOPPED:
        return f'wfctl update-assignment A{event.assignment_id} --status active --reason "…"{where}'
    return f"wfctl assignment A{event.assignment_id}{where}"


def _flat(text: str, max_chars: int) -> str:
    return tame(one_line(text, max_chars))
