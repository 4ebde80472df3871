"""git run safely: argv lists, a clean environment, a deadline, and its own words in the error.

`of_user` runs in the user's repository, whose configuration is trusted; `own` runs on a
repository that no agent can write, whatever the work tree beside it holds.
"""

import asyncio
import os
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, Any, TypeVar

import anyio
import anyio.to_thread

from wfd.domain.errors import Broken

T = TypeVar("T")

GIT_NEEDED = (2, 38)  # the first with merge-tree --write-tree
DEADLINE_S = 120.0
NOT_THERE = ""  # to update-ref, the old value of a ref that must not exist yet
_STDERR_CHARS = 800
_FILTERS_LINE = "error: external filter '"
_PASSED = ("PATH", "TMPDIR", "TZ")
_TO_SERVERS = (
    "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_PASSED_TO_USERS = ("HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME")

# Nothing that a repository or a user can name may run, and nothing but objects is believed.
_OWN_CONFIG = {
    "core.autocrlf": "false",
    "core.safecrlf": "false",
    "core.attributesFile": "/dev/null",
    "core.commitGraph": "false",
    "core.fsmonitor": "false",
    "core.fsync": "committed",
    "core.fsyncMethod": "fsync",
    "core.hooksPath": "/dev/null",
    "core.multiPackIndex": "false",
    "core.quotePath": "false",
    "core.sparseCheckout": "false",
    "core.splitIndex": "false",
    "core.untrackedCache": "false",
    "commit.gpgSign": "false",
    "diff.ignoreSubmodules": "dirty",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "pack.useBitmaps": "false",
    "submodule.recurse": "false",
}
_USERS_CONFIG = {
    "core.filesRefLockTimeout": "5000",  # the user's own git is at work in there, too
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.packedRefsTimeout": "5000",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.file.allow": "always",
    "submodule.recurse": "false",
}


class GitFailed(Broken):
    def __init__(self, verb: str, where: Path, code: int, stderr: str) -> None:
        # git shows the whole command line of a filter, and names the filter itself below it
        rows = [row for row in stderr.splitlines() if not row.startswith(_FILTERS_LINE)]
        said = "\n".join(rows).strip()[-_STDERR_CHARS:] or "it said nothing"
        super().__init__(f"git {verb} failed in {where} (exit {code}): {said}")
        self.code = code
        self.stderr = stderr


@dataclass(frozen=True)
class Said:
    code: int
    out: bytes
    err: str

    @property
    def names(self) -> list[bytes]:
        """The output of a `-z` command, entry by entry."""
        return [name for name in self.out.split(b"\0") if name]


@dataclass(frozen=True)
class Git:
    where: Path
    env: Mapping[str, str]
    options: tuple[str, ...] = ()
    deadline_s: float = field(default=DEADLINE_S)

    def at(self, where: Path, **env: str) -> "Git":
        """The same git, in another folder and with more in its environment."""
        return Git(where, {**self.env, **env}, self.options, self.deadline_s)

    def reaching_servers(self) -> "Git":
        """The same git, with what the user's own has to reach a server."""
        env = {name: os.environ[name] for name in _TO_SERVERS if name in os.environ}
        return self.at(self.where, **env)

    def having(self, *settings: str) -> "Git":
        """The same git, with settings such as `core.fsync=none` over all others."""
        more = (part for setting in settings for part in ("-c", setting))
        return replace(self, options=(*self.options, *more))

    async def ask(
        self, *args: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> Said:
        """Run it, whatever its exit code. Raises Broken at the deadline or without a git."""
        if not self.where.is_dir():
            raise Broken(f"the folder {self.where} is gone; put it back or set it up again")
        call = _Call(self, args, stdin, stdout)
        try:
            return await call.on_a_thread()
        except subprocess.TimeoutExpired:
            raise Broken(
                f"git {args[0]} in {self.where} took more than {self.deadline_s:g} s and was ended"
            ) from None
        except FileNotFoundError:
            newest = ".".join(map(str, GIT_NEEDED))
            raise Broken(f"there is no git on PATH; install git {newest} or newer") from None

    async def run(
        self, *args: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None
    ) -> Said:
        """Run it, and raise GitFailed unless it exits 0."""
        said = await self.ask(*args, stdin=stdin, stdout=stdout)
        if said.code != 0:
            raise GitFailed(args[0], self.where, said.code, said.err)
        return said

    async def line(self, *args: str) -> str:
        return (await self.run(*args)).out.decode("utf-8", "surrogateescape").strip()

    def at_once(self, *args: str) -> Said:
        """Run it to its end where no loop runs, as a command line does."""
        command = ["git", *self.options, *args]
        try:
            done = subprocess.run(
                command, cwd=self.where, env=self.env, capture_output=True, stdin=DEVNULL,
                timeout=self.deadline_s, check=False,
            )  # fmt: skip
        except (FileNotFoundError, subprocess.TimeoutExpired) as error:
            raise Broken(f"git {args[0]} in {self.where} could not be run: {error}") from error
        return Said(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))

    async def feed(self, lines: Iterable[bytes], *args: str, end: bytes = b"\0") -> Said:
        """Run it with `lines` on its stdin, each closed by `end`. Raises GitFailed."""
        said = await self.ask_with(lines, *args, end=end)
        if said.code != 0:
            raise GitFailed(args[0], self.where, said.code, said.err)
        return said

    async def ask_with(self, lines: Iterable[bytes], *args: str, end: bytes = b"\0") -> Said:
        """The same, whatever its exit code."""
        # A file and not a pipe: git may die before it has read everything.
        with tempfile.TemporaryFile() as stdin:
            stdin.writelines(line + end for line in lines)
            stdin.seek(0)
            return await self.ask(*args, stdin=stdin)

    async def commit_at(self, name: str) -> str | None:
        """The commit that a ref or an object name stands for, or None."""
        said = await self.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return said.out.decode().strip() if said.code == 0 else None

    async def has(self, commit: str) -> bool:
        return (await self.ask("cat-file", "-e", f"{commit}^{{commit}}")).code == 0

    async def is_ancestor(self, older: str, newer: str) -> bool:
        return (await self.ask("merge-base", "--is-ancestor", older, newer)).code == 0


class _Call:
    """One git, waited for on a thread: that costs half of what the loop's own streams do."""

    def __init__(
        self, git: Git, args: Sequence[str], stdin: IO[bytes] | None, stdout: IO[bytes] | None
    ) -> None:
        self._git = git
        self._args = args
        self._stdin = stdin
        self._stdout = stdout
        self._process: subprocess.Popen[bytes] | None = None
        self._is_given_up = False
        self._lock = threading.Lock()

    async def on_a_thread(self) -> Said:
        """Who gives it up goes on only when it has ended."""
        waiting = asyncio.ensure_future(anyio.to_thread.run_sync(self._run))
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            self._give_up()
            with anyio.CancelScope(shield=True):
                await asyncio.gather(waiting, return_exceptions=True)
            raise

    def _run(self) -> Said:
        git = self._git
        with subprocess.Popen(
            ["git", *git.options, *self._args],
            cwd=git.where,
            env=git.env,
            stdin=DEVNULL if self._stdin is None else self._stdin,
            stdout=PIPE if self._stdout is None else self._stdout,
            stderr=PIPE,
        ) as process:
            with self._lock:
                self._process = process
                if self._is_given_up:
                    process.kill()
            try:
                out, err = process.communicate(timeout=git.deadline_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Said(process.returncode, out or b"", err.decode("utf-8", "replace"))

    def _give_up(self) -> None:
        with self._lock:
            self._is_given_up = True
            if self._process is not None:
                self._process.kill()


async def together(*calls: Coroutine[Any, Any, T]) -> list[T]:
    """What several calls come to that do not touch each other. Raises what one of them raised.

    All have ended by then, so that whoever cleans up is alone.
    """
    answers: dict[int, T] = {}
    errors: list[Exception] = []

    async def hear(number: int, call: Coroutine[Any, Any, T]) -> None:
        try:
            answers[number] = await call
        except Exception as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        for number, call in enumerate(calls):
            group.start_soon(hear, number, call)
    if errors:
        raise errors[0]
    return [answers[number] for number in range(len(calls))]


def own(git_dir: Path) -> Git:
    """git on a repository of the daemon's own: no configuration but this file's, no hook."""
    env = {
        **_environment(_PASSED),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_DEFAULT_REF_FORMAT": "files",  # its refs are read and written as files, too
        "GIT_DIR": str(git_dir),
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "HOME": str(git_dir),
    }
    return Git(git_dir, env, _options(_OWN_CONFIG))


def of_user(git_dir: Path) -> Git:
    """git on the user's repository, with the user's configuration but no hook."""
    env = {**_environment(_PASSED + _PASSED_TO_USERS), "GIT_DIR": str(git_dir)}
    return Git(git_dir, env, _options(_USERS_CONFIG))


def in_checkout(checkout: Path) -> Git:
    """git as the user runs it in a checkout, but no hook."""
    return Git(checkout, _environment(_PASSED + _PASSED_TO_USERS), _options(_USERS_CONFIG))


def object_folder(path: Path) -> str:
    """A path as git reads it in a list of object folders, on a line or between colons."""
    text = str(path)
    if not text.startswith("#") and not set(text) & set('":\n'):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def on_a_line(path: bytes) -> bytes:
    """A path as git reads it from a line of its own, where no -z is to be had."""
    if not path.startswith(b'"') and b"\n" not in path:
        return path
    return b'"' + b"".join(b"\\%03o" % byte for byte in path) + b'"'


def _environment(names: Iterable[str]) -> dict[str, str]:
    passed = {name: os.environ[name] for name in names if name in os.environ}
    return {**passed, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}


def _options(config: Mapping[str, str]) -> tuple[str, ...]:
    return ("--no-pager", *(part for k, v in config.items() for part in ("-c", f"{k}={v}")))
