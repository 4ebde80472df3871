"""Room and what takes it."""

import os
from pathlib import Path

from wfd.adapters.disk import file_bytes, free_bytes, taken


def test_what_a_folder_takes_is_all_of_its_files_and_none_that_a_link_leads_to(
    tmp_path: Path,
) -> None:
    folder, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    (folder / "R1").mkdir(parents=True)
    elsewhere.write_bytes(os.urandom(1_000_000))
    (folder / "R1" / "transcript.jsonl").write_bytes(os.urandom(100_000))
    (folder / "R1" / "link").symlink_to(elsewhere)
    found = taken(folder)
    assert 100_000 <= found.bytes < 300_000
    assert found.is_all
    assert taken(tmp_path / "no").bytes == 0


def test_of_a_folder_with_very_many_files_only_some_are_looked_at(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"f{number}").write_bytes(b"x")
    assert not taken(tmp_path, max_files=10).is_all


def test_where_there_is_no_folder_there_is_no_room(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "no") == 0
    assert free_bytes(tmp_path) > 0
    assert file_bytes(tmp_path / "no") == 0
