"""Named SQL: `-- name`, comment lines of intent, one statement, for each name."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from pathlib import Path

_SQL = Path(__file__).parent / "sql"
_HEAD = re.compile(r"^-- ([a-z][a-z0-9_]*)$", re.MULTILINE)
_INTENT = re.compile(r"^--.*\n", re.MULTILINE)
_PARAMETER = re.compile(r":([a-z][a-z0-9_]*)")


@cache
def statements(dialect: str = "sqlite") -> dict[str, str]:
    """Every statement of store/sql/<dialect>/*.sql by its name."""
    found: dict[str, str] = {}
    for file in sorted((_SQL / dialect).glob("*.sql")):
        if file.name == "schema.sql":
            continue
        parts = _HEAD.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"{file.name}: statement '{name}' stands twice")
            found[name] = _INTENT.sub("", body).strip().rstrip(";")
    return found


@cache
def migrations(dialect: str = "sqlite") -> list[tuple[int, str]]:
    """(number, SQL) of every migration, in order."""
    folder = _SQL / dialect / "migrations"
    found = [(int(f.name[:4]), f.read_text(encoding="utf-8")) for f in folder.iterdir()]
    return sorted(found)


def one_by_one(script: str) -> Iterator[str]:
    """The statements of a script."""
    so_far = ""
    for piece in f"{script.strip().removesuffix(';')};".split(";")[:-1]:
        so_far += f"{piece};"
        if sqlite3.complete_statement(so_far):
            yield so_far
            so_far = ""


@dataclass(frozen=True)
class Positional:
    """A statement whose values go by position: the module looks named ones up one by one."""

    sql: str
    in_order: Callable[[Mapping[str, object]], Sequence[object]]


@cache
def positional(sql: str) -> Positional:
    names = list(dict.fromkeys(_PARAMETER.findall(sql)))
    numbered = _PARAMETER.sub(lambda found: f"?{names.index(found[1]) + 1}", sql)
    match names:  # of one name `itemgetter` makes no sequence, and of none nothing at all
        case []:
            return Positional(numbered, lambda values: ())
        case [name]:
            return Positional(numbered, lambda values: (values[name],))
        case _:
            return Positional(numbered, itemgetter(*names))
