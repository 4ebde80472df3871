"""The project's documents, as the tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

_CODE = re.compile(r"`([^`]+)`")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """What stands below a heading, up to the next one that is not beneath it."""
    marks, _, _ = heading.partition(" ")
    _, found, below = f"\n{text_of(name)}".partition(f"\n{heading}\n")
    assert found, f"no '{heading}' in {name}"
    return re.split(rf"^#{{1,{len(marks)}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]


def table(name: str, heading: str) -> list[list[str]]:
    """The rows of the one table whose first column has that heading, cell by cell."""
    return table_in(text_of(name), heading)[1:]


def table_in(text: str, heading: str) -> list[list[str]]:
    """The same of a part of a document, with the line of headings first."""
    rows: list[list[str]] = []
    is_inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            is_inside = False
        elif cells[0] == heading:
            is_inside = True
        if is_inside and set(line) - set("|-"):
            rows.append(cells)
    return rows


def code_in(text: str) -> list[str]:
    """What stands between backticks."""
    return _CODE.findall(text)


def only_code(cell: str) -> str:
    (code,) = code_in(cell)
    return code
