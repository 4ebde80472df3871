"""The calling end of the command socket. Standard library only: every wfctl imports it."""

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from wfd.domain import errors
from wfd.domain.errors import BadInput, NotRunning, TryLater

MAX_LINE_BYTES = 16 * 1024 * 1024
_UNSURE = "it may still carry the command out: check with wfctl before you try again"


def call(
    path: Path, command: str, values: Mapping[str, object], *, timeout_s: float = 2.0
) -> object:
    """Send one command to the daemon and return its answer, as JSON values.

    Raises what the command raised there, NotRunning when nobody listens, and TryLater when
    no answer comes in time, or none at all: then the command may have been done or not.
    """
    deadline = time.monotonic() + timeout_s
    request = json.dumps({"command": command, "values": values}).encode() + b"\n"
    if len(request) > MAX_LINE_BYTES:
        raise BadInput(f"the values of '{command}' are longer than {MAX_LINE_BYTES} bytes")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        _connect(connection, path, deadline)
        try:
            answer = _exchange(connection, request, deadline)
        except TimeoutError:
            raise TryLater(f"the daemon did not answer in {timeout_s:g} s; {_UNSURE}") from None
        except OSError:
            answer = b""
    if not answer.endswith(b"\n"):
        raise TryLater(f"the daemon ended before it answered; {_UNSURE}")
    return _result(json.loads(answer))


def _connect(connection: socket.socket, path: Path, deadline: float) -> None:
    try:
        _wait_until(connection, deadline)
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotRunning("the daemon is not running; start it with: wfd start") from None
    except (TimeoutError, BlockingIOError):
        raise TryLater("the daemon takes no more calls at the moment; try again") from None


def _exchange(connection: socket.socket, request: bytes, deadline: float) -> bytes:
    _wait_until(connection, deadline)
    connection.sendall(request)
    parts = []
    while True:
        _wait_until(connection, deadline)
        part = connection.recv(65536)
        parts.append(part)
        if not part or part.endswith(b"\n"):
            return b"".join(parts)


def _wait_until(connection: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)


def _result(answer: dict[str, object]) -> object:
    error = answer.get("error")
    if isinstance(error, dict):
        raise errors.from_wire(str(error.get("kind")), str(error.get("message")))
    return answer.get("result")
