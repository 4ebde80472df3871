"""config.example.json is a whole and valid configuration."""

import json
from pathlib import Path

from pydantic import BaseModel

from wfd.config import Config, NotificationConfig
from wfd.layers import Layer, load

EXAMPLE = Path(__file__).parents[2] / "config.example.json"


def test_the_example_is_valid() -> None:
    shown = json.loads(EXAMPLE.read_text())
    assert load([Layer("example", shown)]).namespace == shown["namespace"]


def test_the_example_shows_every_key() -> None:
    shown = json.loads(EXAMPLE.read_text())

    assert set(shown) == keys_of(Config)
    for section, model in sections_of(Config).items():
        assert set(shown[section]) == keys_of(model), section


def test_the_example_shows_every_key_of_a_harness() -> None:
    shown = json.loads(EXAMPLE.read_text())["harnesses"]["claude"]
    config = load([Layer("example", {"harnesses": {"claude": shown}})])

    assert set(shown) == keys_of(type(config.harnesses["claude"]))


def test_the_example_shows_every_key_of_a_notification_rule() -> None:
    shown = json.loads(EXAMPLE.read_text())["notifications"]["team"]

    assert set(shown) == keys_of(NotificationConfig)


def keys_of(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def sections_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    return {
        field.alias or name: field.annotation
        for name, field in model.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
