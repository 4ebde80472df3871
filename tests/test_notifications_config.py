"""The section `notifications`: what may stand there, and what may not."""

import pytest

from wfd.domain.errors import BadConfig
from wfd.domain.notice import Channel
from wfd.layers import Layer, load


def refused(**rule: object) -> str:
    with pytest.raises(BadConfig) as told:
        load([Layer("f", {"notifications": {"phone": rule}})])
    return str(told.value)


def test_a_rule_without_a_word_writes_into_the_log_what_needs_you() -> None:
    config = load([Layer("f", {"notifications": {"log": {}}})])

    rule = config.rules()["log"]
    assert (rule.on, rule.namespaces, rule.to) == (("needs_you",), None, Channel.CONSOLE)


@pytest.mark.parametrize(
    "rule",
    [
        {"to": "webhook", "url": "https://example.org/hook?x=1"},
        {"to": "webhook", "url": "OPS_URL", "signingKey": "OPS_KEY"},
        {"to": "webhook", "url": "~/ops.url", "signingKey": "/etc/wfd/key"},
        {"to": "apprise", "url": "PHONE_URL", "on": ["done", "question.*", "*"]},
        {"to": "apprise", "url": "dbus://"},
    ],
)
def test_addresses_without_a_secret_and_places_of_secrets_may_stand_here(
    rule: dict[str, object],
) -> None:
    assert load([Layer("f", {"notifications": {"phone": rule}})]).rules()["phone"].url


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"to": "apprise", "url": "tgram://T0PSECRET/1"}, "must name a variable"),
        ({"to": "webhook", "url": "https://me:T0PSECRET@example.org/"}, "must name a variable"),
        ({"to": "webhook", "url": "OPS", "signingKey": "T0P SECRET"}, "'signingKey' must name"),
        ({"to": "apprise", "url": "OPS", "signingKey": "KEY"}, "only a webhook has"),
        ({"to": "webhook"}, "need one"),
        ({"to": "console", "url": "T0PSECRET"}, "only a webhook and apprise"),
        ({"to": "console", "on": ["needs-you"]}, "did you mean 'needs_you'?"),
        ({"to": "pigeon"}, "'console', 'webhook' or 'apprise'"),
        ({"to": "console", "namespace": ["shop"]}, "did you mean 'namespaces'?"),
    ],
)
def test_what_is_off_is_named_and_no_secret_is_repeated(rule: dict[str, object], says: str) -> None:
    told = refused(**rule)

    assert says in told and "notifications.phone" in told
    assert "T0PSECRET" not in told and "T0P SECRET" not in told
