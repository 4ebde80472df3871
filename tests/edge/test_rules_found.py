"""What wfd doctor says of notification rules."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wfd.adapters.place import place
from wfd.cli.finding import Level
from wfd.cli.rules_found import rule_findings
from wfd.config import Config
from wfd.layers import Layer, load

if TYPE_CHECKING:
    from tests.edge.shelf import Shelf


def config() -> Config:
    rules = {"log": {}, "phone": {"to": "apprise", "url": "PHONE_URL"}}
    return load([Layer("f", {"notifications": rules})])


def test_a_secret_that_is_not_there_is_a_warning_with_the_way_out(
    shelf: "Shelf", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PHONE_URL", raising=False)
    log, phone = rule_findings(place(), config())

    assert log.level is Level.OK
    assert (phone.level, phone.what) == (Level.WARN, "notification phone")
    assert "as this shell sees it, the variable PHONE_URL is not set" in phone.detail
    assert "install-service" in phone.way_out

    monkeypatch.setenv("PHONE_URL", "ntfy://T0PSECRET")
    _, phone = rule_findings(place(), config())
    assert phone.level is Level.OK
    assert "T0PSECRET" not in phone.detail
