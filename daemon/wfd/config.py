"""Configuration: one JSON shape, read in layers, validated with the path of the bad key.

Daemon keys come from defaults, the user's file, --config, WFD_* and flags, later wins. A
repository's `.wfd/config.json` adds its own keys, and only while its hash is the one that a
person accepted with `wfd init` or `wfd trust`: neither a cloned repository nor a merged commit
can then name what the daemon runs, or lower a gate.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from wfd.domain.ai import is_name, is_reserved
from wfd.domain.errors import BadConfig, unknown
from wfd.domain.notice import Channel, Rule, is_place
from wfd.domain.question import AtDeadline, Patience
from wfd.rules.notices import NEEDS_YOU, SETS, is_known
from wfd.rules.policy import Caps, DailyCaps, Gates

REPOSITORY_FILE = Path(".wfd") / "config.json"

Count = Annotated[int, Field(ge=0)]
Usd = Annotated[float, Field(gt=0)]
RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]


def _a_name(text: str) -> str:
    if not is_name(text):
        raise ValueError("a name has letters, digits and . _ - only, and at most 64 of them")
    return text


def _of_an_ai(text: str) -> str:
    if is_reserved(text):
        raise ValueError(f"'{text}' is reserved; choose another name")
    return text


Name = Annotated[str, AfterValidator(_a_name)]
AiName = Annotated[Name, AfterValidator(_of_an_ai)]


class _Section(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class WorkspaceConfig(_Section):
    setup: list[str] = []
    copy_files: list[str] = Field(default=[], alias="copy")
    timeout_ms: PositiveInt = 900_000


class GatesConfig(_Section):
    checks: Literal["strict", "no_new_failures", "off"] | None = None
    review: bool | None = None
    uat: bool | None = None


class CapsConfig(_Section):
    jobs: PositiveInt | None = None
    attempts: PositiveInt | None = None
    reviews: PositiveInt | None = None
    wall_ms: PositiveInt | None = None
    cost_usd: Usd | None = None
    tokens: PositiveInt | None = None
    pm_share: Annotated[float, Field(gt=0, le=1)] | None = None


class DailyCapsConfig(_Section):
    jobs: PositiveInt | None = None
    wall_ms: PositiveInt | None = None
    cost_usd: Usd | None = None
    tokens: PositiveInt | None = None


class QuestionsConfig(_Section):
    deadline_ms: PositiveInt | None = None
    at_deadline: AtDeadline = AtDeadline.WAIT

    @property
    def patience(self) -> Patience:
        return Patience(self.deadline_ms, self.at_deadline)


class HarnessConfig(_Section):
    binary: str | None = None
    model: str | None = None
    env: list[str] = []  # names of variables to let through
    max_turns: PositiveInt | None = None


class AiConfig(_Section):
    harness: str | None = None  # None: the one of its own name
    model: str | None = None
    account: str | None = None  # None: its harness's
    labels: list[Name] = []
    capabilities: list[Name] = []
    limit: PositiveInt | None = None
    env: dict[str, str | None] = {}  # the agent's variable: the daemon's, never the secret
    binary: str | None = None


class LimitsConfig(_Section):
    jobs: PositiveInt = 4
    jobs_per_namespace: PositiveInt | None = None
    transcript_bytes: PositiveInt = 256 * 1024 * 1024
    free_bytes: Count = 256 * 1024 * 1024


class RetentionConfig(_Section):
    """How long what ended is kept; None is for ever."""

    transcripts_days: PositiveInt | None = None
    rows_days: PositiveInt | None = None


class LogConfig(_Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    file: str | None = None


class NotificationConfig(_Section):
    """One rule. Secrets are named here, and never written here."""

    on: list[str] = [NEEDS_YOU]
    namespaces: list[str] | None = None
    to: Channel = Channel.CONSOLE
    url: str | None = None
    signing_key: str | None = None

    @model_validator(mode="after")
    def _is_sound(self) -> "NotificationConfig":
        problem = next(_problems(self), None)
        if problem is not None:
            raise ValueError(problem)
        return self

    def rule(self, name: str) -> Rule:
        spaces = None if self.namespaces is None else tuple(self.namespaces)
        return Rule(name, tuple(self.on), spaces, self.to, self.url, self.signing_key)


def _problems(rule: NotificationConfig) -> Iterator[str]:
    for wanted in rule.on:
        if not is_known(wanted):
            yield f"{unknown('set of events', wanted, SETS)}, or a pattern such as 'assignment.*'"
    if rule.signing_key is not None and rule.to is not Channel.WEBHOOK:
        yield "'signingKey' is of a webhook alone"
    if rule.signing_key is not None and not is_place(rule.signing_key):
        yield "'signingKey' must name a variable of the daemon, or a file by its whole path"
    if (rule.url is None) != (rule.to is Channel.CONSOLE):
        yield "'url' is of a webhook and of apprise, and they need one"
    if rule.url is not None and not is_place(rule.url) and not _is_plain(rule.to, rule.url):
        yield (
            "'url' must name a variable of the daemon, or a file by its whole path; a webhook's"
            " may also stand here, as http(s)://… without a name and password, and a desktop's,"
            " such as dbus://"
        )


def _is_plain(to: Channel, url: str) -> bool:
    """Whether an address may stand in the configuration."""
    if to is Channel.APPRISE:
        return re.fullmatch(r"[a-z]+://", url) is not None
    return re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@]*)?", url) is not None


class RepositoryConfig(_Section):
    """What a repository may say of itself in `.wfd/config.json`."""

    namespace: str | None = None
    timeout_ms: PositiveInt | dict[str, PositiveInt] = 3_600_000
    stall_ms: PositiveInt = 600_000
    startup_ms: PositiveInt = 120_000
    harness_defaults: dict[str, str] = {"default": "claude"}
    checks: dict[str, str] = {}
    check_timeout_ms: PositiveInt = 900_000
    workspace: WorkspaceConfig = WorkspaceConfig()
    gates: GatesConfig = GatesConfig()
    caps: CapsConfig = CapsConfig()
    daily_caps: DailyCapsConfig = DailyCapsConfig()
    questions: QuestionsConfig = QuestionsConfig()

    def harness_for(self, job_type: str) -> str:
        defaults = self.harness_defaults
        return defaults.get(job_type) or defaults.get("default") or "claude"

    def timeout_for(self, job_type: str) -> int:
        """The total wall time of one run, in milliseconds."""
        if isinstance(self.timeout_ms, int):
            return self.timeout_ms
        return self.timeout_ms.get(job_type) or self.timeout_ms.get("default") or 3_600_000

    def gates_over(self, policy: Gates) -> Gates:
        return Gates(
            checks=self.gates.checks or policy.checks,
            review=policy.review if self.gates.review is None else self.gates.review,
            uat=policy.uat if self.gates.uat is None else self.gates.uat,
        )

    def caps_over(self, policy: Caps) -> Caps:
        return Caps(
            jobs=self.caps.jobs or policy.jobs,
            attempts=self.caps.attempts or policy.attempts,
            no_work=policy.no_work,
            reviews=self.caps.reviews or policy.reviews,
            wall_ms=self.caps.wall_ms or policy.wall_ms,
            cost_usd=self.caps.cost_usd or policy.cost_usd,
            tokens=self.caps.tokens or policy.tokens,
            pm_share=self.caps.pm_share or policy.pm_share,
        )

    def caps_of_a_day(self) -> DailyCaps:
        return DailyCaps(**self.daily_caps.model_dump())


class Config(RepositoryConfig):
    """The daemon's own keys, and defaults for every repository."""

    limits: LimitsConfig = LimitsConfig()
    lease_ttl_ms: Annotated[int, Field(ge=100)] = 60_000
    hand_ttl_ms: Annotated[int, Field(ge=100)] = 900_000
    grace_ms: Count = 10_000
    drain_ms: Count = 30_000
    poll_ms: Annotated[int, Field(ge=10)] = 5_000
    containment: Literal["auto", "required", "off"] = "auto"
    retention: RetentionConfig = RetentionConfig()
    log: LogConfig = LogConfig()
    harnesses: dict[str, HarnessConfig] = {}
    ais: dict[AiName, AiConfig] = {}
    notifications: dict[RuleName, NotificationConfig] = {}

    def harness(self, name: str) -> HarnessConfig:
        return self.harnesses.get(name) or HarnessConfig()

    def rules(self) -> dict[str, Rule]:
        """What is told to whom, by name."""
        return {name: one.rule(name) for name, one in self.notifications.items()}


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
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *parents, key = [str(part) for part in first["loc"]]
        where = f" in '{'.'.join(parents)}'" if parents else ""
        return BadConfig(f"{origin}: {unknown('key', key, _keys(model, parents))}{where}")
    # what stands at the wrong place in there may be a secret
    got = "" if path.startswith("notifications") else f"; got {first['input']!r}"
    return BadConfig(f"{origin}: '{path}': {first['msg']}{got}"[:500])


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
