"""Notices on their way out, over a real HTTP server on loopback."""

import base64
import hashlib
import hmac
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.fakes.hook import Answer, Hook, hook, refused_port

from wfd.adapters import notify_apprise, notify_webhook
from wfd.adapters.notify import Channels
from wfd.domain.notice import Channel, NotDelivered, Notice, Rule

NOTICE = Notice(
    17, "assignment.blocked", "shop", 7, None, 101, 5, "A7 is blocked: CSV?\ntype it", 1000
)
KEY = "a key of the receiver's"


@pytest.fixture
def there() -> Iterator[Hook]:
    with hook() as made:
        yield made


def webhook(url: str | None, key: str | None = None) -> Rule:
    return Rule("ops", ("*",), None, Channel.WEBHOOK, url, key)


async def test_a_webhook_gets_one_document_with_a_key_that_stays_the_same(there: Hook) -> None:
    for _ in range(2):
        assert await Channels({}).send(webhook(there.url), NOTICE) is None

    first, again = there.got
    assert first.json == {
        "id": 17, "kind": "assignment.blocked", "namespace": "shop", "assignment": 7, "job": None,
        "run": 101, "question": 5, "text": NOTICE.text, "at": "1970-01-01T00:00:01.000Z",
    }  # fmt: skip
    assert first.headers["content-type"] == "application/json"
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == "ops-17-1000"
    assert first.headers["idempotency-key"] == "ops-17-1000"
    assert "webhook-signature" not in first.headers


@pytest.mark.parametrize(
    ("key", "secret"),
    [(KEY, KEY.encode()), (f"whsec_{base64.b64encode(b'0123').decode()}", b"0123")],
)
async def test_the_signature_is_over_key_time_and_body(
    there: Hook, key: str, secret: bytes
) -> None:
    assert await Channels({"KEY": key}).send(webhook(there.url, "KEY"), NOTICE) is None

    [got] = there.got
    stamp = got.headers["webhook-timestamp"]
    signed = f"{got.headers['webhook-id']}.{stamp}.".encode() + got.body
    expected = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(stamp) - time.time()) < 60


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(400, True), (401, True), (404, True), (410, True), (408, False), (429, False), (500, False),
     (503, False)],
)  # fmt: skip
async def test_only_what_cannot_go_better_is_final(
    there: Hook, status: int, is_final: bool
) -> None:
    there.answers = [Answer(status, body=b"no\x1b such\n thing" + b"x" * 9999)]

    failed = await Channels({}).send(webhook(there.url), NOTICE)

    assert failed is not None and failed.is_final is is_final
    assert failed.reason.startswith(f"it answered {status}: no\\u001b such thing")
    assert len(failed.reason) < 300


async def test_retry_after_is_read_as_seconds_and_as_a_date(there: Hook) -> None:
    soon = formatdate(time.time() + 100, usegmt=True)
    for header in ("30", soon, "soon"):
        there.answers.insert(-1, Answer(429, {"retry-after": header}))

    asked = []
    for _ in range(3):
        failed = await Channels({}).send(webhook(there.url), NOTICE)
        assert failed is not None
        asked.append(failed.retry_after_ms)

    assert asked[0] == 30_000 and asked[2] is None
    assert asked[1] is not None and 90_000 < asked[1] <= 100_000


async def test_a_redirect_is_not_followed(there: Hook) -> None:
    there.answers = [Answer(307, {"location": f"{there.url}/elsewhere"})]

    failed = await Channels({}).send(webhook(there.url), NOTICE)

    assert failed is not None and failed.is_final and "redirects" in failed.reason
    assert len(there.got) == 1


async def test_a_target_that_hangs_is_waited_for_within_bounds(
    there: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify_webhook, "DEADLINE_S", 0.3)
    there.answers = [Answer(hangs=True)]
    begun = time.monotonic()

    failed = await Channels({}).send(webhook(there.url), NOTICE)

    assert failed == NotDelivered("no answer within 0.3 s")
    assert time.monotonic() - begun < 5


async def test_nobody_there_is_worth_a_retry() -> None:
    failed = await Channels({}).send(webhook(f"http://127.0.0.1:{refused_port()}/"), NOTICE)

    assert failed is not None and not failed.is_final and "ConnectError" in failed.reason


async def test_a_secret_comes_from_a_variable_or_from_a_file_of_ones_own(
    there: Hook, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    file.write_text(f"{there.url}\n")
    file.chmod(0o600)
    channels = Channels({"URL": there.url})

    assert await channels.send(webhook("URL"), NOTICE) is None
    assert await channels.send(webhook(str(file)), NOTICE) is None
    assert channels.problem(webhook(str(file))) is None
    assert len(there.got) == 2


async def test_a_secret_that_is_not_there_is_named_and_a_file_that_others_read_is_refused(
    tmp_path: Path,
) -> None:
    file = tmp_path / "url"
    file.write_text("http://example.invalid")
    file.chmod(0o640)
    channels = Channels({})

    failed = await channels.send(webhook("NO_SUCH"), NOTICE)

    assert failed is not None and not failed.is_final
    assert "NO_SUCH is not set" in failed.reason
    assert f"chmod 600 {file}" in str(channels.problem(webhook(str(file))))
    assert "cannot be read" in str(channels.problem(webhook(str(tmp_path / "none"))))


async def test_no_reason_gives_a_secret_address_away(there: Hook) -> None:
    there.answers = [Answer(500, body=b"/hook/T0PSECRET failed")]
    channels = Channels({"URL": f"{there.url}/T0PSECRET", "BAD": "ht!tp://T0PSECRET"})

    for place in ("URL", "BAD"):
        failed = await channels.send(webhook(place), NOTICE)
        assert failed is not None and "T0PSECRET" not in failed.reason


async def test_the_console_is_a_warning_of_the_log() -> None:
    with capture_logs() as logged:
        assert (
            await Channels({}).send(Rule("log", (), None, Channel.CONSOLE, None, None), NOTICE)
            is None
        )

    [line] = logged
    assert (line["event"], line["log_level"]) == ("notification.told", "warning")
    assert line["text"] == NOTICE.text


# --- apprise -------------------------------------------------------------------


def chat(place: str) -> Rule:
    return Rule("phone", ("*",), None, Channel.APPRISE, place, None)


def json_url(there: Hook) -> str:
    return f"json://127.0.0.1:{there.port}/T0PSECRET"


async def test_apprise_delivers_to_a_service_and_is_never_in_the_daemon_itself(there: Hook) -> None:
    assert await Channels({"PHONE": json_url(there)}).send(chat("PHONE"), NOTICE) is None

    [got] = there.got
    assert got.path == "/T0PSECRET"
    assert got.json["title"] == "wfd"
    assert got.json["message"] == NOTICE.text
    assert "apprise" not in sys.modules


async def test_what_apprise_cannot_deliver_says_why_and_keeps_the_secret(there: Hook) -> None:
    there.answers = [Answer(500)]
    channels = Channels({"PHONE": json_url(there), "ODD": "nosuchthing://T0PSECRET"})

    failed, odd = [await channels.send(chat(place), NOTICE) for place in ("PHONE", "ODD")]

    assert failed is not None and "500" in failed.reason
    assert odd is not None and "does not know such an address" in odd.reason
    assert "T0PSECRET" not in failed.reason + odd.reason


async def test_apprise_that_hangs_is_ended(there: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify_apprise, "DEADLINE_S", 1.5)
    there.answers = [Answer(hangs=True)]

    failed = await Channels({"PHONE": json_url(there)}).send(chat("PHONE"), NOTICE)

    assert failed == NotDelivered("no answer within 1.5 s")
