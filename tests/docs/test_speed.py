"""docs/speed.md speaks of every figure that scripts/bench measures, and shows every plot."""

import re

from tests.docs.documents import ROOT, only_code, table, text_of

from benchmarks.__main__ import MODULES, PLOTS

NAME = "docs/speed.md"


def test_every_figure_has_its_row() -> None:
    rows = [only_code(row[0]) for row in table(NAME, "id")]

    assert sorted(rows) == sorted(id_ for of in MODULES.values() for id_ in of)


def test_what_is_missed_is_explained() -> None:
    _, _, missed = text_of(NAME).partition("## Missed, and why")
    for row in table(NAME, "id"):
        if row[-1] == "missed":
            assert row[0] in missed.partition("\n## ")[0], f"{row[0]} is missed without a word"


def test_every_plot_is_shown_and_there() -> None:
    shown = re.findall(r"\]\((speed/[a-z]+\.svg)\)", text_of(NAME))

    assert {f"speed/{name}.svg" for name in PLOTS} == set(shown)
    assert all((ROOT / "docs" / name).read_text().startswith("<?xml") for name in shown)
