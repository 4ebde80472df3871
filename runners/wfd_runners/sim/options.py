"""The sim agent's command line: Claude's options, as far as they mean something here."""

from collections.abc import Iterator

VALUED = frozenset(
    {
        "--output-format",
        "--permission-mode",
        "--setting-sources",
        "--session-id",
        "--resume",
        "--model",
        "--max-turns",
        "--max-budget-usd",
        "--json-schema",
        "--append-system-prompt",
        "--tools",
        "--disallowedTools",
    }
)
TOOLS = frozenset({"Bash", "Edit", "Read", "Write"})
BARE = frozenset({"-p", "--print", "--verbose", "--strict-mcp-config", "--version"})


class BadUsage(Exception):
    """The call or its script is off. The message is one line for stderr."""


class Options:
    def __init__(self, values: dict[str, str]) -> None:
        self.resume = values.get("--resume")
        self.session_id = values.get("--session-id")
        self.model = values.get("--model", "sim-1")
        self.max_turns = _number(values, "--max-turns")
        self.max_budget_usd = _number(values, "--max-budget-usd")
        self.has_schema = "--json-schema" in values
        # StructuredOutput comes with a schema, whatever is allowed.
        allowed = frozenset(values.get("--tools", ",".join(TOOLS)).split(","))
        refused = frozenset(values.get("--disallowedTools", "").split(","))
        self.denied_tools = (TOOLS - allowed) | (TOOLS & refused)
        self.is_version = "--version" in values
        for name in (self.resume, self.session_id):
            if name is not None and not _is_session_id(name):
                raise BadUsage("Error: Invalid session ID. Must be a valid UUID.")


def parse(argv: list[str]) -> Options:
    values: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        name, has_value, value = word.partition("=")
        if word in BARE:
            values[word] = ""
        elif name not in VALUED:
            raise BadUsage(f"error: unknown option '{word}'")
        elif has_value:
            values[name] = value
        else:
            values[name] = _next(words, name)
    return Options(values)


def _next(words: Iterator[str], name: str) -> str:
    value = next(words, None)
    if value is None:
        raise BadUsage(f"error: option '{name} <value>' argument missing")
    return value


def _number(values: dict[str, str], name: str) -> float | None:
    if name not in values:
        return None
    try:
        return float(values[name])
    except ValueError:
        raise BadUsage(
            f"error: option '{name} <value>' argument '{values[name]}' is invalid."
        ) from None


def _is_session_id(name: str) -> bool:
    digits = name.replace("-", "")
    return (
        len(name) == 36 and len(digits) == 32 and all(c in "0123456789abcdefABCDEF" for c in digits)
    )
