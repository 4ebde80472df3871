"""The daemon's door: whom a command wakes, and what they find."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs
from tests.edge.shelf import house_of

from wfd.domain.errors import BadInput, NotFound
from wfd.domain.job import Job
from wfd.edge.door import Door
from wfd.store.store import SqliteStore

LOG = structlog.get_logger()


@asynccontextmanager
async def a_door(tmp_path: Path) -> AsyncIterator[Door]:
    """One with nothing behind it yet."""
    store = await SqliteStore.open(tmp_path / "wfd.db")
    try:
        yield Door(store, house_of, {}, lambda: None, LOG)
    finally:
        await store.close()


async def test_what_a_person_does_is_in_the_log_by_its_ids_and_without_its_words(
    tmp_path: Path,
) -> None:
    said: dict[str, object] = {"namespace": "blue", "assignment": 1}
    repository = {"name": "blue", "git_dir": "/b", "checkout": "/", "trusted_hash": None}
    with capture_logs() as logged:
        async with a_door(tmp_path) as door:
            await door.handle("register", {**repository})
            await door.handle("create", {"namespace": "blue", "north_star": "secret"})
            await door.handle("note", {**said, "text": "secret"})
            await door.handle("open_gates", said)
            await door.handle("cancel_job", {"namespace": "blue", "job": 1, "reason": "secret"})
            await door.handle("ai.register", {"name": "work", "harness": "sim", "env": {"A": "b"}})
            await door.handle("ai.disable", {"name": "work"})
    done = {"event": "command.done", "log_level": "info"}
    of_blue = {**done, "namespace": "blue"}
    assert logged == [
        {**of_blue, "command": "register"},
        {**of_blue, "command": "create", "assignment_id": 1, "job_id": 1},
        {**of_blue, "command": "note", "assignment_id": 1},
        {**of_blue, "command": "cancel_job", "job_id": 1},
        {**done, "command": "ai.register", "ai": "work"},
        {**done, "command": "ai.disable", "ai": "work"},
    ]


async def test_what_is_refused_is_in_the_log_without_what_was_said(tmp_path: Path) -> None:
    with capture_logs() as logged:
        async with a_door(tmp_path) as door:
            with pytest.raises(NotFound):
                await door.handle("note", {"namespace": "secret", "assignment": 7, "text": "x"})
            with pytest.raises(BadInput):
                await door.handle("note", {"namespace": "blue", "assignment": "secret"})
            with pytest.raises(BadInput):
                await door.handle("secret", {})
    refused = {"event": "command.refused", "log_level": "info", "command": "note"}
    assert logged == [
        {**refused, "assignment_id": 7, "kind": "NotFound", "exit_code": 3},
        {**refused, "kind": "BadInput", "exit_code": 2},
    ]


async def test_who_is_woken_by_a_command_finds_what_it_wrote(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "wfd.db")
    looks: list[asyncio.Task[list[Job]]] = []

    async def look() -> list[Job]:
        return await store.write(lambda tx: tx.all(Job, "jobs_of", assignment_id=1))

    door = Door(store, house_of, {}, lambda: looks.append(asyncio.create_task(look())), LOG)
    try:
        blue: dict[str, object] = {
            "name": "blue",
            "git_dir": "/b",
            "checkout": "/",
            "trusted_hash": None,
        }
        await door.handle("register", blue)
        await asyncio.gather(*looks)
        looks.clear()
        made = await door.handle("create", {"namespace": "blue", "north_star": "x"})
        found = await asyncio.gather(*looks)
    finally:
        await store.close()
    assert isinstance(made, dict)
    assert [[job.id for job in jobs] for jobs in found] == [[made["job"]]]
