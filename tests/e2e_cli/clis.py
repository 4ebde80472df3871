"""The three agent CLIs as a person sets them up: a home, a key, and the address of the models."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.model_server.turns import Fail, Turn

KEY = "sk-e2e-0123456789abcdef"


@dataclass(frozen=True)
class Cli:
    name: str
    model: str
    reports_cost: bool

    @property
    def version(self) -> str:
        """The one that was installed, which must be one that wfd says it was tried with."""
        return str(_INSTALLED[_PACKAGES[self.name]])

    def set_up(self, home: Path, url: str) -> dict[str, str]:
        """Write what it keeps in its home, and return the environment of its daemon."""
        match self.name:
            case "claude":
                return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url}
            case "codex":
                (home / ".codex").mkdir(exist_ok=True)
                (home / ".codex" / "config.toml").write_text(_CODEX.format(url=url))
                return {"E2E_CODEX_KEY": KEY}
            case _:
                (home / ".gemini").mkdir(exist_ok=True)
                (home / ".gemini" / "settings.json").write_text(_GEMINI)
                return {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": url}

    def in_words(self, turn: Turn) -> list[Turn]:
        """An answer in words where a schema was given: claude asks once more, and gets the same."""
        return [turn, turn] if self.name == "claude" else [turn]

    def subscription(self) -> dict[str, str]:
        """Instead of a key's the login of a subscriber, where that makes a difference."""
        return {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": KEY}

    @property
    def login(self) -> str:
        """The variable that holds the login of a subscriber, or the key where there is no other."""
        match self.name:
            case "claude":
                return "CLAUDE_CODE_OAUTH_TOKEN"
            case "codex":
                return "E2E_CODEX_KEY"
            case _:
                return "GEMINI_API_KEY"

    def refused_key(self) -> Fail:
        match self.name:
            case "claude":
                return Fail(401, "invalid x-api-key", "authentication_error")
            case "codex":
                return Fail(401, "Incorrect API key provided: sk-e2e.", "invalid_api_key")
            case _:
                return Fail(401, "API key not valid. Please pass a valid API key.")

    def rate_limit(self) -> Fail:
        """A 429 that names no time."""
        match self.name:
            case "claude":
                return Fail(429, "This request would exceed your rate limit.", "rate_limit_error")
            case "codex":
                return Fail(429, "Rate limit reached.", "rate_limit_exceeded")
            case _:
                return Fail(429, "Resource has been exhausted.", "RESOURCE_EXHAUSTED")

    def limit(self, resets_at: int) -> Fail:
        """The limit of a subscription or a quota that names its end, in Unix seconds."""
        match self.name:
            case "claude":
                unified = "anthropic-ratelimit-unified"
                headers = {
                    f"{unified}-status": "rejected",
                    f"{unified}-reset": str(resets_at),
                    f"{unified}-representative-claim": "five_hour",
                }
                return Fail(429, "You have reached your limit.", "rate_limit_error", headers)
            case "codex":
                error = {
                    "type": "usage_limit_reached",
                    "message": "The usage limit has been reached",
                    "plan_type": "plus",
                    "resets_at": resets_at,
                }
                return Fail(429, "", body={"error": error})
            case _:
                return Fail(429, "", body={"error": _quota(round(resets_at - time.time()))})

    def full(self) -> Fail:
        """The conversation is longer than the model takes."""
        match self.name:
            case "claude":
                return Fail(
                    400,
                    "prompt is too long: 250000 tokens > 200000 maximum",
                    "invalid_request_error",
                )
            case "codex":
                return Fail(
                    400,
                    "Your input exceeds the context window of this model.",
                    "context_length_exceeded",
                )
            case _:
                return Fail(
                    400,
                    "The input token count (1200000) exceeds the maximum number of tokens"
                    " allowed (1048576).",
                    "INVALID_ARGUMENT",
                )


_PACKAGES = {
    "claude": "@anthropic-ai/claude-code",
    "codex": "@openai/codex",
    "gemini": "@google/gemini-cli",
}
_INSTALLED = json.loads((Path(__file__).parent / "package.json").read_bytes())["dependencies"]

_CODEX = """\
model = "gpt-5.5"
model_provider = "loopback"

[model_providers.loopback]
name = "loopback"
base_url = "{url}/v1"
env_key = "E2E_CODEX_KEY"
wire_api = "responses"
"""

_GEMINI = json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}})


def _quota(seconds: int) -> dict[str, object]:
    google = "type.googleapis.com/google.rpc"
    return {
        "code": 429,
        "message": f"You exceeded your current quota. Please retry in {seconds}s.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": f"{google}.QuotaFailure",
                "violations": [{"quotaId": "GenerateContentInputTokensPerModelPerMinute"}],
            },
            {"@type": f"{google}.RetryInfo", "retryDelay": f"{seconds}s"},
        ],
    }


CLIS = (
    Cli("claude", "claude-opus-4-8", reports_cost=True),
    Cli("codex", "gpt-5.5", reports_cost=False),
    Cli("gemini", "gemini-3.8-flash", reports_cost=False),
)
