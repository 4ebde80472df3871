"""Queues from PyPI that live in SQLite too, under the same number of callers.

Each is given the form in which it is fastest here and still does the work: a caller puts one
job, takes one and finishes it. With `synchronous=normal`, which both are measured by, their
commits may be gone after a power cut, unlike the product's. Neither writes events or knows a
lease: a job that huey has given out is deleted, and so lost with its worker.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import litequeue
from huey import SqliteHuey

from benchmarks.cycle import CONTEXT, Cycled
from benchmarks.result import Delivered


def huey_cycled(path: Path, callers: int, each: int, synchronous: str = "normal") -> Cycled:
    """A task is enqueued, dequeued and executed; no result is stored, which saves a write.

    huey itself shares one connection among its threads, behind a lock of its own.
    """
    done: list[str] = []
    queue = SqliteHuey(filename=str(path), results=False)
    queue.storage.conn.execute(f"pragma synchronous = {synchronous}")

    @queue.task()  # type: ignore[untyped-decorator]
    def work(name: str, context: str) -> None:
        done.append(name)

    def cycle(name: str) -> None:
        work(name, CONTEXT)
        queue.execute(queue.dequeue())

    try:
        return _cycled(cycle, done, callers, each)
    finally:
        queue.storage.close()


def litequeue_cycled(path: Path, callers: int, each: int, synchronous: str = "normal") -> Cycled:
    """A message is put, popped and marked as done.

    One connection behind a lock: with a connection for each thread they wait for the lock of
    the file instead, by sleeping, and are many times slower.
    """
    done: list[str] = []
    queue = litequeue.LiteQueue(path)
    queue.conn.execute(f"pragma synchronous = {synchronous}")
    lock = threading.Lock()

    def cycle(name: str) -> None:
        with lock:
            queue.put(json.dumps([name, CONTEXT]))
        with lock:
            message = queue.pop()
        done.append(json.loads(message.data)[0])
        with lock:
            queue.done(message.message_id)

    try:
        return _cycled(cycle, done, callers, each)
    finally:
        queue.close()


def _cycled(cycle: Callable[[str], None], done: list[str], callers: int, each: int) -> Cycled:
    def call(caller: int) -> None:
        for number in range(each):
            cycle(f"{caller}.{number}")

    with ThreadPoolExecutor(callers) as pool:
        began, cpu = time.perf_counter(), time.process_time()
        for ended in [pool.submit(call, caller) for caller in range(callers)]:
            ended.result()
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    twice = sum(1 for times in Counter(done).values() if times > 1)
    sent = callers * each
    return Cycled(sent / took, None, cpu, Delivered(sent, len(set(done)), twice))
