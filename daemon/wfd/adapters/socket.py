"""The daemon's end of the command socket: one JSON document per line, each way.

{"command": "create", "values": {…}}
{"result": …}  or  {"error": {"kind": "NotFound", "message": "no assignment A7"}}
"""

import errno
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import structlog
from anyio.abc import SocketListener, SocketStream, TaskStatus
from anyio.streams.buffered import BufferedByteReceiveStream

from wfd.adapters.client import MAX_LINE_BYTES
from wfd.domain.errors import BadInput, Broken, WfdError

log = structlog.get_logger()

Handle = Callable[[str, dict[str, object]], Awaitable[object]]

_FULL = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


async def serve(
    path: Path, handle: Handle, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Answer commands on the socket until cancelled; `started` once it takes calls.

    The caller holds the daemon's lock, so a socket that is there already is stale. A command
    whose caller goes away is carried out all the same.
    """
    _remove(path)
    try:
        async with (
            await anyio.create_unix_listener(path, mode=0o600) as listener,
            anyio.create_task_group() as connections,
        ):
            task_status.started()
            while True:
                stream = await _accept(listener)
                connections.start_soon(_converse, stream, handle, name="command connection")
    finally:
        _remove(path)


async def _accept(listener: SocketListener) -> SocketStream:
    while True:
        try:
            return await listener.accept()
        except anyio.BrokenResourceError as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno not in _FULL:
                raise
            log.warning("socket.accept_refused", error=str(cause))
            await anyio.sleep(0.1)


async def _converse(stream: SocketStream, handle: Handle) -> None:
    """One request after the other, until the caller hangs up."""
    lines = BufferedByteReceiveStream(stream)
    async with stream:
        try:
            while True:
                line = await lines.receive_until(b"\n", MAX_LINE_BYTES)
                await stream.send(await _answer(line, handle))
        except anyio.DelimiterNotFound:
            await _refuse(stream)
        except (anyio.IncompleteRead, anyio.BrokenResourceError):
            return


async def _refuse(stream: SocketStream) -> None:
    error = BadInput(f"a command is longer than {MAX_LINE_BYTES} bytes")
    try:
        await stream.send(_line({"error": _wire(error)}))
    except anyio.BrokenResourceError:
        return


async def _answer(line: bytes, handle: Handle) -> bytes:
    command = "?"
    try:
        command, values = _request(line)
        return _line({"result": await handle(command, values)})
    except WfdError as error:
        return _line({"error": _wire(error)})
    except Exception:
        log.exception("command.failed", command=command)
        return _line({"error": _wire(Broken(f"'{command}' failed in the daemon; see the log"))})


def _request(line: bytes) -> tuple[str, dict[str, object]]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"a command must be one line of JSON: {error}") from None
    match request:
        case {"command": str(command), "values": dict(values)}:
            return command, values
        case _:
            raise BadInput('a command must be {"command": name, "values": {…}}')


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _line(answer: object) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _wire(error: WfdError) -> dict[str, str]:
    return {"kind": error.kind, "message": str(error)}
