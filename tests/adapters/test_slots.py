"""Slots: a number that no other workspace has, whoever dies when."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wfd.adapters import slots
from wfd.adapters.slots import FolderOfSlots
from wfd.domain.errors import Broken


def workspace(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(parents=True)
    return path


async def test_each_workspace_gets_the_lowest_free_number_and_keeps_it(tmp_path: Path) -> None:
    taken = FolderOfSlots(tmp_path / "slots")
    one, lane, other = (
        workspace(tmp_path / "mine", "A1"),
        workspace(tmp_path / "mine", "A1-J3"),
        workspace(tmp_path / "of another state folder", "A1"),
    )

    assert [await taken.of(each) for each in (one, lane, other)] == [0, 1, 2]
    assert [await taken.of(each) for each in (other, one, lane)] == [2, 0, 1]


async def test_a_workspace_that_is_removed_gives_its_number_back(tmp_path: Path) -> None:
    taken = FolderOfSlots(tmp_path / "slots")
    one, two, three = (workspace(tmp_path, name) for name in ("A1", "A2", "A3"))
    assert [await taken.of(one), await taken.of(two)] == [0, 1]

    (tmp_path / "A1.slot").unlink()  # with all that lies beside it

    assert [await taken.of(three), await taken.of(two)] == [0, 1]


async def test_a_number_that_was_taken_and_not_written_down_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "slots"
    folder.mkdir()
    (folder / "0").symlink_to(tmp_path / "A1.slot")  # as a kill between the two leaves it
    (folder / "new").symlink_to("nowhere")

    assert await FolderOfSlots(folder).of(workspace(tmp_path, "A2")) == 0
    assert await FolderOfSlots(folder).of(workspace(tmp_path, "A1")) == 1


async def test_after_a_boot_a_workspace_has_its_number_again_if_nobody_took_it(
    tmp_path: Path,
) -> None:
    before = FolderOfSlots(tmp_path / "slots")
    one, two, new = (workspace(tmp_path, name) for name in ("A1", "A2", "A3"))
    assert [await before.of(one), await before.of(two)] == [0, 1]

    after = FolderOfSlots(tmp_path / "made anew")

    assert await after.of(two) == 1
    assert await after.of(new) == 0
    assert await after.of(one) == 2


def test_processes_that_ask_at_once_get_different_numbers(tmp_path: Path) -> None:
    text = (
        "import sys, anyio; from pathlib import Path\n"
        "from wfd.adapters.slots import FolderOfSlots\n"
        "print(anyio.run(FolderOfSlots(Path(sys.argv[1])).of, Path(sys.argv[2])))"
    )
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", text, tmp_path / "slots", workspace(tmp_path, f"A{n}")],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(6)
    ]

    numbers = [int(one.communicate(timeout=60)[0]) for one in asking]

    assert sorted(numbers) == [0, 1, 2, 3, 4, 5]


async def test_a_folder_that_somebody_holds_for_long_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_WAIT_S", 0.05)
    folder = tmp_path / "slots"
    folder.mkdir()
    with slots._alone_in(folder), pytest.raises(Broken, match="another process holds"):
        await FolderOfSlots(folder).of(workspace(tmp_path, "A1"))


async def test_names_of_any_bytes_have_slots(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/state \n\xff"))
    taken = FolderOfSlots(tmp_path / "slots")

    assert await taken.of(workspace(odd, "A1")) == await taken.of(odd / "A1") == 0
