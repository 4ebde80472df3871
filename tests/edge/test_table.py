"""Tables on a terminal that is narrow: what does not fit is folded, and nothing is lost."""

from collections import Counter
from collections.abc import Callable, Sequence

import click
import pytest
from rich.cells import cell_len

from wfd.edge.table import Column, _kept, cell, print_table

QUEUE = [
    Column("JOB"), Column("OF"), Column("TYPE"), Column("STATE"), Column("PRIO", is_number=True),
    Column("HARNESS", can_wrap=True), Column("WAITS FOR", can_wrap=True), Column("MADE"),
    Column("LANE"), Column("LOCKS", can_wrap=True), Column("KEY", is_for_programs=True),
]  # fmt: skip
JOBS = [
    ("J158", "A23", "implement", "waiting", 0, "claude", "paths that J157 has", "3m ago", "J158",
     "src/json/**, docs/a-very-long-name/**", "x"),
    ("J159", "A23", "review", "running", 10, "by hand: ada", "running for 3m", "14m ago", "main",
     "日本語/日本語/**", "x"),
]  # fmt: skip
ASSIGNMENTS = [
    Column("ASSIGNMENT"), Column("STATE"), Column("OPEN", is_number=True),
    Column("JOBS", is_number=True), Column("COST", can_wrap=True),
    Column("TOKENS", is_number=True), Column("PM", is_number=True), Column("MADE"),
    Column("NORTH STAR", can_cut=True),
]  # fmt: skip
COST = "$12.34 + 3 runs not reported"
STAR = "Rewrite the parser so that the JSON of hostile clients is refused in words"


@pytest.fixture
def shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What a terminal of that width is given."""

    def show(columns: list[Column], rows: Sequence[Sequence[object]], width: int = 80) -> str:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        print_table(columns, [[cell(value) for value in row] for row in rows], empty="")
        return click.unstyle(capsys.readouterr().out)

    return show


def letters(*texts: str) -> Counter[str]:
    return Counter("".join("".join(texts).split()))


@pytest.mark.parametrize("width", [80, 60, 41, 10])
def test_what_does_not_fit_is_folded_and_no_letter_is_lost(
    shown: Callable[..., str], width: int
) -> None:
    names = [column.name for column in QUEUE[:-1]]
    values = [str(value) for job in JOBS for value in job[:-1]]
    assert letters(shown(QUEUE, JOBS, width)) == letters(*names, *values)


def test_at_80_columns_only_what_can_wrap_is_folded(shown: Callable[..., str]) -> None:
    table = shown(QUEUE, JOBS)
    assert max(cell_len(line) for line in table.splitlines()) <= 80
    assert {"J158", "A23", "implement", "waiting", "claude", "main"} <= set(table.split())


def test_a_text_that_is_cut_shows_it_and_has_the_room_that_is_left(
    shown: Callable[..., str],
) -> None:
    before = ("A23", "complete", 1, 12)
    long = (*before, COST, "1,234,567", "33%", "3m ago", STAR)
    short = (*before, "$1", "", "", "3m ago", STAR)
    table = shown(ASSIGNMENTS, [long])
    assert "Rewrite the…" in table
    assert max(cell_len(line) for line in table.splitlines()) <= 80
    assert "Rewrite the parser …" in shown(ASSIGNMENTS, [short])
    assert STAR in shown(ASSIGNMENTS, [short], 140)


def test_a_table_that_just_fits_is_not_touched(shown: Callable[..., str]) -> None:
    columns = [Column("KEY"), Column("VALUE", can_wrap=True)]
    assert shown(columns, [("a", "v" * 75)]).splitlines()[1] == "a    " + "v" * 75


def test_columns_go_on_a_narrow_terminal_before_texts_are_crushed() -> None:
    columns = [
        Column("ID"),
        Column("TOKENS", is_number=True, gives_way=2),
        Column("COST", gives_way=1),
        Column("GOAL", can_cut=True),
    ]
    row = [cell("A7"), cell("1,000,000,000"), cell("$1.00"), cell("make all of it green " * 4)]

    wide, narrow, tiny = (_kept(columns, [row], width) for width in (120, 44, 36))

    assert (wide, narrow, tiny) == ([0, 1, 2, 3], [0, 2, 3], [0, 3])
