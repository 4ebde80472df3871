"""Telling people and programs what happens: a task for each rule, and none where there is none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from wfd.domain.errors import NotFound, StoreFailed, WfdError, unknown
from wfd.domain.notice import NotDelivered, Notice, Rule
from wfd.engine.news import News
from wfd.engine.notice_follower import PREFIX, Followed, NoticeFollower
from wfd.engine.parts import Parts
from wfd.ports import Notifier, Tx

POLL_S = 2.0  # how late a notice may be; one read of one number each time
_LOOP = "notifications"
_TURN_S = 60.0  # a turn that takes longer hangs
_BEHIND = f"{PREFIX[:-1]}{chr(ord(PREFIX[-1]) + 1)}"  # the first name that begins otherwise


@dataclass(frozen=True)
class _Running:
    rule: Rule
    scope: anyio.CancelScope


class Notices:
    def __init__(self, parts: Parts, notifier: Notifier) -> None:
        self._parts = parts
        self._notifier = notifier
        self._reconfigured = anyio.Event()
        self._news = News()
        self._seen: int | None = None

    def reconfigure(self) -> None:
        """The configuration was read again."""
        self._reconfigured.set()

    async def follow(self) -> None:
        """Serve the rules that are configured, until cancelled. One bad look ends nothing."""
        running: dict[str, _Running] = {}
        async with anyio.create_task_group() as group:
            while True:
                reconfigured = self._reconfigured = anyio.Event()
                self._parts.pulse.beat(_LOOP, POLL_S + _TURN_S)
                try:
                    await self._agree(group, running)
                    await self._watch(reconfigured)
                except StoreFailed:  # which it has logged itself
                    await anyio.sleep(POLL_S)
                except WfdError as error:
                    self._parts.log.error("notification.not_followed", error=str(error))
                    await anyio.sleep(POLL_S)
                except Exception:
                    self._parts.log.exception("notification.not_followed")
                    await anyio.sleep(POLL_S)

    async def test(self, name: str) -> NotDelivered | None:
        """Send one real message, past all that waits. Raises NotFound for an unknown rule."""
        rules = self._rules()
        if name not in rules:
            raise NotFound(unknown("notification rule", name, rules))
        words = f"This is a test of the notification rule '{name}'.\nwfctl notify list"
        now = self._parts.clock.now()
        notice = Notice(0, "notification.test", None, None, None, None, None, words, now)
        return await self._notifier.send(rules[name], notice)

    async def states(self) -> list[dict[str, object]]:
        """Each rule as JSON: where it stands, and what keeps it from telling."""
        last = await self._parts.store.one(int, "last_event")
        return [await self._state(rule, last or 0) for rule in self._rules().values()]

    async def _state(self, rule: Rule, last: int) -> dict[str, object]:
        found = await self._parts.store.one(Followed, "follower", name=PREFIX + rule.name)
        return {
            "rule": rule.name,
            "to": rule.to,
            "on": list(rule.on),
            "namespaces": None if rule.namespaces is None else list(rule.namespaces),
            "problem": self._notifier.problem(rule),
            "failures": found.failures if found else 0,
            "retry_at": found.retry_at if found else None,
            "events_behind": max(0, last - found.seq) if found and found.failures else 0,
        }

    def _rules(self) -> Mapping[str, Rule]:
        return self._parts.settings.config.rules()

    async def _agree(self, group: TaskGroup, running: dict[str, _Running]) -> None:
        """Have a task for each rule as it is configured now, and no other."""
        rules = self._rules()
        for name in [name for name, one in running.items() if rules.get(name) != one.rule]:
            running.pop(name).scope.cancel()
        await self._forget_others(rules)
        for name in rules.keys() - running.keys():
            scope = anyio.CancelScope()
            is_edited = self._seen is not None  # it may be mended: its next try is at once
            follower = NoticeFollower(
                self._parts, self._notifier, rules[name], self._news, tries_at_once=is_edited
            )
            group.start_soon(_follow, follower, scope, name=f"notification rule {name}")
            running[name] = _Running(rules[name], scope)

    async def _forget_others(self, rules: Mapping[str, Rule]) -> None:
        """A rule that is gone begins at the present if it ever comes back."""
        names = await self._parts.store.all(str, "followers_named", first=PREFIX, behind=_BEHIND)
        gone = [name for name in names if name.removeprefix(PREFIX) not in rules]
        if gone:
            await self._parts.store.write(lambda tx: _end(tx, gone))

    async def _watch(self, reconfigured: anyio.Event) -> None:
        """Wake the followers when something has happened, until the configuration has changed."""
        if not self._rules():
            self._parts.pulse.beat(_LOOP, math.inf)
            await reconfigured.wait()
        while not reconfigured.is_set():
            last = await self._parts.store.one(int, "last_event")
            if last != self._seen:
                self._seen = last
                self._news.came()
            self._parts.pulse.beat(_LOOP, POLL_S + _TURN_S)
            with anyio.move_on_after(POLL_S):
                await reconfigured.wait()


def _end(tx: Tx, names: list[str]) -> None:
    for name in names:
        tx.run("end_follower", name=name)


async def _follow(follower: NoticeFollower, scope: anyio.CancelScope) -> None:
    with scope:
        await follower.follow()
