"""Pieces of work for a store: one that adds a namespace, one that holds the writer back."""

import threading
from collections.abc import Callable

import anyio

from wfd.domain.namespace import Namespace
from wfd.ports import Store, Tx

NOW = 1_795_176_000_000
DEADLINE_S = 30


def add(name: str, checkout: str = "/checkout") -> Callable[[Tx], int]:
    """Work that adds a namespace and returns its id."""
    return lambda tx: tx.insert(
        "add_namespace",
        name=name,
        git_dir=f"/{name}/.git",
        checkout=checkout,
        trusted_hash=None,
        now=tx.now,
    )


async def names(store: Store) -> list[str]:
    """The namespaces that a reader sees."""
    return [found.name for found in await store.all(Namespace, "namespaces")]


class Gate:
    """Work that holds the writer back, so that what is written next queues up behind it."""

    def __init__(self) -> None:
        self._is_reached = threading.Event()
        self._is_open = threading.Event()

    def __call__(self, tx: Tx) -> None:
        self._is_reached.set()
        assert self._is_open.wait(DEADLINE_S), "nobody opened the gate"

    async def reached(self) -> None:
        assert await anyio.to_thread.run_sync(self._is_reached.wait, DEADLINE_S)

    def open(self) -> None:
        self._is_open.set()


async def queued(store: Store, works: list[Callable[[Tx], int]]) -> list[int | BaseException]:
    """The result or the error of each, when all of them were queued before the first began."""
    results: dict[int, int | BaseException] = {}

    async def one(index: int) -> None:
        try:
            results[index] = await store.write(works[index])
        except Exception as error:
            results[index] = error

    gate = Gate()
    async with anyio.create_task_group() as group:
        group.start_soon(store.write, gate)
        await gate.reached()
        for index in range(len(works)):
            group.start_soon(one, index)
        await anyio.wait_all_tasks_blocked()
        gate.open()
    return [results[index] for index in range(len(works))]
