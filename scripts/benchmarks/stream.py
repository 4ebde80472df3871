"""What agents print, on its way to what is known of them: bytes a second, many agents at once.

The way is the product's own: files as agents leave them, the tailer, a codec for each, and
`engine.watch` with a real store, all in one event loop. Only the process is none: it has ended,
so that its whole output is there to be read. The bytes are recordings of the real CLIs; what
lies between the first lines and the result is repeated, so that each file is one long run. What
a watch costs to begin and end is part of it: about a millisecond, so --quick shows less.

The floor reads the same files in chunks of the same size, line by line, and has pydantic-core
parse each line: one plain loop, one file after the other, and nothing is kept.

All times are those of the processor, of all threads: each side has one that works, and what else
a machine does would otherwise be most of what is seen.
"""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import anyio
import structlog
from pydantic_core import from_json

from benchmarks.cycle import inserting, leasing, new_store
from benchmarks.result import Delivered, Result
from benchmarks.setting import Setting, in_turn, ratio_of
from wfd.adapters.tail import FileTailer
from wfd.domain.ids import AssignmentId
from wfd.domain.outcome import EndedBy
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.engine.parts import Lease, LiveRun, Parts
from wfd.engine.watch import Clocks, watch
from wfd.ports import Birth, Codec, End, Store
from wfd.rules.room import Room
from wfd.store.store import SqliteStore
from wfd_runners import harnesses

# Which harness, and how many agents at once.
STREAMS = {
    "stream.1": ("claude", 1),
    "stream.16": ("claude", 16),
    "stream.64": ("claude", 64),
    "stream.codex": ("codex", 16),
    "stream.gemini": ("gemini", 16),
}
REACH = 0.5  # of the floor
ALONE_BYTES = (
    4_000_000  # of one agent that is alone; of many, each prints 2 MB, or 0.5 MB with --quick
)
LONG_BYTES = 10_000_000
LONG_MS = 50
_CHUNK = 128 * 1024
_RECORDINGS = Path(__file__).parents[2] / "tests" / "golden"
_HEADS = {"claude": 1, "codex": 2, "gemini": 2}  # lines before the agent's own
_CALLS = {  # what stands once in each tool's call
    "claude": b'"type":"tool_use"',
    "codex": b'"type":"item.started"',
    "gemini": b'"type":"tool_use"',
}
_RETURNS = {  # and in what came of it
    "claude": b'"type":"tool_result"',
    "codex": b'"aggregated_output":"hello',
    "gemini": b'"type":"tool_result"',
}
_ROOM = Room(600_000, None, 10**12, "the cap", None)
_CLOCKS = Clocks(600_000, 600_000, _ROOM, 600_000, grace_ms=0, max_bytes=10**12)


def measure(setting: Setting, wanted: set[str]) -> list[Result]:
    results = [_stream(setting, id_, *of) for id_, of in STREAMS.items() if id_ in wanted]
    if "stream.long" in wanted:
        results.append(_long(setting))
    return results


def _stream(setting: Setting, id_: str, cli: str, agents: int) -> Result:
    rounds, size = setting.of(9, 7), setting.of(2_000_000, 500_000)
    with setting.folder("stream") as folder:
        output = _long_run(cli, max(size, ALONE_BYTES // agents))
        crowd = Crowd(folder, cli, [output] * agents)
        found = in_turn(rounds, {"wfd": crowd.watched, "floor": crowd.floor})
    values, floors = ([len(output) * agents / s / 1e6 for s in found[v]] for v in ("wfd", "floor"))
    ratio = ratio_of(values, floors)
    return Result(
        id_, "MB/s", statistics.median(values), f"≥ {REACH:.0%} of the floor", ratio >= REACH,
        statistics.median(floors), ratio, rounds, crowd.delivered,
        f"{cli}, {agents} at once, {len(output) / output.count(10):.0f} bytes a line;"
        " by processor time; counted: calls of tools",
    )  # fmt: skip


def _long(setting: Setting) -> Result:
    """The slowest harness; what each took is in the note."""
    rounds = setting.of(9, 3)
    took: dict[str, tuple[float, float, float]] = {}
    sent = done = 0
    for cli in _HEADS:
        with setting.folder("long") as folder:
            crowd = Crowd(folder, cli, [_long_line(cli)])
            found = in_turn(rounds, {"wfd": crowd.watched, "floor": crowd.floor})
        values, floors = ([s * 1000 for s in found[v]] for v in ("wfd", "floor"))
        took[cli] = statistics.median(values), statistics.median(floors), ratio_of(values, floors)
        sent, done = sent + crowd.delivered.sent, done + crowd.delivered.done
    value, floor, ratio = max(took.values())
    return Result(
        "stream.long", "ms", value, f"< {LONG_MS} ms", value < LONG_MS, floor, ratio, rounds,
        Delivered(sent, done, max(0, done - sent)),
        "one line of 10 MB, by processor time; "
        + ", ".join(f"{cli} {of[0]:.1f} ms" for cli, of in took.items()),
    )  # fmt: skip


# --- what agents print ------------------------------------------------------------


def _recorded(cli: str) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """A recording's first lines, the agent's work, and its end."""
    lines = (_RECORDINGS / cli / "success_tools.jsonl").read_bytes().splitlines()
    heads = _HEADS[cli]
    return lines[:heads], lines[heads:-1], lines[-1:]


def _long_run(cli: str, size: int) -> bytes:
    head, body, end = _recorded(cli)
    times = max(1, size // len(b"\n".join(body)))
    return b"\n".join([*head, *(body * times), *end, b""])


def _long_line(cli: str) -> bytes:
    """The recording, its last result of a tool being that of a file of many lines."""
    head, body, end = _recorded(cli)
    at = max(n for n, line in enumerate(body) if _RETURNS[cli] in line)
    row = "    return {'name': \"value\", 'number': 12345}  # the café's table\n"
    copies = 2 if cli == "claude" else 1  # which tells each result twice
    text = row * (LONG_BYTES // copies // len(json.dumps(row, ensure_ascii=False).encode()))
    return b"\n".join([*head, *body[:at], _returning(body[at], text), *body[at + 1 :], *end, b""])


def _returning(line: bytes, text: str) -> bytes:
    """The same result with this text in it."""
    event = json.loads(line)
    match event:
        case {"message": {"content": [block]}, "tool_use_result": told}:
            block["content"] = told["stdout"] = text
        case {"item": item}:
            item["aggregated_output"] = text
        case _:
            event["output"] = text
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


# --- reading it ---------------------------------------------------------------------


@dataclass
class _Ended:
    """A process that has ended."""

    birth: Birth = field(default_factory=lambda: Birth(0, None, None))

    async def wait(self) -> int:
        return 0

    async def signal(self, number: int) -> None:
        """It is gone."""


@dataclass(frozen=True)
class _Parts:
    """What `watch` takes of engine.parts.Parts."""

    store: Store
    tailer: FileTailer = field(default_factory=FileTailer)
    log: object = field(default_factory=structlog.get_logger)


class Crowd:
    """Agents of one kind that have ended, and what they printed."""

    def __init__(self, folder: Path, cli: str, outputs: Sequence[bytes]) -> None:
        self._harness = harnesses()[cli]
        self._root = folder
        self._folders = [RunFolder(folder / str(n)) for n in range(len(outputs))]
        for run, output in zip(self._folders, outputs, strict=True):
            run.path.mkdir()
            run.transcript.write_bytes(output)
            run.stderr.touch()
        self._rounds = 0
        self._calls = 0
        self._expected = sum(_calls(run.transcript, _CALLS[cli]) for run in self._folders)

    @property
    def delivered(self) -> Delivered:
        """Calls of tools in the files and calls that the codecs counted, in all rounds."""
        sent = self._expected * self._rounds
        return Delivered(sent, self._calls, max(0, self._calls - sent))

    def watched(self) -> float:
        """Seconds from the first byte to the end of the last watch, on the product's way."""
        self._rounds += 1
        store = self._root / f"{self._rounds}.db"
        new_store(store, len(self._folders))
        return anyio.run(self._watched, store)

    def floor(self) -> float:
        began = time.process_time()
        for run in self._folders:
            with run.transcript.open("rb", buffering=_CHUNK) as file:
                for line in file:
                    from_json(line)
        return time.process_time() - began

    async def _watched(self, path: Path) -> float:
        store = await SqliteStore.open(path)
        try:
            leases = [await _lease(store, n) for n in range(1, len(self._folders) + 1)]
            codecs = [self._harness.codec() for _ in leases]
            parts = cast(Parts, _Parts(store))
            began = time.process_time()
            async with anyio.create_task_group() as group:
                for lease, codec, folder in zip(leases, codecs, self._folders, strict=True):
                    group.start_soon(self._watch, parts, lease, codec, folder)
            took = time.process_time() - began
            self._calls += sum([await _told(store, *of) for of in zip(leases, codecs, strict=True)])
        finally:
            await store.close()
        return took

    async def _watch(self, parts: Parts, lease: Lease, codec: Codec, folder: RunFolder) -> None:
        live = LiveRun(lease)
        await watch(parts, live, _Ended(), codec, self._harness, folder, _CLOCKS)


async def _lease(store: Store, assignment: int) -> Lease:
    await store.write(inserting(AssignmentId(assignment)))
    return (await store.write(leasing)).leases[0]


async def _told(store: Store, lease: Lease, codec: Codec) -> int:
    """How many tools were called; the session must be stored and the result have been seen."""
    run = await store.one(Run, "run_by_id", id=lease.run.id)
    assert codec.is_finished
    told = codec.conclude(End(0, EndedBy.NONE, "", 0))
    assert run is not None and run.session_id == told.session_id is not None
    return told.tools


def _calls(path: Path, mark: bytes) -> int:
    with path.open("rb") as file:
        return sum(mark in line for line in file)
