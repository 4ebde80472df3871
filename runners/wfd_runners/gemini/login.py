"""Which Google login a person has for Gemini CLI, and what carries it into a home of its own.

The CLI is given a home of wfd's, so what lies in the person's `~/.gemini` is looked up here:
the kind of login and the model in `settings.json`, variables in `.env`, the tokens of a login
in a browser.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wfd_runners.fields import mapping, parse, text

API_KEY = "gemini-api-key"
VERTEX = "vertex-ai"
GOOGLE = "oauth-personal"

PROJECT = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID")

# The agent's tools see the environment too, so each passes only where its kind is used.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    API_KEY: ("GEMINI_API_KEY", "GEMINI_API_KEY_AUTH_MECHANISM", "GOOGLE_GEMINI_BASE_URL"),
    VERTEX: (
        "GOOGLE_GENAI_USE_VERTEXAI",
        "GOOGLE_API_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_LOCATION",
        "GOOGLE_VERTEX_BASE_URL",
        *PROJECT,
    ),
    GOOGLE: ("GOOGLE_GENAI_USE_GCA", "GOOGLE_CLOUD_ACCESS_TOKEN", *PROJECT),
}

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_ASSIGNMENT = re.compile(
    r"^[ \t]*(?:export[ \t]+)?(?P<name>\w+)[ \t]*=[ \t]*"
    r"(?:'(?P<single>[^'\n]*)'|\"(?P<double>[^\"\n]*)\"|(?P<bare>[^\s#]*))",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Login:
    kind: str | None  # as `security.auth.selectedType` names it; None where there is none
    words: str | None  # for a person
    env: Mapping[str, str] = field(default_factory=dict)  # what is set in files alone
    model: str | None = None  # the person's own choice


def find_login(environ: Mapping[str, str]) -> Login:
    """The login that the CLI would use, as far as variables and files tell."""
    own = Path(environ.get("GEMINI_CLI_HOME") or environ.get("HOME") or "/") / ".gemini"
    settings = _settings(own / "settings.json")
    kept = _dotenv(own / ".env") or _dotenv(own.parent / ".env")
    told = {**kept, **environ}
    chosen = text(mapping(mapping(settings, "security"), "auth"), "selectedType")
    kind = chosen or _by_variables(told)
    tokens = own / "oauth_creds.json"
    names = VARIABLES.get(kind or "", ())
    env = {name: kept[name] for name in names if name in kept and not environ.get(name)}
    if kind == GOOGLE and tokens.is_file():
        # it reads them there too, and keeps what it refreshes in its own home
        env["GOOGLE_APPLICATION_CREDENTIALS"] = str(tokens)
    model = environ.get("GEMINI_MODEL") or kept.get("GEMINI_MODEL")
    return Login(
        kind, _words(kind, told, tokens), env, model or text(mapping(settings, "model"), "name")
    )


def _by_variables(told: Mapping[str, str]) -> str | None:
    """The CLI's own order where the settings choose nothing."""
    if told.get("GOOGLE_GENAI_USE_GCA") == "true":
        return GOOGLE
    if told.get("GOOGLE_GENAI_USE_VERTEXAI") == "true":
        return VERTEX
    return API_KEY if told.get("GEMINI_API_KEY") else None


def _words(kind: str | None, told: Mapping[str, str], tokens: Path) -> str | None:
    if kind is None:
        return None
    if kind == API_KEY:
        return "GEMINI_API_KEY is set" if told.get("GEMINI_API_KEY") else None
    if kind == VERTEX:
        if told.get("GOOGLE_API_KEY"):
            return "GOOGLE_API_KEY is set, for Vertex AI"
        is_placed = any(told.get(p) for p in PROJECT) and told.get("GOOGLE_CLOUD_LOCATION")
        return "a project and a location of Vertex AI are set" if is_placed else None
    if kind == GOOGLE:
        if told.get("GOOGLE_CLOUD_ACCESS_TOKEN"):
            return "GOOGLE_CLOUD_ACCESS_TOKEN is set"
        return f"logged in with Google, by {tokens}" if tokens.is_file() else None
    return f"its settings choose {kind}"


def _settings(file: Path) -> Mapping[str, object]:
    """A JSON file in which a person may have left comments."""
    plain = _COMMENT.sub(lambda match: match[1] or " ", _read(file))
    return parse(plain.encode()) or {}


def _dotenv(file: Path) -> dict[str, str]:
    return {
        match["name"]: match["single"] or match["double"] or match["bare"] or ""
        for match in _ASSIGNMENT.finditer(_read(file))
    }


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""
