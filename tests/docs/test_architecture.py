"""ARCHITECTURE.md shows the tables and the contract that the code goes by.

UPDATE_GOLDEN=1 writes the diagrams, and the diff is read.
"""

import os
import subprocess
import sys
import tomllib

from tests.docs.documents import ROOT, text_of

from wfd.domain import assignment, job

NAME = "ARCHITECTURE.md"
BEGIN, END = "<!-- states: begin -->", "<!-- states: end -->"


def test_the_state_diagrams_are_drawn_from_the_tables() -> None:
    before, _, rest = text_of(NAME).partition(BEGIN)
    shown, end, after = rest.partition(END)
    assert end
    drawn = f"\n{diagrams()}"
    if os.environ.get("UPDATE_GOLDEN"):
        (ROOT / NAME).write_text(f"{before}{BEGIN}{drawn}{END}{after}", encoding="utf-8")
        return
    assert shown == drawn


def test_every_legal_move_is_an_arrow() -> None:
    drawn = diagrams()

    for moves in (assignment.MOVES, job.MOVES):
        for state, following in moves.items():
            for to in following:
                assert f"    {state} --> {to}\n" in drawn


def test_the_layers_are_those_of_the_contract() -> None:
    (contract,) = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]

    assert "```\n" + "\n".join(contract["layers"]) + "\n```" in text_of(NAME)


def diagrams() -> str:
    script = ROOT / "scripts" / "states"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    return done.stdout
