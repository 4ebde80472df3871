"""From a row to a frozen dataclass: enums and booleans get their types back."""

import dataclasses
import types
import typing
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")

_SCALARS = (int, str, float, bytes)
_readers: dict[tuple[type[Any], tuple[str, ...]], Callable[[Sequence[object]], Any]] = {}


def reader(into: type[T], columns: Sequence[str]) -> Callable[[Sequence[object]], T]:
    """A function from a row with these columns to `into`; made once for each pair."""
    key = (into, tuple(columns))
    known = _readers.get(key)
    if known is None:
        known = _readers[key] = _first if into in _SCALARS else _dataclass_reader(*key)
    return known


def _first(row: Sequence[object]) -> Any:
    return row[0]


def _dataclass_reader(
    into: type[Any], columns: tuple[str, ...]
) -> Callable[[Sequence[object]], Any]:
    place = {name: index for index, name in enumerate(columns)}
    hints = typing.get_type_hints(into)
    wanted = [f.name for f in dataclasses.fields(into)]
    missing = [name for name in wanted if name not in place]
    if missing:
        raise TypeError(f"{into.__name__} wants columns that the statement lacks: {missing}")
    plan = [(place[name], _converter(hints[name])) for name in wanted]

    def read(row: Sequence[object]) -> Any:
        return into(*[row[i] if to is None or row[i] is None else to(row[i]) for i, to in plan])

    return read


def _converter(hint: object) -> Callable[[Any], object] | None:
    """What a column's value goes through, by the type that is wanted of it."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _converter(inner[0]) if len(inner) == 1 else None
    if hint is bool or (isinstance(hint, type) and issubclass(hint, Enum)):
        return hint
    return None
