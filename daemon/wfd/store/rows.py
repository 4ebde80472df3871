"""From a row to a frozen dataclass: enums and booleans get their types back."""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from itertools import compress
from typing import Any, TypeVar

T = TypeVar("T")

_SCALARS = (int, str, float, bytes)


class Readers:
    """The reader of each statement into each type, made when it first has a row."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, type[Any]], Callable[[Sequence[object]], Any]] = {}

    def of(
        self, statement: str, into: type[T], columns: Iterable[str]
    ) -> Callable[[Sequence[object]], T]:
        made = self._made.get((statement, into))
        if made is None:
            made = reader(into, list(columns))
            self._made[statement, into] = made
        return made


def reader(into: type[T], columns: Sequence[str]) -> Callable[[Sequence[object]], T]:
    """A function from a row with these columns to `into`."""
    return _first if into in _SCALARS else _dataclass_reader(into, columns)


def _first(row: Sequence[object]) -> Any:
    return row[0]


def _dataclass_reader(into: type[Any], columns: Sequence[str]) -> Callable[[Sequence[object]], Any]:
    hints = typing.get_type_hints(into)
    wanted = [f.name for f in dataclasses.fields(into)]
    by_default = {f.name for f in dataclasses.fields(into) if f.default is not dataclasses.MISSING}
    missing = [name for name in wanted if name not in columns and name not in by_default]
    if missing:
        raise TypeError(f"{into.__name__} wants columns that the statement lacks: {missing}")
    is_wanted = [name in wanted for name in columns]
    names = list(compress(columns, is_wanted))
    plan = [(name, to) for name in names if (to := _converter(hints[name])) is not None]

    def read(row: Sequence[object]) -> Any:
        made = object.__new__(into)
        # its own __init__ sets the fields of a frozen dataclass one by one: that costs more than
        # the whole query
        fields = made.__dict__
        fields.update(zip(names, compress(row, is_wanted), strict=True))
        for name, to in plan:
            if fields[name] is not None:
                fields[name] = to(fields[name])
        return made

    return read


def _converter(hint: object) -> Callable[[Any], object] | None:
    """What a column's value goes through, by the type that is wanted of it."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [arg for arg in typing.get_args(hint) if arg is not type(None)]
        return _converter(inner[0]) if len(inner) == 1 else None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _Members(hint).__getitem__
    return bool if hint is bool else None


class _Members(dict[object, Enum]):
    """The members of an enum by value; to look one up costs a tenth of calling the enum."""

    def __init__(self, of: type[Enum]) -> None:
        super().__init__({member.value: member for member in of})
        self._of = of

    def __missing__(self, value: object) -> Enum:
        return self._of(value)  # raises ValueError, in the enum's own words
