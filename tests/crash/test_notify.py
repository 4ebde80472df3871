"""A real daemon tells what happens, also when it is killed while it does."""

import json
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from tests.fakes.hook import Answer, Hook, hook

if TYPE_CHECKING:
    from tests.daemon_process import Daemon

BLOCK = {
    "decision": "block", "job": None, "changes": None, "question": "CSV or TSV?",
    "reason": "It is not said.",
}  # fmt: skip


@pytest.fixture
def there() -> Iterator[Hook]:
    with hook() as made:
        yield made


def blocks(daemon: "Daemon") -> int:
    """An assignment that asks a person."""
    daemon.plays({"pm": [[{"structured": BLOCK}]]})
    daemon.start()
    return daemon.create()


def test_killed_between_delivery_and_cursor_it_tells_the_same_again(
    daemon: "Daemon", there: Hook
) -> None:
    def kill() -> None:
        with suppress(ProcessLookupError):
            daemon.signal(signal.SIGKILL)

    there.answers = [Answer(before=kill), Answer()]
    daemon.tunes(notifications={"ops": {"to": "webhook", "url": there.url}})
    blocks(daemon)
    there.until(1)
    assert daemon.wait() == -signal.SIGKILL
    daemon.start()

    first, again = there.until(2)
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.json == again.json
    assert "CSV or TSV?" in first.json["text"]


def test_a_stop_does_not_wait_for_a_target_that_hangs_and_the_next_start_tells_it(
    daemon: "Daemon", there: Hook
) -> None:
    there.answers = [Answer(hangs=True), Answer()]
    daemon.sets(OPS_URL=there.url)
    daemon.tunes(notifications={"ops": {"to": "webhook", "url": "OPS_URL"}})
    blocks(daemon)
    there.until(1)
    begun = daemon.now()
    daemon.signal(signal.SIGTERM)

    assert daemon.wait() == 0
    assert daemon.now() - begun < 5_000
    daemon.start()
    first, again = there.until(2)
    assert first.json["id"] == again.json["id"]


def test_the_secret_in_an_address_is_in_no_line_of_the_log(daemon: "Daemon", there: Hook) -> None:
    echo = b"no such path: /hook/T0PSECRET"
    there.answers = [Answer(503, body=echo), Answer()]
    daemon.sets(OPS_URL=f"{there.url}/T0PSECRET")
    daemon.tunes(
        log={"level": "debug"},
        notifications={"ops": {"on": ["*"], "to": "webhook", "url": "OPS_URL"}},
    )
    daemon.settled(blocks(daemon))
    assert {got.path for got in there.until(3)} == {"/hook/T0PSECRET"}
    daemon.signal(signal.SIGTERM)
    assert daemon.wait() == 0

    assert daemon.logged("run.closed"), "our own words are there"
    assert "T0PSECRET" not in daemon.place.log_path.read_text()
    assert "T0PSECRET" not in (daemon.tmp / "said.log").read_text()


def test_a_person_tries_a_rule_and_sees_how_it_goes(daemon: "Daemon", there: Hook) -> None:
    there.answers = [Answer(), Answer(403)]
    daemon.tunes(
        notifications={
            "ops": {"to": "webhook", "url": there.url, "namespaces": ["repo"]},
            "phone": {"on": ["done", "question.*"], "to": "apprise", "url": "NO_SUCH"},
        }
    )
    daemon.start()

    assert daemon.wfctl("notify", "test", "ops").out == "ops: the message was accepted\n"
    assert there.got[0].json["kind"] == "notification.test"
    failed = daemon.wfctl("notify", "test", "ops")
    assert (failed.code, failed.err) == (1, "ops: not delivered: it answered 403\n")
    assert daemon.wfctl("notify", "test", "opps").code == 3
    told = daemon.wfctl("notify", "test", "phone", "--json")
    assert (told.code, json.loads(told.out)["delivered"]) == (1, False)
    listed = daemon.wfctl("notify", "list").out.splitlines()
    assert listed[0].split("\t") == ["ops", "webhook", "needs_you", "repo", "ok"]
    assert listed[1].split("\t")[:4] == ["phone", "apprise", "done, question.*", "all"]
    assert "NO_SUCH is not set" in listed[1]
    daemon.sets(NO_SUCH="json://localhost", WFD_CONFIG_DIR=str(daemon.tmp / "own"))
    (daemon.tmp / "own").mkdir()
    daemon.config_file.rename(daemon.tmp / "own" / "config.json")
    found = json.loads(daemon.wfd("doctor", "--json").out)["findings"]
    [phone] = [one for one in found if one["what"] == "notification phone"]
    assert "as the daemon sees it" in phone["detail"], "whose environment is the one that counts"
    daemon.sets(WFD_RUN_ID="R1")
    assert daemon.wfctl("notify", "test", "ops").code == 4
