"""docs/configuration.md tells every key, with its default and where it may stand."""

import json
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from tests.docs.documents import only_code, table

from wfd import layers
from wfd.adapters.assets import shipped
from wfd.config import AiConfig, Config, HarnessConfig, NotificationConfig, RepositoryConfig
from wfd.rules.policy import parse

NAME = "docs/configuration.md"
OWN_TABLES: dict[str, type[BaseModel]] = {  # keys under a name of the user's choice
    "harnesses": HarnessConfig,
    "ais": AiConfig,
    "notifications": NotificationConfig,
}


def test_every_key_has_one_line_and_no_other_has() -> None:
    told = [only_code(row[0]) for row in table(NAME, "key")]

    assert sorted(told) == sorted(path for path, _ in keys(Config))


def test_each_default_is_the_one_that_counts() -> None:
    defaults = dict(keys(Config))

    for key, _, default, _, _ in table(NAME, "key"):
        path = only_code(key)
        if default:
            assert json.loads(only_code(default)) == defaults[path], path
        else:
            assert isinstance(defaults[path], dict), path


def test_a_repository_may_set_what_is_marked_so() -> None:
    everywhere = {only_code(row[0]) for row in table(NAME, "key") if row[3] == "everywhere"}

    assert everywhere == {path for path, _ in keys(RepositoryConfig)}


def test_every_variable_is_told_with_its_key() -> None:
    told = {only_code(row[0]): only_code(row[1]) for row in table(NAME, "variable")}

    assert told == {name: ".".join(path) for name, path in layers._FROM_ENVIRONMENT.items()}


def test_the_policys_own_values_stand_in_brackets() -> None:
    file = shipped("policies") / "default.yaml"
    policy = parse(file.read_text(encoding="utf-8"), str(file))
    values = {
        "gates.checks": policy.gates.checks,
        "gates.review": policy.gates.review,
        "gates.uat": policy.gates.uat,
        "caps.jobs": policy.caps.jobs,
        "caps.attempts": policy.caps.attempts,
        "caps.wallMs": policy.caps.wall_ms,
        "caps.costUsd": policy.caps.cost_usd,
        "caps.tokens": policy.caps.tokens,
        "caps.pmShare": policy.caps.pm_share,
        "caps.reviews": policy.caps.reviews,
    }
    for key, _, _, _, meaning in table(NAME, "key"):
        if only_code(key) in values:
            told = meaning.partition("[")[2].partition("]")[0].partition(",")[0]
            assert told.strip("`") == json.dumps(values[only_code(key)]).strip('"'), key


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Each dotted key with its default, as JSON has it."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        default = field.get_default(call_default_factory=True)
        yield path, to_jsonable_python(default, by_alias=True)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{path}.")
        elif path in OWN_TABLES:
            yield from keys(OWN_TABLES[path], f"{path}.<name>.")
