"""Rules follow the events by a cursor: at least once, in order, and none holds up another."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.abc import TaskGroup
from structlog.testing import capture_logs
from tests.fakes.hook import Answer, Hook, hook

from wfd.adapters.notify import Channels
from wfd.domain.errors import Broken, NotFound, StoreDown
from wfd.domain.event import Event
from wfd.domain.ids import NamespaceId
from wfd.engine import notice_follower, notices
from wfd.engine.notice_follower import Followed
from wfd.engine.notices import Notices
from wfd.ports import Tx
from wfd.rules import redelivery
from wfd.rules.policy import Backoff

if TYPE_CHECKING:
    from tests.engine.conftest import Bench, Opened

DEADLINE_S = 8
BLOCK = {
    "decision": "block", "job": None, "changes": None, "question": "Which format?",
    "reason": "It is not said.",
}  # fmt: skip


@pytest.fixture
def there() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture
def other() -> Iterator[Hook]:
    with hook() as made:
        yield made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "POLL_S", 0.02)
    monkeypatch.setattr(notice_follower, "SAVE_EVERY_S", 0.05)
    monkeypatch.setattr(redelivery, "_BACKOFF", Backoff(base_ms=20, factor=1, max_ms=20))


def to(there: Hook, *on: str, **more: object) -> dict[str, object]:
    return {"to": "webhook", "url": there.url, "on": list(on) or ["needs_you"], **more}


@asynccontextmanager
async def following(engine: "Opened") -> AsyncIterator[tuple[Notices, TaskGroup]]:
    """The rules at work, once each has its place in the events."""
    followed = Notices(engine.parts, Channels({}))
    async with anyio.create_task_group() as group:
        group.start_soon(followed.follow)
        with anyio.fail_after(DEADLINE_S):
            for name in engine.parts.settings.config.rules():
                while await cursor(engine, name) is None:
                    await anyio.sleep(0.01)
        try:
            yield followed, group
        finally:
            group.cancel_scope.cancel()


async def cursor(engine: "Opened", rule: str) -> Followed | None:
    return await engine.parts.store.one(Followed, "follower", name=f"notice:{rule}")


async def happen(engine: "Opened", *texts: str, kind: str = "question.asked") -> None:
    for text in texts:
        await engine.parts.store.write(lambda tx, text=text: _add(tx, kind, text))  # type: ignore[misc]


def _add(tx: Tx, kind: str, text: str) -> int:
    return tx.insert(
        "add_event", now=tx.now, kind=kind, namespace_id=NamespaceId(1), assignment_id=None,
        job_id=None, run_id=None, data=json.dumps({"text": text}),
    )  # fmt: skip


async def arrived(there: Hook, count: int) -> list[str]:
    """The texts of all that came, once it is so much."""
    with anyio.fail_after(DEADLINE_S):
        while len(there.got) < count:
            await anyio.sleep(0.01)
    return [str(got.json["text"]).partition(": ")[2].partition("\n")[0] for got in there.got]


async def quiet(engine: "Opened", *rules: str) -> None:
    """Once the rules have done with all that has happened."""
    last = await engine.parts.store.one(int, "last_event")
    with anyio.fail_after(DEADLINE_S):
        for rule in rules:
            while (at := await cursor(engine, rule)) is None or at.seq != last:
                await anyio.sleep(0.01)


async def test_each_event_that_matches_is_told_once_and_in_order(
    bench: "Bench", there: Hook
) -> None:
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine):
        await happen(engine, "one", "two", "three")
        assert await arrived(there, 3) == ["one", "two", "three"]
        await quiet(engine, "ops")
    ids = [got.json["id"] for got in there.got]
    assert ids == sorted(set(ids))
    assert there.got[0].json["namespace"] == "repo"


async def test_an_assignment_that_waits_for_a_person_is_told_with_what_to_type(
    bench: "Bench", there: Hook
) -> None:
    bench.flags["notifications"] = {"ops": to(there, "needs_you", "done")}
    bench.plays({"pm": [[{"structured": BLOCK}]]})
    async with bench.running() as engine, following(engine):
        await engine.create("The export writes CSV", type="implement", context="Go")
        with anyio.fail_after(DEADLINE_S):
            while not there.got:
                await anyio.sleep(0.02)
    got = there.got[0].json
    assert (got["kind"], got["assignment"]) == ("question.asked", 1), "and not what it explains"
    assert "The export writes CSV" in got["text"] and "Which format?" in got["text"]
    assert "wfctl inbox --namespace repo" in got["text"]


async def test_a_rule_that_is_new_begins_at_the_present(bench: "Bench", there: Hook) -> None:
    async with bench.opened() as engine:
        await happen(engine, "long ago")
        bench.flags["notifications"] = {"ops": to(there)}
        engine.settings.reload()
        async with following(engine):
            await happen(engine, "now")
            assert await arrived(there, 1) == ["now"]


async def test_a_rule_that_comes_back_is_new(bench: "Bench", there: Hook) -> None:
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine) as (followed, _):
        bench.flags["notifications"] = {}
        engine.settings.reload()
        followed.reconfigure()
        with anyio.fail_after(DEADLINE_S):
            while await cursor(engine, "ops") is not None:
                await anyio.sleep(0.01)
        await happen(engine, "unheard")
        bench.flags["notifications"] = {"ops": to(there)}
        engine.settings.reload()
        followed.reconfigure()
        with anyio.fail_after(DEADLINE_S):
            while await cursor(engine, "ops") is None:
                await anyio.sleep(0.01)
        await happen(engine, "heard")
        assert await arrived(there, 1) == ["heard"]


async def test_without_a_rule_no_task_runs_and_nothing_is_read(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench.opened() as engine, following(engine):
        await anyio.wait_all_tasks_blocked()
        reads: list[str] = []
        monkeypatch.setattr(
            engine.parts.store, "all", lambda into, statement, **_: reads.append(statement)
        )
        await happen(engine, "something")
        await anyio.sleep(0.2)
        assert reads == []


async def test_failures_are_tried_again_until_it_arrives(bench: "Bench", there: Hook) -> None:
    there.answers = [Answer(500), Answer(429, {"retry-after": "0"}), Answer(503), Answer()]
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine):
        await happen(engine, "one", "two")
        assert await arrived(there, 5) == ["one"] * 4 + ["two"]
        await quiet(engine, "ops")
        at = await cursor(engine, "ops")
        assert at is not None and (at.failures, at.retry_at) == (0, None)
    assert len({got.headers["webhook-id"] for got in there.got[:4]}) == 1


async def test_failures_and_the_next_try_survive_a_restart(
    bench: "Bench", there: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "_BACKOFF", Backoff(base_ms=1500, factor=1, max_ms=1500))
    there.answers = [Answer(500), Answer()]
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine:
        async with following(engine):
            await happen(engine, "one")
            with anyio.fail_after(DEADLINE_S):
                while (failed := await cursor(engine, "ops")) is None or not failed.failures:
                    await anyio.sleep(0.01)
        async with following(engine):
            await anyio.sleep(0.2)
            assert len(there.got) == 1, "its time has not come"
            assert failed.retry_at is not None
            assert await arrived(there, 2) == ["one", "one"]
            assert engine.parts.clock.now() >= failed.retry_at
            await quiet(engine, "ops")


async def test_a_rule_that_was_edited_is_tried_at_once(
    bench: "Bench", there: Hook, other: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivery, "_BACKOFF", Backoff(base_ms=60_000, factor=1, max_ms=60_000))
    there.answers = [Answer(500)]
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine) as (followed, _):
        await happen(engine, "one")
        await arrived(there, 1)
        bench.flags["notifications"] = {"ops": to(other)}
        engine.settings.reload()
        followed.reconfigure()
        assert await arrived(other, 1) == ["one"]


async def test_what_is_refused_for_good_is_given_up_and_told_by_another_rule(
    bench: "Bench", there: Hook, other: Hook
) -> None:
    there.answers = [Answer(403), Answer()]
    rules = {"ops": to(there), "mail": to(other, "notification.given_up")}
    bench.flags["notifications"] = rules
    with capture_logs() as logged:
        async with bench.opened() as engine, following(engine):
            await happen(engine, "one", "two")
            [told] = await arrived(other, 1)
            assert await arrived(there, 2) == ["one", "two"], "the cursor has moved on"
            await quiet(engine, "ops", "mail")
    assert told == "rule ops could not tell of question.asked: it answered 403"
    [line] = [line for line in logged if line["event"] == "notification.given_up"]
    assert (line["log_level"], line["rule"], line["tries"]) == ("error", "ops", 1)


async def test_two_dead_rules_that_tell_of_each_other_come_to_rest(
    bench: "Bench", there: Hook, other: Hook
) -> None:
    there.answers = other.answers = [Answer(404)]
    bench.flags["notifications"] = {"a": to(there, "*"), "b": to(other, "*")}
    async with bench.opened() as engine, following(engine):
        await happen(engine, "one")
        await arrived(there, 2)
        await arrived(other, 2)
        await anyio.sleep(0.2)
        await quiet(engine, "a", "b")
    assert (len(there.got), len(other.got)) == (2, 2)


async def test_after_so_many_tries_it_is_given_up(bench: "Bench", there: Hook) -> None:
    there.answers = [Answer(500)]
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine):
        await happen(engine, "one")
        await arrived(there, redelivery.TRIES)
        await quiet(engine, "ops")
        last = await engine.parts.store.all(Event, "events_after", seq=0, limit=100)
    assert len(there.got) == redelivery.TRIES
    assert last[-1].kind == "notification.given_up"


async def test_a_target_that_hangs_holds_up_no_other_rule_and_no_stop(
    bench: "Bench", there: Hook, other: Hook
) -> None:
    there.answers = [Answer(hangs=True)]
    bench.flags["notifications"] = {"dead": to(there), "ops": to(other)}
    async with bench.opened() as engine:
        async with following(engine) as (_, group):
            await happen(engine, "one", "two")
            assert await arrived(other, 2) == ["one", "two"]
            assert len(there.got) == 1
            begun = anyio.current_time()
            group.cancel_scope.cancel()
        assert anyio.current_time() - begun < 2
        at = await cursor(engine, "dead")
        last = await engine.parts.store.one(int, "last_event")
    assert at is not None and last is not None and at.seq < last, "it is told at the next start"


async def test_what_comes_and_goes_is_told_once(
    bench: "Bench", there: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine):
        await happen(engine, "down", "down", "up", "down")
        await quiet(engine, "ops")
        assert await arrived(there, 2) == ["down", "up"]
        monkeypatch.setattr(notice_follower, "FLAPPING_MS", 1)
        await anyio.sleep(0.01)
        await happen(engine, "down")
        assert await arrived(there, 3) == ["down", "up", "down"]


async def test_what_is_asked_anew_of_an_assignment_is_told_anew(
    bench: "Bench", there: Hook
) -> None:
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine):
        one = await engine.create()
        for asked in (7, 8, 8):
            data = {"text": "log it in", "question_id": asked}
            await engine.parts.store.write(
                lambda tx, data=data: tx.insert(  # type: ignore[misc]
                    "add_event", now=tx.now, kind="question.asked", namespace_id=NamespaceId(1),
                    assignment_id=one, job_id=None, run_id=None, data=json.dumps(data),
                )
            )  # fmt: skip
        await quiet(engine, "ops")
        assert [got.json["question"] for got in there.got] == [7, 8]


@pytest.mark.parametrize(
    ("error", "is_logged"),
    [(Broken("no such thing"), True), (StoreDown("the disk is full"), False)],
    ids=["unforeseen", "as the store has said itself"],
)
async def test_a_store_that_cannot_be_written_makes_no_message_twice(
    bench: "Bench",
    there: Hook,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    is_logged: bool,
) -> None:
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine, following(engine):
        write = engine.parts.store.write

        async def full(work: object) -> None:
            raise error

        await happen(engine, "one")
        monkeypatch.setattr(engine.parts.store, "write", full)
        with capture_logs() as logged:
            await arrived(there, 1)
            await anyio.sleep(0.2)
        assert ("notification.not_saved" in {line["event"] for line in logged}) == is_logged
        monkeypatch.setattr(engine.parts.store, "write", write)
        await happen(engine, "two")
        assert await arrived(there, 2) == ["one", "two"]
        await quiet(engine, "ops")


async def test_a_transaction_that_the_batch_cuts_is_read_whole(
    bench: "Bench", there: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_follower, "BATCH", 4)
    bench.flags["notifications"] = {"ops": to(there)}
    async with bench.opened() as engine:
        await engine.send("create", north_star="Go")
        async with following(engine):
            await quiet(engine, "ops")
        await happen(engine, "one", "two", "three")
        await engine.send("update_assignment", assignment=1, status="paused")
        async with following(engine):
            await quiet(engine, "ops")
    texts = await arrived(there, 3)
    assert texts == ["one", "two", "three"], "who has paused it knows it"


async def test_an_error_that_nobody_foresaw_is_bounded_too(
    bench: "Bench", there: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.flags["notifications"] = {"ops": to(there)}
    monkeypatch.setattr(redelivery, "TRIES", 3)
    tries = 0

    async def fail(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise ValueError("nobody thought of it")

    monkeypatch.setattr(Channels, "send", fail)
    async with bench.opened() as engine, following(engine):
        await happen(engine, "one")
        await quiet(engine, "ops")
    assert tries == 3


async def test_a_test_sends_one_message_past_the_cursor(bench: "Bench", there: Hook) -> None:
    there.answers = [Answer(), Answer(500)]
    bench.flags["notifications"] = {"ops": to(there), "phone": {"to": "apprise", "url": "NO_SUCH"}}
    async with bench.opened() as engine, following(engine) as (followed, _):
        assert await followed.test("ops") is None
        failed = await followed.test("ops")
        with pytest.raises(NotFound, match="did you mean 'ops'"):
            await followed.test("opps")
        states = {str(one["rule"]): one for one in await followed.states()}
    assert failed is not None and "500" in failed.reason
    assert there.got[0].json["kind"] == "notification.test"
    assert states["ops"]["problem"] is None
    assert "NO_SUCH is not set" in str(states["phone"]["problem"])


async def test_a_loop_of_notices_that_hangs_is_named_and_one_without_rules_never(
    bench: "Bench", there: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "_TURN_S", 0.05)
    async with bench.opened() as engine:
        pulse = engine.parts.pulse
        async with following(engine) as (followed, _):
            await anyio.sleep(0.2)
            assert pulse.overdue() == [], "without a rule it rests until there is one"
            bench.flags["notifications"] = {"ops": to(there)}
            engine.settings.reload()
            followed.reconfigure()
            for _ in range(3):
                with anyio.fail_after(DEADLINE_S):
                    await pulse.turned("notifications")
            assert pulse.overdue() == []
            monkeypatch.setattr(engine.parts.store, "one", _never)
            with anyio.fail_after(DEADLINE_S):
                while pulse.overdue() != ["notifications"]:
                    await anyio.sleep(0.01)


async def _never(*args: object, **values: object) -> None:
    await anyio.sleep_forever()
