"""The steps of a run, done one after the other."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from wfd_runners.sim.descendants import spawn
from wfd_runners.sim.lines import Interrupted
from wfd_runners.sim.script import Step, signal_name
from wfd_runners.sim.stream import Json, LimitReached, Stream

WAIT_SECONDS = 60.0
POLL_SECONDS = 0.01
DEFAULT_SLEEP = 300.0


class Ended(Exception):
    """A step ended the run."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Player:
    """Does steps, each by the method of its name. `script.py` has checked what they are given."""

    def __init__(self, stream: Stream, denied_tools: frozenset[str], last_words: str) -> None:
        self._stream = stream
        self._denied_tools = denied_tools
        self._last_words = last_words

    def play(self, steps: Iterable[Step]) -> int:
        """The exit code, once all steps are done or one of them has ended the run."""
        try:
            for name, given in steps:
                getattr(self, name)(given)
            self._finish()
        except Ended as end:
            return end.exit_code
        except LimitReached as limit:
            self._stream.limit_reached(limit)
            return 1
        except Interrupted:
            if not self._stream.has_result:
                self._stream.interrupted()
        return 0

    def _finish(self) -> None:
        if not self._stream.has_result:
            self._stream.result(self._last_words)

    # --- what it says -----------------------------------------------------------

    def say(self, text: str) -> None:
        self._stream.say(text)

    def think(self, text: str) -> None:
        self._stream.think(text)

    def structured(self, answer: Json) -> None:
        self._stream.structured(answer)

    def result(self, text: str) -> None:
        self._stream.result(text)

    def cost(self, usd: float) -> None:
        self._stream.cost(usd)

    def tokens(self, both: list[int]) -> None:
        self._stream.tokens(*both)

    def message_tokens(self, both: list[int]) -> None:
        self._stream.message_tokens(*both)

    def api_retry(self, given: Json) -> None:
        self._stream.retry(given)

    def error(self, given: Json) -> None:
        status, text, reset_at = given["status"], given.get("text"), given.get("reset_at")
        self._stream.api_error(
            status if isinstance(status, int) else None,
            text if isinstance(text, str) else None,
            reset_at if isinstance(reset_at, int) else None,
        )
        raise Ended(1)

    def garbage(self, text: str) -> None:
        self._stream.garbage(text)

    def stderr(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def huge(self, size: int) -> None:
        self._stream.huge(size)

    # --- what it does -------------------------------------------------------------

    def edit(self, given: Json) -> None:
        path = Path(str(given["path"]))
        if given.get("delete"):
            self._tool("Bash", {"command": f"rm {path}"}, lambda: _delete(path))
        elif "content" in given:
            content = str(given["content"])
            shown: Json = {"file_path": str(path.absolute()), "content": content}
            self._tool("Write", shown, lambda: _write(path, content))
        else:
            self._change(path, given)

    def _change(self, path: Path, given: Json) -> None:
        replace = given.get("replace")
        old, new = replace if isinstance(replace, list) else ("", str(given.get("append")))
        shown: Json = {"file_path": str(path.absolute()), "old_string": old, "new_string": new}
        self._tool("Edit", shown, lambda: _append(path, new) if not old else _swap(path, old, new))

    def shell(self, command: str) -> None:
        self._tool("Bash", {"command": command}, lambda: _run(command))

    def spawn(self, given: Json) -> None:
        kind, seconds = str(given["kind"]), given.get("seconds", DEFAULT_SLEEP)
        assert isinstance(seconds, int | float)
        shown: Json = {"command": f"leave a process behind: {kind}"}
        self._tool("Bash", shown, lambda: (str(spawn(kind, seconds)), False))

    def touch(self, path: str) -> None:
        Path(path).touch()

    def _tool(self, tool: str, given: Json, do: Callable[[], tuple[str, bool]]) -> None:
        tool_id = self._stream.call(tool, given)
        if tool in self._denied_tools:
            self._stream.answer(tool_id, f"Error: No such tool available: {tool}", is_error=True)
            return
        try:
            text, is_error = do()
        except OSError as error:
            text, is_error = f"{error.filename}: {error.strerror}", True
        self._stream.answer(tool_id, text, is_error=is_error)

    # --- how long it takes, and how it ends ---------------------------------------

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def silence(self, _: bool) -> None:
        while True:
            signal.pause()

    def hang_after_result(self, _: bool) -> None:
        self._finish()
        self.silence(True)

    def ignore_signals(self, _: bool) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def wait_for(self, path: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not Path(path).exists():
            if time.monotonic() > deadline:
                sys.stderr.write(f"wait_for: no {path} after {WAIT_SECONDS:.0f} s\n")
                raise Ended(1)
            time.sleep(POLL_SECONDS)

    def no_result(self, _: bool) -> None:
        raise Ended(0)

    def crash(self, how: int | str) -> None:
        if isinstance(how, int):
            raise Ended(how)
        number = signal.Signals[signal_name(how)]
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _write(path: Path, content: str) -> tuple[str, bool]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return f"File created successfully at: {path.absolute()}", False


def _append(path: Path, text: str) -> tuple[str, bool]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(text)
    return f"The file {path.absolute()} has been updated successfully.", False


def _swap(path: Path, old: str, new: str) -> tuple[str, bool]:
    before = path.read_text()
    if old not in before:
        return f"String to replace not found in file.\nString: {old}", True
    path.write_text(before.replace(old, new, 1))
    return f"The file {path.absolute()} has been updated successfully.", False


def _delete(path: Path) -> tuple[str, bool]:
    path.unlink()
    return "", False


def _run(command: str) -> tuple[str, bool]:
    # Slow to import, and few runs need them.
    import subprocess
    import tempfile

    # A file and no pipe: what the command leaves running must not hold the agent up.
    with tempfile.TemporaryFile() as output:
        shell = subprocess.Popen(
            ["/bin/bash" if Path("/bin/bash").exists() else "/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code = shell.wait()
        except Interrupted:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()
            raise
        output.seek(0)
        text = output.read().decode("utf-8", "replace").rstrip("\n")
    return (text, False) if code == 0 else (f"Exit code {code}\n{text}", True)
