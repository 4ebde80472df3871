"""Reading JSON whose shape nobody has checked: what is not there is empty."""

from collections.abc import Sequence

from tests.fakes.model_server.seen import Json


def at(value: object, *path: str | int) -> object:
    """What lies at the end of the path, or None."""
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text_at(value: object, *path: str | int) -> str:
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def objects_at(value: object, *path: str | int) -> Sequence[Json]:
    """The objects of the list at the end of the path."""
    found = at(value, *path)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
