"""From a row to a value: types come back, and what is missing is named."""

import sqlite3
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import pytest

from wfd.store.rows import Readers, reader


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


@dataclass(frozen=True)
class Thing:
    name: str
    colour: Colour
    shade: Colour | None
    size: Size
    is_new: bool
    is_old: bool | None
    weight: float | None


COLUMNS = ("name", "colour", "shade", "size", "is_new", "is_old", "weight")


def test_enums_and_booleans_get_their_types_back() -> None:
    read = reader(Thing, COLUMNS)(("ball", "red", "blue", 2, 1, 0, 0.5))
    assert read == Thing("ball", Colour.RED, Colour.BLUE, Size.LARGE, True, False, 0.5)
    assert type(read.colour) is Colour and type(read.size) is Size
    assert read.is_new is True and read.is_old is False


def test_null_is_none_and_never_false_or_an_enum() -> None:
    read = reader(Thing, COLUMNS)(("ball", "red", None, 1, 0, None, None))
    assert (read.shade, read.is_old, read.weight) == (None, None, None)


def test_columns_may_come_in_any_order_with_others_between() -> None:
    read = reader(Thing, ("other", *reversed(COLUMNS)))(("?", None, None, 0, 1, None, "red", "b"))
    assert read == Thing("b", Colour.RED, None, Size.SMALL, False, None, None)


def test_a_column_that_the_statement_lacks_is_named() -> None:
    with pytest.raises(TypeError, match=r"Thing .*\['size', 'weight'\]"):
        reader(Thing, [name for name in COLUMNS if name not in ("size", "weight")])


def test_a_value_that_its_enum_does_not_know_is_not_let_in() -> None:
    with pytest.raises(ValueError, match="green"):
        reader(Thing, COLUMNS)(("ball", "green", None, 1, 0, None, None))


def test_plain_types_are_the_first_column() -> None:
    assert reader(int, ("n",))((7,)) == 7
    assert reader(str, ("name",))(("a",)) == "a"


def test_two_statements_into_one_noun_are_read_each_by_its_own_columns() -> None:
    connection = sqlite3.connect(":memory:")
    readers = Readers()

    @dataclass(frozen=True)
    class Pair:
        a: int
        b: int

    def read(sql: str) -> Pair:
        cursor = connection.execute(sql)
        return readers.of(sql, Pair, [column[0] for column in cursor.description])(
            cursor.fetchone()
        )

    assert read("select 1 as a, 2 as b") == read("select 2 as b, 1 as a") == Pair(1, 2)
    connection.close()
