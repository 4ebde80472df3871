"""The frame that benchmarks stand in. What they measure is never tested: see scripts/bench."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from benchmarks.__main__ import MODULES
from benchmarks.result import Delivered, Result, document
from benchmarks.setting import Setting, in_turn, percentile, ratio_of, refuse_memory

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_the_document_has_what_a_reader_of_figures_needs() -> None:
    result = Result("x", "ms", 2.0, "< 3 ms", True, 1.0, 2.0, 5, Delivered(7, 7, 0))

    [entry] = json.loads(json.dumps(document([result])))["results"]

    assert entry == {
        "id": "x", "unit": "ms", "value": 2.0, "floor": 1.0, "ratio": 2.0, "target": "< 3 ms",
        "holds": True, "rounds": 5, "delivered": {"sent": 7, "done": 7, "twice": 0}, "note": "",
    }  # fmt: skip


@pytest.mark.parametrize("delivered", [Delivered(7, 6, 0), Delivered(7, 7, 1)])
def test_work_that_was_lost_or_done_twice_makes_a_figure_unsound(delivered: Delivered) -> None:
    assert not Result("x", "ms", 1.0, "none", True, delivered=delivered).is_sound
    assert Result("x", "ms", 1.0, "none", True, delivered=Delivered(7, 7, 0)).is_sound


def test_variants_take_turns_and_every_other_round_goes_backwards() -> None:
    order: list[str] = []
    variants = {name: lambda name=name: order.append(name) for name in "abc"}

    in_turn(3, variants)

    assert "".join(order) == "abccbaabc"


def test_a_ratio_pairs_what_was_measured_in_the_same_round() -> None:
    assert ratio_of([10, 40, 90], [10, 20, 30]) == 2
    assert percentile(list(range(1, 101)), 99) == 99
    assert percentile([3.0, 1.0, 2.0], 50) == 2


def test_a_folder_in_memory_is_refused() -> None:
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    in_memory = [mount for _, mount, kind, *_ in mounts if kind == "tmpfs"]
    if not in_memory:
        pytest.skip("nothing here lies in memory")

    with pytest.raises(click.ClickException, match=r"lies in memory .*--folder"):
        refuse_memory(Path(in_memory[0]))


def test_a_folder_on_a_disk_is_taken_and_left_empty(tmp_path: Path) -> None:
    with Setting(tmp_path, quick=True).folder("x") as folder:
        (folder / "file").write_text("x")

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_id_is_refused_with_those_that_are_known() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "store.cycle.65"],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2
    assert "no benchmark 'store.cycle.65'" in done.stderr
    assert "store.cycle.64" in done.stderr


def test_a_document_that_could_not_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--json", str(tmp_path / "no" / "x.json")],
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 2
    assert "there is no folder" in done.stderr


def test_every_id_belongs_to_one_module_that_is_there() -> None:
    ids = [id_ for of in MODULES.values() for id_ in of]

    assert len(ids) == len(set(ids))
    assert all((SCRIPTS / "benchmarks" / f"{name}.py").is_file() for name in MODULES)
