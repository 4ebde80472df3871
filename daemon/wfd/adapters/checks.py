"""Checks and set-up commands: run by the daemon itself, and nothing of them left running."""

import hashlib
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

from wfd.domain.errors import Broken
from wfd.domain.evidence import EvidenceKind, NewEvidence
from wfd.ports import Begun, Command, Process, Spawner

MAX_BYTES = 64 << 20
_TAIL_CHARS = 4000
_LOOK_S = 0.2  # how often the size of the output is looked at


@dataclass(frozen=True)
class Ended:
    exit_code: int | None  # None: the daemon ended it
    reason: str | None  # why, if it did
    duration_ms: int


class ShellChecks:
    """Runs commands with /bin/sh through a spawner. Implements ports.Checks."""

    def __init__(self, spawner: Spawner, max_bytes: int = MAX_BYTES) -> None:
        self._spawner = spawner
        self._max_bytes = max_bytes

    async def run(
        self,
        commands: Mapping[str, str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        out_dir: Path,
        tag: str,
        timeout_ms: int,
        stop_at_failure: bool = False,
        tell: Callable[[Begun], Awaitable[None]] | None = None,
    ) -> list[NewEvidence]:
        if not await anyio.Path(cwd).is_dir():
            raise Broken(f"the workspace {cwd} is gone; it is made again by the next job")
        await anyio.Path(out_dir).mkdir(parents=True, exist_ok=True)
        found: list[NewEvidence] = []
        for (name, line), log in zip(commands.items(), _logs(out_dir, commands), strict=True):
            command = Command(("/bin/sh", "-c", line), cwd, env, tag, log)
            log.unlink(missing_ok=True)
            if tell is not None:
                await tell(Begun(name, line, log))
            ended = await self._run_one(command, timeout_ms)
            found.append(await anyio.to_thread.run_sync(_evidence, name, line, log, ended))
            if stop_at_failure and not found[-1].ok:
                break
        return found

    async def _run_one(self, command: Command, timeout_ms: int) -> Ended:
        started = time.monotonic()
        exit_code, reason = None, None
        try:
            process = await self._spawner.spawn(command)
            with anyio.move_on_after(timeout_ms / 1000) as clock:
                exit_code = await self._wait(process, command.stdout)
            if clock.cancelled_caught:
                reason = f"ended after {timeout_ms / 1000:g} s, its time limit"
            elif exit_code is None:
                reason = f"ended after {self._max_bytes} bytes of output, the most that is kept"
        finally:
            with anyio.CancelScope(shield=True):
                await self._spawner.end_tree(command.tag)
        return Ended(exit_code, reason, round((time.monotonic() - started) * 1000))

    async def _wait(self, process: Process, log: Path) -> int | None:
        """Its exit code, or None once it has written too much."""
        exit_code: int | None = None

        async def watch() -> None:
            while True:
                await anyio.sleep(_LOOK_S)
                if _size(log) > self._max_bytes:
                    both.cancel_scope.cancel()

        async with anyio.create_task_group() as both:
            both.start_soon(watch, name="check.size")
            exit_code = await process.wait()
            both.cancel_scope.cancel()
        return exit_code


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0  # a command may remove its own output


def _logs(out_dir: Path, names: Mapping[str, str]) -> list[Path]:
    """A file for each name, with what no file name can hold replaced and none used twice."""
    logs: list[Path] = []
    for name in names:
        plain = re.sub(r"[^\w.+-]+", "-", name).lstrip(".")[:100] or "check"
        log, number = out_dir / f"{plain}.log", 1
        while log in logs:
            number += 1
            log = out_dir / f"{plain}-{number}.log"
        logs.append(log)
    return logs


def _evidence(name: str, line: str, log: Path, ended: Ended) -> NewEvidence:
    with log.open("ab") as file:
        if ended.reason is not None:
            file.write(f"\nwfd: {name} was {ended.reason}\n".encode())
    with log.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 4 * _TAIL_CHARS))
        tail = file.read().decode("utf-8", "replace")[-_TAIL_CHARS:]
    return NewEvidence(
        kind=EvidenceKind.CHECK,
        name=name,
        ok=ended.exit_code == 0,
        command=line,
        exit_code=ended.exit_code,
        duration_ms=ended.duration_ms,
        path=str(log),
        sha256=sha256,
        bytes=size,
        tail=tail,
    )
