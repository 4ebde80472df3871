"""Configuration as it is found: JSON in layers, validated with the path of the bad key.

Daemon keys come from defaults, the user's file, --config, WFD_* and flags, later wins. A
repository's `.wfd/config.json` adds its own keys, and only while its hash is the one that a
person accepted with `wfd init` or `wfd trust`: neither a cloned repository nor a merged commit
can then name what the daemon runs, or lower a gate.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from wfd.config import AiConfig, Config, HarnessConfig, NotificationConfig, RepositoryConfig
from wfd.domain.errors import BadConfig, unknown

REPOSITORY_FILE = Path(".wfd") / "config.json"


@dataclass(frozen=True)
class Layer:
    origin: str  # a file, "environment" or "flags"
    values: Mapping[str, Any]


_FROM_ENVIRONMENT = {
    "WFD_LIMITS_JOBS": ("limits", "jobs"),
    "WFD_LOG_LEVEL": ("log", "level"),
    "WFD_LOG_FILE": ("log", "file"),
    "WFD_TIMEOUT_MS": ("timeoutMs",),
    "WFD_STALL_MS": ("stallMs",),
    "WFD_STARTUP_MS": ("startupMs",),
    "WFD_AFTER_RESULT_MS": ("afterResultMs",),
    "WFD_LEASE_TTL_MS": ("leaseTtlMs",),
    "WFD_GRACE_MS": ("graceMs",),
    "WFD_DRAIN_MS": ("drainMs",),
    "WFD_POLL_MS": ("pollMs",),
    "WFD_CONTAINMENT": ("containment",),
}


def layers(user_file: Path, config_file: Path | None, flags: Mapping[str, Any]) -> list[Layer]:
    """The daemon's layers, first to last. A user file that is not there is no layer."""
    found: list[Layer] = []
    if user_file.exists():
        found.append(Layer(str(user_file), read_json(user_file)))
    if config_file is not None:
        found.append(Layer(str(config_file), read_json(config_file)))
    found.append(Layer("environment", _environment()))
    found.append(Layer("flags", flags))
    return found


def load(found: list[Layer]) -> Config:
    merged: dict[str, Any] = {}
    for layer in found:
        try:
            Config.model_validate(layer.values)
        except ValidationError as error:
            raise _bad(layer.origin, error, Config) from None
        merged = merge(merged, layer.values)
    return Config.model_validate(merged)


def origins(found: list[Layer]) -> dict[str, str]:
    """Where each dotted key that somebody set comes from; the last layer that sets it."""
    return {path: layer.origin for layer in found for path in _paths(layer.values) if path}


def for_repository(config: Config, text: str, origin: str) -> RepositoryConfig:
    """A repository's accepted file over the daemon's defaults."""
    values = parse_json(text, origin)
    try:
        RepositoryConfig.model_validate(values)
    except ValidationError as error:
        raise _bad(origin, error, RepositoryConfig) from None
    keys = RepositoryConfig.model_fields
    base = config.model_dump(by_alias=True, include=set(keys), exclude_defaults=True)
    return RepositoryConfig.model_validate(merge(base, values))


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` wins; objects merge key by key, all else is replaced."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if both and isinstance(below, Mapping) else value
    return merged


def read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{path} is not UTF-8 text") from None
    return parse_json(text, str(path))


def parse_json(text: str, origin: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadConfig(f"{origin}:{error.lineno}:{error.colno}: {error.msg}") from None
    except RecursionError:
        raise BadConfig(f"{origin}: nested too deeply") from None
    if not isinstance(values, dict):
        raise BadConfig(f"{origin}: the whole must be one JSON object")
    return values


def _environment() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, path in _FROM_ENVIRONMENT.items():
        if name in os.environ:
            nested: Any = os.environ[name]
            for key in reversed(path):
                nested = {key: nested}
            values = merge(values, nested)
    return values


def _paths(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in values.items():
        path = f"{prefix}{key}"
        found += _paths(value, f"{path}.") if isinstance(value, Mapping) and value else [path]
    return found


def _bad(origin: str, error: ValidationError, model: type[BaseModel]) -> BadConfig:
    first = error.errors(include_url=False)[0]
    path, is_open = _shown([str(part) for part in first["loc"]])
    if first["type"] == "extra_forbidden":
        *parents, key = [str(part) for part in first["loc"]]
        where = f" in '{'.'.join(parents)}'" if parents else ""
        return BadConfig(f"{origin}: {unknown('key', key, _keys(model, parents))}{where}")
    got = f"; got {first['input']!r}" if is_open else ""
    return BadConfig(f"{origin}: '{path}': {first['msg']}{got}"[:500])


def _shown(parts: list[str]) -> tuple[str, bool]:
    """The path as a message tells it, and whether what stands there may be told.

    What stands at a wrong place may be a secret, and in an `env` the very name, too.
    """
    if parts[:1] in (["ais"], ["harnesses"]) and parts[2:3] == ["env"]:
        return ".".join(parts[:3]), False
    if parts[:2] == ["workspace", "env"]:
        return ".".join(parts[:2]), False
    return ".".join(parts), parts[:1] != ["notifications"]


_IN_TABLES: dict[str, type[BaseModel]] = {
    "ais": AiConfig,
    "harnesses": HarnessConfig,
    "notifications": NotificationConfig,
}


def _keys(model: type[BaseModel], parents: list[str]) -> list[str]:
    """The keys that the section at `parents` knows."""
    for parent in parents:
        by_alias = {f.alias or name: f.annotation for name, f in model.model_fields.items()}
        inner = by_alias.get(parent)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
        elif parent not in by_alias:  # a name in a table such as harnesses
            continue
        else:
            model = _IN_TABLES.get(parent, HarnessConfig)
    return [f.alias or name for name, f in model.model_fields.items()]
