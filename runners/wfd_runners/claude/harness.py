"""Claude Code, headless."""

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from wfd.domain.errors import BadInput
from wfd.domain.signal import Signal
from wfd.domain.template import Writes
from wfd.ports import Ask, Launch
from wfd_runners.claude.stream import ClaudeCodec

__all__ = ["Claude", "ClaudeCodec", "flags"]

# One element of argv over 128 KiB is E2BIG.
MAX_INSTRUCTIONS_BYTES = 96 * 1024
MAX_SCHEMA_BYTES = 120 * 1024
MIN_BUDGET_USD = 0.000_001  # at zero the CLI breaks down with a stack trace
CUT = "\n[cut here: {missing} more bytes of the repository's instructions]\n"

# Named by what is let in: a next version may bring tools that write under names unknown today.
READING_TOOLS = ("Read", "Glob", "Grep")

# What leads out of the workspace, or promises what a process that ends cannot keep: a run that
# goes on in a work tree of its own, at an hour, after an answer, or in somebody's hands.
NOT_HERE = (
    "EnterWorktree",
    "ExitWorktree",
    "CronCreate",
    "CronDelete",
    "CronList",
    "ScheduleWakeup",
    "RemoteTrigger",
    "Workflow",
    "SendMessage",
    "PushNotification",
    "AskUserQuestion",
    "EnterPlanMode",
    "ExitPlanMode",
)

QUIET = {
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",  # by default it retries a wrong key for three minutes
    "API_TIMEOUT_MS": "300000",
}

# It keeps notes for each folder and shows them to every later session there: an implementer's
# would reach the reviewer and the PM, who are to judge it by the evidence.
APART = {"CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1"}

LOGIN = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
)
# Behind a gateway or in a cloud the CLI's own model names may mean nothing.
MODELS = ("ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "ANTHROPIC_DEFAULT_*_MODEL")
NETWORK = ("NODE_EXTRA_CA_CERTS",)  # proxies pass to every agent
# The agent's tools see the environment too, so a cloud's keys pass only where they are used.
CLOUDS = {
    "CLAUDE_CODE_USE_BEDROCK": ("CLAUDE_CODE_*_BEDROCK*", "ANTHROPIC_BEDROCK_*", "AWS_*"),
    "CLAUDE_CODE_USE_VERTEX": (
        "CLAUDE_CODE_*_VERTEX*",
        "ANTHROPIC_VERTEX_*",
        "VERTEX_REGION_*",
        "CLOUD_ML_REGION",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
    ),
}


class Claude:
    name = "claude"
    binary = "claude"
    tried: tuple[str, ...] = ("2.1.197",)
    resumes = True
    reports_cost = True
    usage_spans_session = False
    max_prompt_bytes = 9_900_000  # the CLI itself refuses more than 10 MB
    graceful_signal = int(signal.SIGINT)  # it prints a result; on SIGTERM not a word
    log_in_by = "start 'claude' and type /login, or set ANTHROPIC_API_KEY"

    def tame(self, prompt: str, workspace: Path) -> str:
        return prompt  # those who judge read no files in: see `_env`

    def launch(self, ask: Ask) -> Launch:
        return Launch(
            argv=(ask.binary or self.binary, *flags(ask)),
            env=_env(ask),
            pass_env=_pass_env(),
            # Set when the daemon was started from inside Claude Code, which would then
            # take the run for a nested one.
            unset_env=("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT"),
        )

    def codec(self) -> ClaudeCodec:
        return ClaudeCodec()

    def read_stderr(self, line: str) -> Signal | None:
        return None  # its retries are events on stdout

    def login(self, environ: Mapping[str, str]) -> str | None:
        for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"):
            if environ.get(name):
                return f"{name} is set"
        for switch in CLOUDS:
            if environ.get(switch):
                return f"{switch} is set"
        home = environ.get("HOME", "")
        own = Path(environ.get("CLAUDE_CONFIG_DIR") or Path(home) / ".claude")
        # written on Linux at /login; macOS keeps it in its keychain, which asks a person
        file = own / ".credentials.json"
        return f"logged in, by {file}" if file.is_file() else None


def flags(ask: Ask) -> tuple[str, ...]:
    """The options of one run. The prompt is no part of them."""
    argv = ["-p", "--output-format", "stream-json", "--verbose"]
    argv += ["--permission-mode", "bypassPermissions"]
    # Without these two a repository's hooks, MCP servers and base URL run and rule.
    argv += ["--setting-sources", "user", "--strict-mcp-config"]
    argv += ["--resume", ask.resume] if ask.resume else ["--session-id", ask.session_id]
    if ask.model:
        argv += ["--model", ask.model]
    if ask.max_turns is not None:
        argv += ["--max-turns", str(ask.max_turns)]
    if ask.budget_usd is not None:
        argv += ["--max-budget-usd", f"{max(ask.budget_usd, MIN_BUDGET_USD):.6f}"]
    if ask.schema is not None:
        argv += ["--json-schema", _schema(ask)]
    # Each in one element: they take any number, and would swallow what follows.
    argv += [f"--disallowedTools={','.join(NOT_HERE)}"]
    if ask.is_pm:
        argv += [f"--tools={','.join(READING_TOOLS)}"]
    if ask.instructions and ask.instructions.strip():
        argv += ["--append-system-prompt", _bounded(ask.instructions)]
    return tuple(argv)


def _schema(ask: Ask) -> str:
    words = json.dumps(ask.schema, separators=(",", ":"))
    if len(words) > MAX_SCHEMA_BYTES:
        raise BadInput(
            f"the JSON Schema of the answer has {len(words)} bytes;"
            f" claude takes it as one argument of at most {MAX_SCHEMA_BYTES}"
        )
    return words


def _bounded(instructions: str) -> str:
    """What fits into one argument, and a line that says so when something does not."""
    data = instructions.replace("\0", "").encode("utf-8", "replace")
    if len(data) <= MAX_INSTRUCTIONS_BYTES:
        return data.decode()
    kept = data[:MAX_INSTRUCTIONS_BYTES].decode("utf-8", "ignore")
    return kept + CUT.format(missing=len(data) - len(kept.encode()))


def _env(ask: Ask) -> dict[str, str]:
    # As root it refuses to skip permissions unless told that it is contained.
    contained = {"IS_SANDBOX": "1"} if os.geteuid() == 0 else {}
    # An agent's answer is quoted to those who judge it, and `@path` in it would put any file
    # beside the quotation; so would the CLAUDE.md of a folder that they read in.
    judges = {"CLAUDE_CODE_DISABLE_ATTACHMENTS": "1"} if ask.writes is Writes.NEVER else {}
    return {**QUIET, **APART, **judges, **contained}


def _pass_env() -> tuple[str, ...]:
    clouds = (names for switch, names in CLOUDS.items() if os.environ.get(switch))
    return (*LOGIN, *MODELS, *NETWORK, *CLOUDS, *(name for names in clouds for name in names))
