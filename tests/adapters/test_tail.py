"""Files that grow while they are read."""

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from wfd.adapters.tail import FileTailer, Lines, lines


async def followed(
    tailer: FileTailer, path: Path, is_done: Callable[[], bool] = lambda: True
) -> list[bytes]:
    with anyio.fail_after(20):
        return [line async for batch in tailer.follow(path, is_done=is_done) for line in batch]


async def test_lines_end_at_newlines_and_at_nothing_else(tmp_path: Path) -> None:
    text = 'a b c\x85d\re\x0cf\n{"x": 1}\r\n\nlast'.encode()
    (tmp_path / "f").write_bytes(text)
    assert await followed(FileTailer(), tmp_path / "f") == text.split(b"\n")
    assert list(lines(tmp_path / "f")) == text.split(b"\n")


async def test_a_file_that_ends_with_a_newline_has_no_empty_last_line(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"a\n")
    assert await followed(FileTailer(), tmp_path / "f") == [b"a"]
    assert list(lines(tmp_path / "f")) == [b"a"]


async def test_a_file_that_never_comes_has_no_lines(tmp_path: Path) -> None:
    assert await followed(FileTailer(), tmp_path / "none") == []
    assert list(lines(tmp_path / "none")) == []


async def test_a_line_of_10_mb_stays_one_line(tmp_path: Path) -> None:
    long = b"x" * 10_000_000
    (tmp_path / "f").write_bytes(b"first\n" + long + b"\nlast\n")
    assert await followed(FileTailer(), tmp_path / "f") == [b"first", long, b"last"]


def test_whatever_the_chunks_the_lines_are_the_same() -> None:
    dice = random.Random(7)
    for _ in range(300):
        data = bytes(dice.choice(b"ab\n") for _ in range(dice.randrange(60)))
        cut, got, rest = Lines(), [], data
        while rest:
            size = dice.randrange(1, 9)
            got += cut.feed(rest[:size])
            rest = rest[size:]
        assert b"\n".join([*got, *cut.rest()]) == data.removesuffix(b"\n")
        assert all(b"\n" not in line for line in got)


async def test_what_is_written_while_followed_comes_as_whole_lines(tmp_path: Path) -> None:
    path, ended = tmp_path / "f", threading.Event()

    def write() -> None:
        time.sleep(0.05)  # so that the file is not there yet when it is first looked at
        with path.open("wb", buffering=0) as file:
            for number in range(200):
                file.write(b"line ")
                file.write(b"%d\n" % number)
                if number % 50 == 0:
                    time.sleep(0.03)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    got = await followed(FileTailer(), path, ended.is_set)
    writer.join()
    assert got == [b"line %d" % number for number in range(200)]


async def test_the_first_lines_come_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"first\nhal")
    tailer, done = FileTailer(), False
    async with aclosing(tailer.follow(path, is_done=lambda: done)) as batches:
        with anyio.fail_after(60):
            assert await anext(batches) == [b"first"]
            with path.open("ab") as file:
                file.write(b"f\n")
            assert await anext(batches) == [b"half"]
            done = True
            assert [batch async for batch in batches] == []


async def test_what_is_written_just_before_the_end_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"")
    asked = 0

    def write_last_words_then_end() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            path.write_bytes(b"last words\n")
        return asked >= 2

    assert await followed(FileTailer(), path, write_last_words_then_end) == [b"last words"]


async def test_a_writer_that_outlives_the_end_and_never_pauses_is_not_followed_for_ever(
    tmp_path: Path,
) -> None:
    path = tmp_path / "f"
    size = 100_000  # so much more than is read at once
    path.write_bytes(b"first\n" * size)
    batches = 0
    async with aclosing(FileTailer().follow(path, is_done=lambda: batches > 3)) as following:
        async for _ in following:
            batches += 1
            with path.open("ab") as file:
                file.write(b"further\n" * size)
            assert batches < 200, "it reads on and on"


async def test_a_poke_ends_the_wait_at_once(tmp_path: Path) -> None:
    path, tailer, done = tmp_path / "f", FileTailer(), False
    path.write_bytes(b"only\n")
    async with aclosing(tailer.follow(path, is_done=lambda: done)) as batches:
        assert await anext(batches) == [b"only"]
        ended = anyio.Event()

        async def to_the_end() -> None:
            assert [batch async for batch in batches] == []
            ended.set()

        async with anyio.create_task_group() as group:
            group.start_soon(to_the_end)
            await anyio.wait_all_tasks_blocked()
            assert not ended.is_set()
            done = True
            tailer.poke()
            await anyio.wait_all_tasks_blocked()  # no timer runs while this waits
            assert ended.is_set()


async def test_what_grows_without_a_newline_is_told_by_empty_batches(tmp_path: Path) -> None:
    path, tailer, done = tmp_path / "f", FileTailer(), False
    path.write_bytes(b"x" * 600_000)
    batches: list[list[bytes]] = []
    with anyio.fail_after(20):
        async with aclosing(tailer.follow(path, is_done=lambda: done)) as following:
            async for batch in following:
                batches.append(batch)
                done = True
    assert len(batches) > 1
    assert not any(batches[:-1])
    assert batches[-1] == [b"x" * 600_000]


async def test_a_file_without_a_byte_is_not_held_open(tmp_path: Path) -> None:
    path, tailer, done = tmp_path / "f", FileTailer(), False
    path.touch()

    def is_open() -> bool:
        fds = Path("/proc/self/fd").iterdir()
        return any(fd.readlink() == path for fd in fds if fd.is_symlink())

    async with anyio.create_task_group() as group:
        group.start_soon(followed, tailer, path, lambda: done)
        await anyio.wait_all_tasks_blocked()
        assert not is_open()
        path.write_bytes(b"x")
        tailer.poke()
        await anyio.wait_all_tasks_blocked()
        assert is_open()
        done = True
        tailer.poke()


async def test_a_reader_that_is_cancelled_is_forgotten_at_once(tmp_path: Path) -> None:
    tailer, path = FileTailer(), tmp_path / "f"
    path.touch()
    async with anyio.create_task_group() as group:
        group.start_soon(followed, tailer, path, lambda: False)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert not tailer._waiting
    assert tailer._timer is None


async def test_one_tailer_follows_many_files_and_forgets_those_it_is_done_with(
    tmp_path: Path,
) -> None:
    tailer, got, ended = FileTailer(), dict[int, list[bytes]](), False
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    async def read(number: int) -> None:
        got[number] = await followed(tailer, tmp_path / str(number), lambda: ended)

    async with anyio.create_task_group() as group:
        for number in range(64):
            group.start_soon(read, number)
        await anyio.wait_all_tasks_blocked()
        for number in range(64):
            (tmp_path / str(number)).write_bytes(b"%d\n" % number)
        ended = True
    assert got == {number: [b"%d" % number] for number in range(64)}
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert tailer._timer is None


async def test_silent_files_are_looked_at_less_and_less_and_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tailer, moments = FileTailer(), set[int]()
    look = tailer._look

    def counted() -> None:
        moments.add(time.monotonic_ns())
        look()

    monkeypatch.setattr(tailer, "_look", counted)

    async def read(number: int) -> None:
        await followed(tailer, tmp_path / str(number), lambda: len(moments) > 8)

    async with anyio.create_task_group() as group:
        for number in range(64):
            (tmp_path / str(number)).touch()
            group.start_soon(read, number)
    assert max(moments) - min(moments) > 800_000_000  # 50, 100 and then 200 ms
