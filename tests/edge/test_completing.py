"""What a shell completes, asked of the installed programs as a shell asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.edge.shelf import Shelf


def completed(line: str, shell: str = "zsh") -> list[str]:
    """What the program named first offers for the last word of `line`."""
    name, *words = line.split(" ")
    script = Path(sys.executable).with_name(name)
    asked = {
        f"_{name.upper()}_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words)),
    }
    done = subprocess.run(
        [script], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.fixture
def busy(shelf: Shelf) -> Shelf:
    shelf.write("create", namespace="blue", north_star="make it\n\x1b[31m green")
    shelf.write("insert_job", namespace="blue", assignment=1, type="plan", context="look well")
    return shelf


def test_ids_are_offered_with_their_titles(busy: Shelf) -> None:
    [kind, value, title] = completed("wfctl assignment A")
    assert (kind, value) == ("plain", "A1")
    assert title.startswith("active: make it")
    assert "\x1b" not in title
    assert completed("wfctl job J")[1::3] == ["J2", "J1"]
    assert completed("wfctl cancel ")[1::3] == ["J2", "J1", "A1"]
    assert completed("wfctl depend J2 --after J2,")[1::3] == ["J2,J2", "J2,J1"]
    assert completed("wfctl tail J2")[2].startswith("plan queued of A1: make it")


def test_bash_and_fish_are_offered_the_same(busy: Shelf) -> None:
    assert completed("wfctl assignment A", "bash") == ["plain,A1"]
    assert completed("wfctl assignment A", "fish")[0].startswith("plain,A1\tactive: make it")


def test_types_ais_states_and_namespaces_are_offered(busy: Shelf) -> None:
    assert completed("wfctl create x --type im", "bash") == ["plain,implement"]
    assert completed("wfctl ai check co", "bash") == ["plain,codex"]
    assert completed("wfctl insert-job A1 --ai si", "bash") == ["plain,sim"]
    assert completed("wfctl jobs --state fa", "bash") == ["plain,failed"]
    assert completed("wfctl queue --namespace b", "bash") == ["plain,blue"]


def test_the_daemons_program_completes_too(repository: Path) -> None:
    assert completed("wfd sta", "bash") == ["plain,start", "plain,status"]
    assert completed("wfd demo --harness cl", "bash") == ["plain,claude"]


@pytest.mark.parametrize("word", ["A", "", "7"])
def test_without_a_store_nothing_is_offered_and_nothing_is_said(
    repository: Path, word: str
) -> None:
    assert "".join(completed(f"wfctl assignment {word}")) == ""
