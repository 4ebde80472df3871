"""The list of AIs."""

from collections.abc import Mapping, Sequence

from wfd.edge.ai_words import stand_words
from wfd.edge.table import Cell, Column, cell, print_table
from wfd.edge.words import spend

_COLOURS = {"free": "green", "full": "cyan", "held": "yellow", "broken": "red", "probe": "yellow"}


def print_ais(ais: Sequence[Mapping[str, object]], now: int) -> None:
    columns = [
        Column("AI"),
        Column("HARNESS"),
        Column("ACCOUNT"),
        Column("STATE", can_wrap=True),
        Column("RUNNING", is_number=True),
        Column("WAITING", is_number=True),
        Column("LABELS", can_wrap=True),
        Column("COST", can_wrap=True),
        Column("DEFINED", is_for_programs=True),
    ]
    print_table(columns, [_row(one, now) for one in ais], empty="no AI is defined")


def _row(ai: Mapping[str, object], now: int) -> list[Cell]:
    words = stand_words(ai, now)
    running, limit = ai["running"], ai["limit"]
    cost, unmeasured = ai["cost_usd"], ai["unmeasured"]
    assert isinstance(cost, float | int | None) and isinstance(unmeasured, int)
    labels = [*_names(ai["labels"]), *(f"({name})" for name in _names(ai["capabilities"]))]
    return [
        cell(ai["name"]),
        cell(ai["harness"]),
        cell(ai["account"]),
        Cell(words, words, _colour(ai)),
        cell(running if limit is None else f"{running}/{limit}"),
        cell(ai["waiting"]),
        cell(" ".join(labels)),
        cell(spend(cost, unmeasured) if ai["runs"] else ""),
        cell(ai["origin"]),
    ]


def _colour(ai: Mapping[str, object]) -> str:
    stand = str(ai["stand"])
    if stand == "free" and ai.get("lacks"):
        return "yellow"
    return _COLOURS.get(stand, "bright_black")


def _names(value: object) -> list[str]:
    assert isinstance(value, list)
    return value
