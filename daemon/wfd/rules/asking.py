"""A question in an agent's answer, and what a question of the PM is about."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator
from pydantic_core import from_json

from wfd.domain.question import Forbidden
from wfd.rules.answer import blocks
from wfd.rules.clip import clip, one_line
from wfd.rules.facts import Facts

BLOCK = "wfd-question"  # what the fenced block calls itself, after "json"
MAX_QUESTION = 4_000  # characters
MAX_OPTIONS = 9  # so that each has a number of one digit
MAX_OPTION = 200  # characters


@dataclass(frozen=True)
class Asked:
    text: str
    options: tuple[str, ...]


def options_of(value: object) -> tuple[str, ...]:
    """The options that are texts, of whatever an agent gave as options."""
    given = value if isinstance(value, list | tuple) else ()
    words = (one_line(one, MAX_OPTION) for one in given if isinstance(one, str))
    return tuple(dict.fromkeys(one for one in words if one))[:MAX_OPTIONS]


Options = Annotated[tuple[str, ...], BeforeValidator(options_of)]


class _Block(BaseModel):
    question: str
    options: Options = ()


def read(text: str) -> Asked | None:
    """The question that an answer ends in; None when it asks none, or none that can be read."""
    if BLOCK not in text.lower():
        return None
    last = None
    for info, body in blocks(text):
        if info.split() == ["json", BLOCK]:
            last = _asked(body) or last
    return last


def _asked(body: str) -> Asked | None:
    try:
        block = _Block.model_validate(from_json(body))
    except ValueError:  # what it is not, and what no JSON is
        return None
    question = block.question.strip()
    return Asked(clip(question, MAX_QUESTION), block.options) if question else None


def forbidden(facts: Facts, *, is_refused: bool = False) -> Forbidden | None:
    """What stands in the way of the work itself, where a PM asks a person how to go on.

    Or what has refused it: to complete what has changed nothing is worth an offer only then.
    """
    if facts.breach:
        return Forbidden.CAP
    if facts.stuck:
        return Forbidden.STUCK
    has_work = is_refused or not facts.nothing_changed
    is_gates = facts.gates_open and has_work and not facts.open_jobs
    return Forbidden.GATES if is_gates else None
