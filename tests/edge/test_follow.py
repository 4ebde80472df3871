"""Following files: transcripts while they grow, logs while they are rotated."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wfd.edge import follow as edge_follow
from wfd.edge.follow import follow, follow_together, last_lines


def scripted(*acts: Callable[[], object]) -> tuple[Callable[[float], None], Callable[[], bool]]:
    """Each pause of the follower is one act; after the last one it is done."""
    left: Iterator[Callable[[], object]] = iter(acts)
    done = False

    def pause(seconds: float) -> None:
        nonlocal done
        act = next(left, None)
        if act is None:
            done = True
        else:
            act()

    return pause, lambda: done


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_lines_come_whole_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "t"
    pause, is_done = scripted(
        lambda: append(path, b"one\ntw"), lambda: append(path, b"o\n"), lambda: append(path, b"end")
    )

    assert list(follow(path, is_done=is_done, pause=pause)) == [b"one", b"two", b"end"]


def test_a_line_ends_at_a_newline_alone(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes("a\u2028b\x85c\rd\n".encode())

    assert list(follow(path, is_done=lambda: True)) == ["a\u2028b\x85c\rd".encode()]


def test_a_rotated_log_is_read_to_its_end_and_then_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")

    def rotate() -> None:
        append(path, b"two\n")
        path.rename(tmp_path / "log.1")
        path.write_bytes(b"three\n")

    pause, is_done = scripted(rotate, lambda: append(path, b"four\n"))

    seen = list(follow(path, offset=len(b"one\n"), is_done=is_done, pause=pause))
    assert seen == [b"two", b"three", b"four"]


def test_a_log_that_is_rotated_at_the_end_is_read_with_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    looks = iter([False, True])

    def is_done() -> bool:
        is_last = next(looks)
        if is_last:
            path.rename(tmp_path / "log.1")
            path.write_bytes(b"two\n")
        return is_last

    assert list(follow(path, is_done=is_done, pause=lambda _: None)) == [b"one", b"two"]


def test_what_was_written_before_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t"

    def is_done() -> bool:
        path.write_bytes(b"last\n")
        return True

    assert list(follow(path, is_done=is_done)) == [b"last"]


def test_the_last_lines_and_where_they_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(100_000)) + b"partial")

    lines, offset = last_lines(path, 2)

    assert lines == [b"line 99998", b"line 99999"]
    assert list(follow(path, offset, is_done=lambda: True)) == [b"partial"]
    assert last_lines(path, 0)[0] == []
    assert last_lines(tmp_path / "none", 5) == ([], 0)


def test_lines_that_are_wanted_are_found_wherever_the_file_is_cut_to_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_follow, "_CHUNK", 7)
    path = tmp_path / "log"
    for lines in ([], [b""], [b"", b""], [b"x" * n for n in range(30)], [b"x" * 40, b"", b"yes"]):
        for partial in (b"", b"partial", b"p" * 20):
            whole = b"".join(line + b"\n" for line in lines)
            path.write_bytes(whole + partial)
            assert last_lines(path, 1000) == (lines, len(whole))
            long = [line for line in lines if len(line) > 9]
            assert last_lines(path, 3, lambda line: len(line) > 9) == (long[-3:], len(whole))


def test_a_large_file_is_searched_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n" + b"another line\n" * 300_000)
    tracemalloc.start()
    try:
        assert last_lines(path, 9, lambda line: line == b"first")[0] == [b"first"]
        peak = tracemalloc.get_traced_memory()[1]
        assert peak < 5_000_000, "all lines together take more than 15 MB"
    finally:
        tracemalloc.stop()


def test_two_files_are_followed_together_each_line_with_its_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"

    def both() -> None:
        append(two, b"\n")
        append(one, b"d\ne")

    pause, is_done = scripted(lambda: append(two, b"a\nb"), lambda: append(one, b"c\n"), both)

    seen = list(follow_together(lambda: [one, two], is_done=is_done, pause=pause))

    assert seen == [(two, b"a"), (one, b"c"), (one, b"d"), (two, b"b"), (one, b"e")]
