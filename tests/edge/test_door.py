"""The daemon's door: whom a command wakes, and what they find."""

import asyncio
from pathlib import Path

from tests.edge.shelf import house_of

from wfd.domain.job import Job
from wfd.edge.door import Door
from wfd.store.store import SqliteStore


async def test_who_is_woken_by_a_command_finds_what_it_wrote(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "wfd.db")
    looks: list[asyncio.Task[list[Job]]] = []

    async def look() -> list[Job]:
        return await store.write(lambda tx: tx.all(Job, "jobs_of", assignment_id=1))

    door = Door(store, house_of, {}, lambda: looks.append(asyncio.create_task(look())))
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
