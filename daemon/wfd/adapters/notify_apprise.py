"""A notice to a desktop or a chat service, by apprise in a process of its own.

It blocks and cannot be cancelled, some services take minutes to fail, and it would stay in the
daemon's memory for good. The address, which holds the secret, goes through stdin.
"""

import json
import subprocess
import sys

import anyio
from anyio.abc import Process

from wfd.domain.notice import NotDelivered, Notice
from wfd.rules.clip import one_line
from wfd.rules.tame import tame

DEADLINE_S = 45.0
_MAX_SAID = 200


async def send(notice: Notice, url: str) -> NotDelivered | None:
    """Tell it once, within DEADLINE_S."""
    title, _, rest = notice.text.partition("\n")
    ask = {"url": url, "title": "wfd", "body": f"{title}\n{rest}".strip()}
    try:
        with anyio.fail_after(DEADLINE_S):
            code, answer = await _asked(json.dumps(ask).encode())
    except TimeoutError:
        return NotDelivered(f"no answer within {DEADLINE_S:g} s")
    except OSError as error:
        return NotDelivered(f"apprise could not be started: {error.strerror}")
    if code == 0:
        return None
    said = one_line(tame(answer.decode("utf-8", "replace")), _MAX_SAID)
    return NotDelivered(said or f"apprise ended with exit code {code}")


async def _asked(ask: bytes) -> tuple[int, bytes]:
    # -P: nothing of the folder that the daemon was started in is imported
    process = await anyio.open_process(
        [sys.executable, "-P", "-m", "wfd.adapters.apprise_process"], stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdin is not None and process.stdout is not None
        await process.stdin.send(ask)
        await process.stdin.aclose()
        answer = b"".join([part async for part in process.stdout])
        return await process.wait(), answer
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        return await process.wait(), b""
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    with anyio.CancelScope(shield=True):
        await process.aclose()
