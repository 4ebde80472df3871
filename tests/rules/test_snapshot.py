"""What belongs in a snapshot."""

from wfd.rules.snapshot import (
    LARGE,
    MANY,
    MANY_TAKEN,
    SnapshotRules,
    Thing,
    told,
    too_large,
    too_many,
)

RULES = SnapshotRules(max_file_bytes=10, max_new_files=100)


def test_a_file_of_just_the_size_belongs_in_it() -> None:
    assert too_large(RULES, {"a": 10, "b": 11}) == [Thing(LARGE, "b", 11)]


def test_of_many_new_files_the_smallest_folder_that_is_enough_stays_behind() -> None:
    new = {f"app/modules/{n}/x.js": 1 for n in range(150)} | {"app/main.js": 1}

    assert too_many(RULES, new, {"src/"}) == [Thing(MANY, "app/modules/", 150, 150)]
    assert too_many(RULES, dict(list(new.items())[:100]), set()) == []


def test_many_new_files_beside_tracked_ones_stay_and_are_told() -> None:
    new = {f"src/{n}.py": 2 for n in range(150)} | {"lib/a.py": 1}

    assert too_many(RULES, new, {"src/"}) == [
        Thing(MANY_TAKEN, "src/", 300, 150), Thing(MANY_TAKEN, "lib/", 1, 1)
    ]  # fmt: skip


def test_several_folders_go_until_few_enough_files_are_left() -> None:
    new = {f"{folder}/{n}": 1 for folder in "abcd" for n in range(80)}

    left = too_many(RULES, new, set())

    assert len(left) == 3
    assert sum(one.files for one in left) == 240


def test_what_is_told_begins_with_the_largest_and_counts_the_rest() -> None:
    things = [Thing(LARGE, f"{n:02}\n\udcff", n) for n in range(30)]

    [(kind, text)] = told(things)

    rows = text.split("\n")
    assert kind == LARGE
    assert rows[0] == "29?\\udcff (29 bytes)"
    assert rows[20] == "and 10 more, which are smaller (45 bytes together)"
    assert "git add -f" in rows[-1]
