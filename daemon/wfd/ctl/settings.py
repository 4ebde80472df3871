"""wfctl config show: every configured value as it counts here, and where it comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wfd.commands.scope import assignment_in
from wfd.ctl.scene import json_option, namespace_option, scene
from wfd.domain import ids
from wfd.domain.assignment import Assignment
from wfd.domain.errors import BadConfig, NotFound, WfdError
from wfd.domain.namespace import Namespace
from wfd.edge.document import dumps
from wfd.edge.shell import Group, print_document
from wfd.edge.table import Cell, Column, cell, print_table

if TYPE_CHECKING:  # for the checker alone: pydantic is slow to import
    from wfd.config import Config, RepositoryConfig

DEFAULT = "default"


@click.group(cls=Group)
def config() -> None:
    """Show the effective configuration."""


@config.command("show")
@click.option("--origin", "with_origin", is_flag=True, help="Show where each value comes from.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    help="The file that 'wfd start' was given with --config.",
)
@click.option(
    "--assignment",
    "assignment_id",
    metavar="ASSIGNMENT",
    type=ids.assignment_id,
    help="Include what 'wfctl override' has added to its caps.",
)
@namespace_option
@json_option
def show_config(
    with_origin: bool,
    config_file: Path | None,
    assignment_id: int | None,
    namespace: str | None,
    as_json: bool,
) -> None:
    """List every key and its value; within a namespace, those of its repository too.

    Gates and caps are the effective ones: the policy's, changed by the
    configuration. Columns: key, value, and with --origin what set it.
    """
    of = None if assignment_id is None else _assignment(assignment_id, namespace)
    values, origins = _effective(config_file, _namespace(namespace), of)
    flat = dict(_flat(values))
    if as_json:
        document: object = values
        if with_origin:
            document = {key: _with_origin(key, flat[key], origins) for key in flat}
        print_document(document)
        return
    columns = [Column("KEY"), Column("VALUE", can_wrap=True), Column("ORIGIN", can_wrap=True)]
    rows = [_row(key, value, origins) for key, value in flat.items()]
    width = 3 if with_origin else 2
    print_table(columns[:width], [row[:width] for row in rows], empty="")


def _effective(
    config_file: Path | None, namespace: Namespace | None, of: Assignment | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values by their keys, and the origin of each dotted key that somebody set."""
    from wfd.adapters.assets import user_dir
    from wfd.layers import layers, load, origins

    try:
        found = layers(user_dir() / "config.json", config_file, {})
        config = load(found)
    except BadConfig as error:
        raise BadConfig(f"{error}{_of_daemon()}") from None
    values = config.model_dump(by_alias=True)
    set_by = origins(found)
    rules: RepositoryConfig = config
    own_origins: dict[str, str] = {}
    if namespace is not None:
        rules, own_origins = _of_repository(namespace, config)
    ruled = _ruled(rules, of)
    by = {**set_by, **own_origins, **ruled.origins, **ruled.added}
    return {**values, **rules.model_dump(by_alias=True), **ruled.values}, by


def _of_daemon() -> str:
    """What a running daemon makes of a configuration that is off."""
    from wfd.adapters import client
    from wfd.adapters.place import place
    from wfd.edge.words import ago
    from wfd.store.alone import utc_ms

    try:
        answer = client.call(place().socket_path, "daemon.status", {})
    except WfdError:
        return ""
    refused = answer.get("config_refused") if isinstance(answer, dict) else None
    when = f" refused it {ago(refused['since'], utc_ms())} and" if refused else ""
    return f"; the daemon{when} keeps using the last good one"


@dataclass(frozen=True)
class _Ruled:
    """Gates and caps as they are gone by."""

    values: dict[str, Any]
    origins: dict[str, str]  # of what the policy says, where nothing is set over it
    added: dict[str, str]  # of caps that a person has raised for one assignment


def _ruled(rules: "RepositoryConfig", of: Assignment | None) -> _Ruled:
    from pydantic.alias_generators import to_camel

    from wfd.adapters.assets import policy_file
    from wfd.rules.caps import caps_of
    from wfd.rules.policy import parse

    file = policy_file()
    policy = parse(file.read_text(encoding="utf-8"), str(file))
    caps = asdict(rules.caps_over(policy.caps))
    own = caps if of is None else asdict(caps_of(of, rules.caps_over(policy.caps)))
    gates = asdict(rules.gates_over(policy.gates))
    return _Ruled(
        values={
            "gates": {to_camel(name): value for name, value in gates.items()},
            "caps": {to_camel(name): value for name, value in own.items()},
        },
        origins={
            f"{section}.{to_camel(name)}": str(file)
            for section, names in (("gates", gates), ("caps", own))
            for name in names
            if getattr(getattr(rules, section), name, None) is None
        },
        added={
            f"caps.{to_camel(name)}": f"allowance of A{of.id} over {dumps(caps[name])}"
            for name in own
            if of is not None and own[name] != caps[name]
        },
    )


def _of_repository(
    namespace: Namespace, config: "Config"
) -> tuple["RepositoryConfig", dict[str, str]]:
    """What the repository's accepted file makes of its keys; the daemon's while it is not."""
    from wfd.layers import REPOSITORY_FILE, Layer, for_repository, hash_of, origins, parse_json

    file = Path(namespace.checkout) / REPOSITORY_FILE
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return config, {}
    if hash_of(text) != namespace.trusted_hash:
        click.echo(
            f"{file} is not accepted in its present form, so it has no effect: wfd trust", err=True
        )
        return config, {}
    return for_repository(config, text, str(file)), origins(
        [Layer(str(file), parse_json(text, str(file)))]
    )


def _namespace(named: str | None) -> Namespace | None:
    try:
        with scene(named) as here:
            return here.namespace
    except NotFound:
        if named is not None:
            raise
        return None  # the daemon's own keys can be shown anywhere


def _assignment(assignment_id: int, named: str | None) -> Assignment:
    with scene(named) as here:
        return assignment_in(here.read, here.namespace.name, assignment_id)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _row(key: str, value: Any, origins: Mapping[str, str]) -> list[Cell]:
    return [cell(key), cell(dumps(value)), cell(_origin(key, origins))]


def _with_origin(key: str, value: Any, origins: Mapping[str, str]) -> dict[str, object]:
    return {"value": value, "origin": _origin(key, origins)}


def _origin(key: str, origins: Mapping[str, str]) -> str:
    """That of the key, or of the nearest one above it: an empty object sets all below."""
    parts = key.split(".")
    tries = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((origins[one] for one in tries if one in origins), DEFAULT)
