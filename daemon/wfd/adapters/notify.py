"""Notices on their way out: to the log, to a webhook, to desktop and chat services."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

import structlog

from wfd.adapters import notify_apprise, notify_webhook
from wfd.adapters.secret import secret, without
from wfd.domain.errors import NotFound
from wfd.domain.notice import Channel, NotDelivered, Notice, Rule, is_place

log = structlog.get_logger()


class Channels:
    """Implements ports.Notifier. Secrets are looked up each time, so that one can be changed."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ

    async def send(self, rule: Rule, notice: Notice) -> NotDelivered | None:
        try:
            url, key = self._url(rule), self._key(rule)
        except NotFound as error:
            return NotDelivered(str(error))
        failed = await _send(rule, notice, url, key)
        if failed is None or not is_place(rule.url or ""):
            return failed
        return replace(failed, reason=without(url, failed.reason))

    def problem(self, rule: Rule) -> str | None:
        try:
            self._url(rule)
            self._key(rule)
        except NotFound as error:
            return str(error)
        return None

    def _url(self, rule: Rule) -> str:
        url = rule.url or ""
        return secret(url, self._environ) if is_place(url) else url

    def _key(self, rule: Rule) -> str | None:
        return None if rule.signing_key is None else secret(rule.signing_key, self._environ)


async def _send(rule: Rule, notice: Notice, url: str, key: str | None) -> NotDelivered | None:
    match rule.to:
        case Channel.CONSOLE:
            _to_console(rule, notice)
            return None
        case Channel.WEBHOOK:
            return await notify_webhook.send(rule, notice, url, key)
        case Channel.APPRISE:
            return await notify_apprise.send(notice, url)
        case _:
            assert_never(rule.to)


def _to_console(rule: Rule, notice: Notice) -> None:
    log.warning(
        "notification.told",
        rule=rule.name,
        id=notice.id,
        kind=notice.kind,
        namespace=notice.namespace,
        assignment_id=notice.assignment,
        text=notice.text,
    )
