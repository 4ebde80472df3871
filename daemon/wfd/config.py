"""Configuration: its shape, with all defaults. Where it comes from is `layers`."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    model_validator,
)
from pydantic.alias_generators import to_camel

from wfd.domain.ai import is_name, is_reserved
from wfd.domain.errors import unknown
from wfd.domain.notice import Channel, Rule, is_place
from wfd.domain.question import AtDeadline, Patience
from wfd.domain.variable import NO_PAIR, are_pairs, is_variables
from wfd.rules.notices import NEEDS_YOU, SETS, is_known
from wfd.rules.policy import Caps, DailyCaps, Gates
from wfd.rules.snapshot import Beyond, SnapshotRules, WorkspaceRules

Count = Annotated[int, Field(ge=0)]
Usd = Annotated[float, Field(gt=0)]
FilterName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
RuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]


def _a_name(text: str) -> str:
    if not is_name(text):
        raise ValueError("a name has letters, digits and . _ - only, and at most 64 of them")
    return text


def _of_an_ai(text: str) -> str:
    if is_reserved(text):
        raise ValueError(f"'{text}' is reserved; choose another name")
    return text


def _of_a_check(text: str) -> str:
    if not re.fullmatch(r"\w[^/\\]{0,63}", text) or not text.isprintable():
        raise ValueError(
            "a check's name begins with a letter or a digit, has no slash and nothing unprintable,"
            " and at most 64 characters"
        )
    return text


def _a_check(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty command is always green; name one, or remove the check")
    return text


def _pairs(env: dict[str, str | None]) -> dict[str, str | None]:
    if not are_pairs(env):
        raise ValueError(NO_PAIR)
    return env


def _variables(names: list[str]) -> list[str]:
    if not all(map(is_variables, names)):
        raise ValueError(
            "names of variables only, with * for any characters; never put a secret itself here"
        )
    return names


def _with_a_beginning(names: list[str]) -> list[str]:
    if any(name.startswith("*") for name in names):
        raise ValueError(
            "a pattern begins with letters, such as DATABASE_*: one that begins with * would"
            " let through variables that nobody thought of"
        )
    return names


Name = Annotated[str, AfterValidator(_a_name)]
AiName = Annotated[Name, AfterValidator(_of_an_ai)]
CheckName = Annotated[str, AfterValidator(_of_a_check)]
CheckCommand = Annotated[str, AfterValidator(_a_check)]


class _Section(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class SnapshotConfig(_Section):
    max_file_bytes: PositiveInt = 10_000_000
    max_new_files: PositiveInt = 2000
    beyond: Beyond = Beyond.LEAVE_OUT


class WorkspaceConfig(_Section):
    setup: list[str] = []
    copy_files: list[str] = Field(default=[], alias="copy")
    env: Annotated[
        list[str], AfterValidator(_variables), AfterValidator(_with_a_beginning)
    ] = []  # those to let through
    timeout_ms: PositiveInt = 900_000
    filters: list[FilterName] = []
    snapshot: SnapshotConfig = SnapshotConfig()

    @property
    def rules(self) -> WorkspaceRules:
        return WorkspaceRules(
            SnapshotRules(**self.snapshot.model_dump()), tuple(dict.fromkeys(self.filters))
        )


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
    env: Annotated[list[str], AfterValidator(_variables)] = []  # those to let through
    max_turns: PositiveInt | None = None


class AiConfig(_Section):
    harness: str | None = None  # None: the one of its own name
    model: str | None = None
    account: str | None = None  # None: its harness's
    labels: list[Name] = []
    capabilities: list[Name] = []
    limit: PositiveInt | None = None
    # the agent's variable: the daemon's, never the secret
    env: Annotated[dict[str, str | None], AfterValidator(_pairs)] = {}
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
    trash_days: PositiveInt = 7
    trash_bytes: Count = 2_000_000_000


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
        yield "only a webhook has a 'signingKey'"
    if rule.signing_key is not None and not is_place(rule.signing_key):
        yield "'signingKey' must name a variable of the daemon, or a file by its whole path"
    if (rule.url is None) != (rule.to is Channel.CONSOLE):
        yield "only a webhook and apprise have a 'url', and they need one"
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
    after_result_ms: PositiveInt = 3_000
    harness_defaults: dict[str, Name] = {"default": "claude"}
    checks: dict[CheckName, CheckCommand] = {}
    check_timeout_ms: PositiveInt = 900_000
    workspace: WorkspaceConfig = WorkspaceConfig()
    commit_author: Literal["wfd", "user"] = "wfd"
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
