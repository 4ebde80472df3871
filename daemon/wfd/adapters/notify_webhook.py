"""A notice as a POST of JSON, signed as standardwebhooks.com has it.

`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `<webhook-id>.<timestamp>.<body>`.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

import wfd
from wfd.domain.notice import NotDelivered, Notice, Rule
from wfd.rules.clip import one_line
from wfd.rules.tame import tame

if TYPE_CHECKING:
    import httpx

DEADLINE_S = 15.0
_CONNECT_S = 5.0
_MAX_SAID = 200  # of the answer's body, for the log
_WORTH_A_RETRY = frozenset({408, 429})


async def send(rule: Rule, notice: Notice, url: str, key: str | None) -> NotDelivered | None:
    """Tell it once, within DEADLINE_S. Redirects are not followed."""
    body = _body(notice)
    headers = {"content-type": "application/json", "user-agent": f"wfd/{wfd.__version__}"}
    headers |= _marks(f"{rule.name}-{notice.id}-{notice.at}", body, key)
    trust = await anyio.to_thread.run_sync(_trust)  # the first time it takes a while
    import httpx

    try:
        with anyio.fail_after(DEADLINE_S):
            async with (
                httpx.AsyncClient(
                    verify=trust, timeout=httpx.Timeout(DEADLINE_S, connect=_CONNECT_S)
                ) as client,
                client.stream("POST", url, content=body, headers=headers) as answer,
            ):
                if answer.is_success:
                    return None
                return _refused(answer, await _said(answer))
    except (TimeoutError, httpx.TimeoutException):
        return NotDelivered(f"no answer within {DEADLINE_S:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return NotDelivered(f"{type(error).__name__}: {one_line(tame(str(error)), _MAX_SAID)}")


def _marks(key_of_notice: str, body: bytes, key: str | None) -> Mapping[str, str]:
    stamp = str(int(time.time()))
    marks = {
        "webhook-id": key_of_notice,
        "webhook-timestamp": stamp,
        "idempotency-key": key_of_notice,
    }
    if key is not None:
        signed = f"{key_of_notice}.{stamp}.".encode() + body
        digest = hmac.new(_key(key), signed, hashlib.sha256).digest()
        marks["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return marks


def _key(text: str) -> bytes:
    """The bytes of 'whsec_<base64>', and of any other text as it stands."""
    if text.startswith("whsec_"):
        try:
            return base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return text.encode()


def _body(notice: Notice) -> bytes:
    at = datetime.fromtimestamp(notice.at / 1000, UTC).isoformat(timespec="milliseconds")
    return json.dumps(vars(notice) | {"at": at.replace("+00:00", "Z")}).encode()


@functools.cache
def _trust() -> ssl.SSLContext:
    import httpx  # late, and in a thread: a daemon without a webhook does without it

    return httpx.create_ssl_context()


async def _said(answer: "httpx.Response") -> str:
    """The beginning of the answer's body."""
    async for part in answer.aiter_bytes(_MAX_SAID):
        return one_line(tame(part[:_MAX_SAID].decode("utf-8", "replace")), _MAX_SAID)
    return ""


def _refused(answer: "httpx.Response", said: str) -> NotDelivered:
    code = answer.status_code
    reason = f"it answered {code}" + (f": {said}" if said else "")
    if answer.is_redirect:
        reason = f"it answered {code} and redirects; name the address that it redirects to"
    return NotDelivered(
        reason,
        is_final=code < 500 and code not in _WORTH_A_RETRY,
        retry_after_ms=_retry_after(answer.headers.get("retry-after")),
    )


def _retry_after(header: str | None) -> int | None:
    """Seconds, or a date; what is neither asks for nothing."""
    if header is None:
        return None
    if header.strip().isdigit():
        return int(header.strip()[:9]) * 1000
    try:
        then = parsedate_to_datetime(header)
        return max(0, int((then.timestamp() - time.time()) * 1000))
    except (ValueError, TypeError, OverflowError):
        return None
