"""What this machine offers, for `wfd doctor`: the CLIs that really run, and the disk."""

import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from wfd.adapters.spawn import LocalSpawner
from wfd.domain.errors import Broken
from wfd.ports import Command, Spawner

_KEPT_ENV = ("PATH", "LANG", "TMPDIR")
_MAX_BYTES = 65536
_VERSION = re.compile(r"(?<![\w.])v?(\d+\.\d+[\w.+-]*)")
_MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = re.compile(
    r"9p|afs|ceph|cifs|drvfs|fuse\..*|gfs2|glusterfs|lustre|nfs4?|ocfs2|prl_fs|smb3|smbfs|vboxsf|virtiofs"
)


@dataclass(frozen=True)
class Probe:
    """What came of trying a tool. Without an error it ran and told its version."""

    found: Path | None
    version: str | None
    error: str | None


async def probe(
    argv: Sequence[str], timeout_s: float = 10, spawner: Spawner | None = None
) -> Probe:
    """Run the command, as ("claude", "--version"), and see what it says.

    It gets a clean environment, no input and a bounded time, and nothing of it stays alive.
    A process that has a spawner must give it: two would take each other's exits.
    """
    path = shutil.which(argv[0])
    if path is None:
        return Probe(None, None, f"no '{argv[0]}' on PATH, or it is not executable")
    found = Path(path)
    with tempfile.TemporaryDirectory(prefix="wfd-probe-") as folder:
        try:
            code, text = await _run(
                spawner or LocalSpawner(), (path, *argv[1:]), Path(folder), timeout_s
            )
        except OSError as error:
            return Probe(found, None, f"{path} does not start: {error.strerror}")
        except Broken as error:
            return Probe(found, None, str(error))
    if code is None:
        return Probe(found, None, f"{path} did not answer in {timeout_s:g} s")
    version = _VERSION.search(text)
    said = text.strip().partition("\n")[0][:200] or "nothing"
    if code != 0:
        return Probe(found, None, f"{path} ended with exit code {code}; it said: {said}")
    if version is None:
        return Probe(found, None, f"{path} printed no version; it said: {said}")
    return Probe(found, version[1], None)


def on_local_disk(path: Path) -> tuple[bool, str]:
    """Whether the path lies on a disk of this machine, and what kind of file system it is.

    SQLite's write-ahead log and file locks cannot be trusted on what is shared over a network.
    """
    kind = _kind_of(path.resolve())
    if kind is None:
        return True, "unknown"
    if _REMOTE.fullmatch(kind):
        return False, kind
    if kind in ("tmpfs", "ramfs"):
        return True, f"{kind}, in memory: gone after a reboot"
    return True, kind


async def _run(
    spawner: Spawner, argv: tuple[str, ...], folder: Path, timeout_s: float
) -> tuple[int | None, str]:
    """The exit code, None for a time-out, and what it wrote: its output, then its errors."""
    out, err = folder / "out", folder / "err"
    env = {name: os.environ[name] for name in _KEPT_ENV if name in os.environ}
    tag = f"probe-{uuid.uuid4().hex}"
    # a home of its own: some CLIs leave files there each time they are asked
    env |= {"NO_COLOR": "1", "HOME": str(folder)}
    command = Command(argv, folder, env, tag, stdout=out, stderr=err)
    process = await spawner.spawn(command)
    code = None
    try:
        with anyio.move_on_after(timeout_s):
            code = await process.wait()
    finally:
        await spawner.end_tree(tag, process.birth)
        with anyio.CancelScope(shield=True):
            await process.wait()
    return code, _head(out) + "\n" + _head(err)


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES).decode(errors="replace")


def _kind_of(path: Path) -> str | None:
    """The file system of the innermost mount that holds the path."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return None
    best: tuple[int, str] | None = None
    for line in mounts:
        left, _, right = line.partition(" - ")
        point = Path(_unescaped(left.split(" ")[4]))
        # The last of equals hides those before it.
        if path.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), right.split(" ")[0]
    return best[1] if best else None


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)
