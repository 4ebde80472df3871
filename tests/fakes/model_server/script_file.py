"""A script as JSON, for a person who tries a CLI by hand.

    {"implement": [{"turn": [{"shell": "make"}, {"say": "It builds."}], "tokens_in": 5000},
                   {"fail": {"status": 429, "message": "slow down", "headers": {}}},
                   {"cut": "some text"}, {"hang": {"text": "some text", "headers": true}}]}

A step may also be a text alone, which the model says. Parts are say, think, shell, answer, and
{"write": "path", "text": "..."}. The role "*" serves each role that has no steps of its own.
"""

from collections.abc import Mapping

from tests.fakes.model_server.turns import (
    Answer,
    Cut,
    Fail,
    Hang,
    Part,
    Say,
    Script,
    Shell,
    Step,
    Think,
    Turn,
    Write,
)


def read_script(value: object) -> Script:
    """Raises ValueError that names what is no script."""
    if not isinstance(value, Mapping):
        raise ValueError(f"a script is an object of lists by role, not {value!r}")
    return {str(role): [_step(step) for step in steps] for role, steps in value.items()}


def _step(value: object) -> Step:
    match value:
        case str(text):
            return Turn(Say(text))
        case {"turn": list(parts), **tokens}:
            return Turn(*(_part(part) for part in parts), **_counts(tokens))
        case {"fail": dict(fields)}:
            return Fail(**{"message": "scripted", **fields})
        case {"cut": str(text)}:
            return Cut(text)
        case {"hang": dict(fields)}:
            return Hang(**fields)
        case _:
            raise ValueError(f"no step: {value!r}; known: turn, fail, cut, hang, or a text")


def _counts(tokens: Mapping[object, object]) -> dict[str, int]:
    return {str(name): count for name, count in tokens.items() if isinstance(count, int)}


def _part(value: object) -> Part:
    match value:
        case str(text) | {"say": str(text)}:
            return Say(text)
        case {"think": str(text)}:
            return Think(text)
        case {"shell": str(command)}:
            return Shell(command)
        case {"write": str(path), "text": str(text)}:
            return Write(path, text)
        case {"answer": answer}:
            return Answer(answer)
        case _:
            raise ValueError(f"no part: {value!r}; known: say, think, shell, write, answer")
