"""One rule: its events by a cursor, each told at least once, at the rule's own pace."""

from dataclasses import dataclass, field

import anyio

from wfd.commands.record import Of, add_event
from wfd.domain.assignment import Assignment
from wfd.domain.errors import StoreFailed, WfdError
from wfd.domain.event import Event
from wfd.domain.namespace import Namespace
from wfd.domain.notice import NotDelivered, Notice, Rule
from wfd.engine.news import News
from wfd.engine.parts import Parts
from wfd.ports import Notifier, Tx
from wfd.rules.notice_text import text_of
from wfd.rules.notices import GIVEN_UP, question_of, told_of
from wfd.rules.redelivery import next_try

PREFIX = "notice:"  # of the names of followers that are rules
BATCH = 200
SAVE_EVERY_S = 30.0  # what is told is saved at once; that nothing was to be told, at leisure
FLAPPING_MS = 600_000
_AFTER_AN_ERROR_S = 5.0
_LONGEST_NAP_S = 60.0  # a machine that slept, or a clock that was set, is noticed
_MAX_RECENT = 1000


@dataclass(frozen=True)
class Followed:
    name: str
    seq: int  # all up to this one are done with
    failures: int
    retry_at: int | None


@dataclass
class _Recent:
    """What was told lately, by what it says: a fact that comes and goes is told once."""

    told: dict[tuple[object, ...], int] = field(default_factory=dict)

    def has(self, notice: Notice) -> bool:
        at = self.told.get(self._key(notice))
        return at is not None and notice.at - at < FLAPPING_MS

    def add(self, notice: Notice) -> None:
        self.told.pop(self._key(notice), None)
        self.told[self._key(notice)] = notice.at
        while len(self.told) > _MAX_RECENT:
            del self.told[next(iter(self.told))]

    @staticmethod
    def _key(notice: Notice) -> tuple[object, ...]:
        # asked again of an assignment, it is because a person has let that go on
        question = notice.question if notice.assignment is not None else None
        return notice.kind, notice.namespace, notice.assignment, notice.job, question, notice.text


class NoticeFollower:
    """What it has done is known here first: a store that cannot be written makes nothing twice."""

    def __init__(
        self, parts: Parts, notifier: Notifier, rule: Rule, news: News, *, tries_at_once: bool
    ) -> None:
        self._parts = parts
        self._notifier = notifier
        self._rule = rule
        self._news = news
        self._tries_at_once = tries_at_once
        self._recent = _Recent()
        self._at: Followed | None = None
        self._saved: Followed | None = None
        self._saved_s = 0.0
        self._log = parts.log.bind(rule=rule.name)

    async def follow(self) -> None:
        """Until cancelled. A round that fails is tried again."""
        while True:
            news = self._news.next()
            try:
                if await self._round():
                    await self._rest(news)
            except StoreFailed:  # which it has logged itself
                await anyio.sleep(_AFTER_AN_ERROR_S)
            except WfdError as error:
                self._log.error("notification.not_followed", error=str(error))
                await anyio.sleep(_AFTER_AN_ERROR_S)
            except Exception:
                self._log.exception("notification.not_followed")
                await anyio.sleep(_AFTER_AN_ERROR_S)

    async def _round(self) -> bool:
        """Tell what is next; whether nothing more is there."""
        at = self._at or await self._begin()
        store = self._parts.store
        events = _whole(await store.all(Event, "events_after", seq=at.seq, limit=BATCH))
        if not events:
            return True
        names = {int(one.id): one.name for one in await store.all(Namespace, "namespaces")}
        for event in told_of(self._rule, events, names):
            await self._tell(event, names)
        self._move(events[-1].seq)
        if anyio.current_time() - self._saved_s > SAVE_EVERY_S:
            await self._save()
        return False

    async def _begin(self) -> Followed:
        name = PREFIX + self._rule.name

        def begin(tx: Tx) -> Followed | None:
            tx.run("start_follower", name=name)
            return tx.one(Followed, "follower", name=name)

        found = await self._parts.store.write(begin)
        assert found is not None, "it was just put there"
        if self._tries_at_once:
            found = Followed(found.name, found.seq, found.failures, None)
        self._at = self._saved = found
        return found

    async def _tell(self, event: Event, names: dict[int, str]) -> None:
        """Until it has arrived or is given up; one that was just told is passed over."""
        notice = await self._notice(event, names)
        if self._recent.has(notice):
            self._log.info("notification.not_repeated", id=notice.id, kind=notice.kind)
            return None
        while True:
            await self._until_due()
            failed = await self._send(notice)
            if failed is None:
                self._recent.add(notice)
                self._move(event.seq)
                return await self._save()
            if await self._is_over(event, notice, failed):
                return None

    async def _send(self, notice: Notice) -> NotDelivered | None:
        try:
            return await self._notifier.send(self._rule, notice)
        except Exception as error:  # what nobody foresaw is bounded like any other failure
            self._log.exception("notification.send_failed", id=notice.id)
            return NotDelivered(f"{type(error).__name__}: {error}"[:200])

    async def _is_over(self, event: Event, notice: Notice, failed: NotDelivered) -> bool:
        """Note a failure; whether it was the last one."""
        failures, now = self._now.failures + 1, self._parts.clock.now()
        again = next_try(failed, failures, notice.at, now, self._parts.roll())
        facts = {"id": notice.id, "kind": notice.kind, "reason": failed.reason, "tries": failures}
        if again is None:
            self._log.error("notification.given_up", **facts)
            self._move(event.seq)
            await self._save(given_up=None if event.kind == GIVEN_UP else (event, facts))
            return True
        self._log.warning("notification.failed", **facts, retry_in_ms=again - now)
        self._at = Followed(self._now.name, self._now.seq, failures, again)
        await self._save()
        return False

    async def _notice(self, event: Event, names: dict[int, str]) -> Notice:
        namespace = None if event.namespace_id is None else names.get(event.namespace_id)
        assignment = None
        if event.assignment_id is not None:
            assignment = await self._parts.store.one(
                Assignment, "assignment_by_id", id=event.assignment_id
            )
        return Notice(
            id=event.seq,
            kind=event.kind,
            namespace=namespace,
            assignment=event.assignment_id,
            job=event.job_id,
            run=event.run_id,
            question=question_of(event),
            text=text_of(event, namespace, assignment.north_star if assignment else None),
            at=event.at,
        )

    @property
    def _now(self) -> Followed:
        assert self._at is not None, "a round begins with it"
        return self._at

    def _move(self, seq: int) -> None:
        self._at = Followed(self._now.name, max(seq, self._now.seq), 0, None)

    async def _save(self, given_up: tuple[Event, dict[str, object]] | None = None) -> None:
        at = self._now
        try:
            await self._parts.store.write(lambda tx: _save(tx, at, self._rule, given_up))
        except WfdError as error:  # it is tried again at leisure
            if not isinstance(error, StoreFailed):  # which it has logged itself
                self._log.error("notification.not_saved", error=str(error))
            return
        self._saved, self._saved_s = at, anyio.current_time()

    async def _until_due(self) -> None:
        while self._now.retry_at is not None:
            left_s = (self._now.retry_at - self._parts.clock.now()) / 1000
            if left_s <= 0:
                return
            await anyio.sleep(min(left_s, _LONGEST_NAP_S))

    async def _rest(self, news: anyio.Event) -> None:
        """Until something has happened; what is not saved yet is saved meanwhile."""
        if self._at != self._saved:
            with anyio.move_on_after(SAVE_EVERY_S):
                return await news.wait()
            await self._save()
        return await news.wait()


def _whole(events: list[Event]) -> list[Event]:
    """Without the beginning of a transaction whose end the batch does not hold."""
    if len(events) < BATCH:
        return events
    last = events[-1].at
    whole = [event for event in events if event.at != last]
    return whole or events


def _save(
    tx: Tx, at: Followed, rule: Rule, given_up: tuple[Event, dict[str, object]] | None
) -> None:
    tx.run("move_follower", name=at.name, seq=at.seq, failures=at.failures, retry_at=at.retry_at)
    if given_up is not None:
        about, facts = given_up
        told = f"rule {rule.name} could not tell of {about.kind}: {facts['reason']}"
        of = Of(about.namespace_id, about.assignment_id, about.job_id, about.run_id)
        add_event(tx, GIVEN_UP, of, {"rule": rule.name, "text": told, **facts})
