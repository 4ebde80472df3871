"""The command socket, both ends, over a real socket."""

import json
import os
import resource
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import structlog

from wfd.adapters import client
from wfd.adapters.client import MAX_LINE_BYTES
from wfd.adapters.socket import Handle, serve
from wfd.domain.errors import BadInput, Broken, LeaseLost, NotAllowed, NotRunning, TryLater


async def echo(command: str, values: dict[str, object]) -> object:
    return {"command": command, **values}


@asynccontextmanager
async def serving(path: Path, handle: Handle = echo) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        await group.start(serve, path, handle)
        yield
        group.cancel_scope.cancel()


async def call(
    path: Path, command: str, values: Mapping[str, object] | None = None, timeout_s: float = 10
) -> object:
    return await anyio.to_thread.run_sync(
        partial(client.call, path, command, values or {}, timeout_s=timeout_s),
        abandon_on_cancel=True,
    )


async def exchange(path: Path, *lines: bytes) -> list[dict[str, dict[str, str]]]:
    """The answers to raw lines that are sent one by one over one connection."""

    def talk() -> list[dict[str, dict[str, str]]]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            answers = connection.makefile("rb")
            got = []
            for line in lines:
                connection.sendall(line)
                got.append(json.loads(answers.readline()))
            return got

    return await anyio.to_thread.run_sync(talk)


def mode(path: Path) -> int | None:
    return path.stat().st_mode & 0o777 if path.exists() else None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


async def test_a_command_gets_its_answer(path: Path) -> None:
    values = {"text": "zwei\nZeilen \u2028 ✓", "none": None, "list": [1, 2.5, True]}
    async with serving(path):
        assert await call(path, "create", values) == {"command": "create", **values}


async def test_the_socket_is_private_and_gone_after_the_end(path: Path) -> None:
    async with serving(path):
        assert mode(path) == 0o600
    assert mode(path) is None


async def test_a_stale_socket_is_taken_over(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with serving(path):
        assert await call(path, "x") == {"command": "x"}


async def test_nobody_there_is_not_running(path: Path) -> None:
    with pytest.raises(NotRunning, match="wfd start"):
        client.call(path, "create", {})
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(NotRunning):
        client.call(path, "create", {})


async def test_an_error_of_the_command_is_raised_at_the_caller_as_it_was(path: Path) -> None:
    async def refuse(command: str, values: dict[str, object]) -> object:
        if command == "fence":
            raise LeaseLost(7)
        raise NotAllowed("A7 is complete")

    async with serving(path, refuse):
        with pytest.raises(NotAllowed, match=r"^A7 is complete$"):
            await call(path, "insert_job")
        with pytest.raises(LeaseLost, match="the lease of R7 is lost"):
            await call(path, "fence")


async def test_any_other_error_is_logged_and_says_nothing_of_itself(path: Path) -> None:
    async def fail(command: str, values: dict[str, object]) -> object:
        if command == "odd":
            return object()
        raise RuntimeError("password=hunter2")

    with structlog.testing.capture_logs() as logs:
        async with serving(path, fail):
            for command in ("create", "odd"):
                with pytest.raises(Broken, match="see the log") as raised:
                    await call(path, command, {"secret": "s3"})
                assert "hunter2" not in str(raised.value)
    assert [(entry["event"], entry["command"]) for entry in logs] == [
        ("command.failed", "create"),
        ("command.failed", "odd"),
    ]
    assert "s3" not in str(logs)


async def test_no_answer_in_time_is_try_later_and_the_command_goes_on(path: Path) -> None:
    gate, done = anyio.Event(), anyio.Event()

    async def slow(command: str, values: dict[str, object]) -> object:
        await gate.wait()
        done.set()
        return None

    async with serving(path, slow):
        with pytest.raises(TryLater, match=r"did not answer in 0\.1 s; it may still carry"):
            await call(path, "create", timeout_s=0.1)
        gate.set()
        with anyio.fail_after(60):
            await done.wait()


async def test_a_daemon_that_ends_before_its_answer_is_try_later(path: Path) -> None:
    asked = anyio.Event()

    async def never(command: str, values: dict[str, object]) -> object:
        asked.set()
        await anyio.sleep_forever()
        return None

    caught: list[TryLater] = []

    async def caller() -> None:
        try:
            await call(path, "create")
        except TryLater as error:
            caught.append(error)

    async with anyio.create_task_group() as callers, serving(path, never):
        callers.start_soon(caller)
        await asked.wait()
    assert "ended before it answered" in str(caught[0])


async def test_what_is_no_command_is_bad_input_and_the_connection_goes_on(path: Path) -> None:
    async with serving(path):
        *bad, good = await exchange(
            path,
            b"{nonsense\n",
            b"[]\n",
            b'{"command": 1, "values": {}}\n',
            b'{"command": "x"}\n',
            b"\xff\n",
            b"[" * 100_000 + b"\n",
            b'{"command": "x", "values": {}}\n',
        )
    assert {answer["error"]["kind"] for answer in bad} == {"BadInput"}
    assert good == {"result": {"command": "x"}}


async def test_long_commands_pass_and_longer_ones_are_refused(path: Path) -> None:
    async with serving(path):
        text = "x" * (MAX_LINE_BYTES - 1000)
        assert await call(path, "x", {"t": text}) == {"command": "x", "t": text}
        with pytest.raises(BadInput, match="longer than 16777216"):
            await call(path, "x", {"t": text + "x" * 1000})
        [answer] = await exchange(path, b"x" * (MAX_LINE_BYTES + 2))
        assert answer["error"]["kind"] == "BadInput"


async def test_many_callers_are_answered_at_once(path: Path) -> None:
    inside, all_inside = 0, anyio.Event()

    async def together(command: str, values: dict[str, object]) -> object:
        nonlocal inside
        inside += 1
        if inside == 30:
            all_inside.set()
        await all_inside.wait()
        return values["n"]

    answers: list[object] = []

    async def caller(number: int) -> None:
        answers.append(await call(path, "x", {"n": number}))

    async with serving(path, together), anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(caller, number)
    assert sorted(map(str, answers)) == sorted(map(str, range(30)))


async def test_a_caller_that_hangs_up_harms_nobody(path: Path) -> None:
    async with serving(path):
        for half in (b"", b'{"command": "x", "val', b'{"command": "x", "values": {}}\n' * 200):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(path))
                connection.sendall(half)
        assert await call(path, "x") == {"command": "x"}


async def test_running_out_of_files_does_not_end_the_service(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(path):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        waiting = socket.socket(socket.AF_UNIX)
        top = os.dup(waiting.fileno())
        os.close(top)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (top, hard))
            with structlog.testing.capture_logs() as logs, anyio.fail_after(60):
                waiting.connect(str(path))
                while not logs:
                    await anyio.sleep(0.005)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            waiting.close()
        assert logs[0]["event"] == "socket.accept_refused"
        assert await call(path, "x") == {"command": "x"}
