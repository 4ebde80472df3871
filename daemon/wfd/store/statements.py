"""Named SQL: `-- name`, comment lines of intent, one statement, for each name."""

import re
from functools import cache
from importlib.resources import files

_HEAD = re.compile(r"^-- ([a-z][a-z0-9_]*)$", re.MULTILINE)


@cache
def statements(dialect: str = "sqlite") -> dict[str, str]:
    """Every statement of store/sql/<dialect>/*.sql by its name."""
    found: dict[str, str] = {}
    for file in sorted((files("wfd.store") / "sql" / dialect).iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".sql") or file.name == "schema.sql":
            continue
        parts = _HEAD.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"{file.name}: statement '{name}' stands twice")
            found[name] = body.strip().rstrip(";")
    return found


@cache
def migrations(dialect: str = "sqlite") -> list[tuple[int, str]]:
    """(number, SQL) of every migration, in order."""
    folder = files("wfd.store") / "sql" / dialect / "migrations"
    found = [(int(f.name[:4]), f.read_text(encoding="utf-8")) for f in folder.iterdir()]
    return sorted(found)
