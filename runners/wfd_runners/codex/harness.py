"""OpenAI's codex, headless."""

import json
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from wfd.domain.signal import Signal
from wfd.domain.template import Writes
from wfd.ports import Ask, Launch
from wfd_runners.codex.settings import Settings
from wfd_runners.codex.skills import skills_at_home, skills_in
from wfd_runners.codex.stream import CodexCodec

__all__ = ["Codex", "CodexCodec"]

# One element of argv over 128 KiB is E2BIG, and quotes and line ends grow when they are escaped.
MAX_INSTRUCTIONS_BYTES = 96 * 1024
CUT = "\n[cut here: {missing} more bytes of the repository's instructions]\n"

KEYS = ("CODEX_API_KEY", "CODEX_ACCESS_TOKEN")
PASSED = (
    *KEYS,
    "CODEX_HOME",
    "CODEX_SQLITE_HOME",
    "CODEX_CA_CERTIFICATE",
    "ALL_PROXY",
    "all_proxy",
)

QUIET = {
    "analytics.enabled": "false",
    "check_for_update_on_startup": "false",
    # Each start asks github.com and chatgpt.com for new ones.
    "features.plugins": "false",
    # A goal has it begin further turns by itself, for which its time and its cap are not meant.
    "features.goals": "false",
    # Otherwise it never gives up on a server that refuses connections; so it takes half a minute.
    "features.unbounded_connection_retries": "false",
}

# What an earlier agent left in the workspace must steer nobody who judges it. Its AGENTS.md
# comes from the base commit instead, and memories would carry words from run to run.
APART = {
    "project_doc_max_bytes": "0",
    "skills.include_instructions": "false",
    "features.memories": "false",
}


class Codex:
    name = "codex"
    binary = "codex"
    tried: tuple[str, ...] = ("0.169.0",)
    resumes = True
    reports_cost = False
    usage_spans_session = True
    max_prompt_bytes = 1_048_576  # it takes as many characters, and none is less than a byte
    graceful_signal = int(signal.SIGINT)  # it ends its tools; on SIGTERM they live on
    log_in_by = (
        "run 'codex login', or set CODEX_API_KEY (OPENAI_API_KEY is not read),"
        " or the variable that the env_key of your provider names"
    )

    def tame(self, prompt: str, workspace: Path) -> str:
        return prompt  # what a `$name` would bring in is denied: see skills.py

    def launch(self, ask: Ask) -> Launch:
        settings = Settings.of(os.environ if ask.environ is None else ask.environ)
        argv = [ask.binary or self.binary, "exec", "--json", "--skip-git-repo-check"]
        argv += ["-C", str(ask.workspace), *_sandbox(ask)]
        for key, value in _overrides(ask, settings):
            argv += ["-c", f"{key}={value}"]
        if ask.model:
            argv += ["-m", ask.model]
        files = {}
        if ask.schema is not None:
            schema = ask.run_dir / "schema.json"
            files[schema] = json.dumps(ask.schema)
            argv += ["--output-schema", str(schema)]
        # Behind the options: they belong to `exec`, and `resume` does not know all of them.
        argv += ["resume", ask.resume, "-"] if ask.resume else ["-"]
        return Launch(tuple(argv), pass_env=(*PASSED, *settings.variables()), files=files)

    def codec(self) -> CodexCodec:
        return CodexCodec()

    def read_stderr(self, line: str) -> Signal | None:
        return None  # its retries are events on stdout

    def login(self, environ: Mapping[str, str]) -> str | None:
        settings = Settings.of(environ)
        if settings.key:
            is_set = bool(environ.get(settings.key))
            return f"{settings.key} is set, as {settings.file} asks for" if is_set else None
        if settings.provider and settings.provider.get("requires_openai_auth") is not True:
            return f"{settings.file} names a provider that needs no key"
        for name in KEYS:
            if environ.get(name):
                return f"{name} is set"
        file = settings.home / "auth.json"
        return f"logged in, by {file}" if file.is_file() else None


def _sandbox(ask: Ask) -> tuple[str, ...]:
    # Reviews run tests, and the daemon takes back what they write: only a PM needs no more.
    if ask.is_pm:
        return ("-s", "read-only")
    return ("--dangerously-bypass-approvals-and-sandbox",)


def _overrides(ask: Ask, settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings of this run alone, which stand above the user's own; values as in TOML."""
    yield from QUIET.items()
    yield from APART.items()
    # Without this a user who trusts the folder would let its hooks, MCP servers and
    # settings run and rule.
    workspace = _quoted(str(ask.workspace.resolve()))
    yield "projects", f'{{{workspace}={{trust_level="untrusted"}}}}'
    hidden = (*settings.hidden(), *KEYS, *settings.variables())
    yield "shell_environment_policy.exclude", _list(dict.fromkeys(hidden))
    if denied := list(_denied_skills(ask, settings)):
        yield "skills.config", f"[{','.join(denied)}]"
    if ask.is_pm:
        yield "web_search", _quoted("disabled")
    if ask.instructions and ask.instructions.strip():
        yield "developer_instructions", _bounded(ask.instructions)


def _denied_skills(ask: Ask, settings: Settings) -> Iterator[str]:
    """Skills that no `$name` in the prompt may bring in, where an answer is quoted, say."""
    found = skills_in(ask.workspace)
    if ask.writes is Writes.NEVER:  # an agent can write the person's own as well
        found += skills_at_home(settings.home)
    for file in found:
        yield f"{{path={_quoted(str(file.resolve()))},enabled=false}}"


def _bounded(instructions: str) -> str:
    """What fits into one argument, quoted, and a line that says so when something does not."""
    words = instructions.replace("\0", "").encode("utf-8", "replace").decode()
    kept = words
    while True:
        missing = len(words.encode()) - len(kept.encode())
        quoted = _quoted(kept + CUT.format(missing=missing) if missing else kept)
        size = len(quoted.encode())
        if size <= MAX_INSTRUCTIONS_BYTES:
            return quoted
        kept = kept[: len(kept) * MAX_INSTRUCTIONS_BYTES // (size + len(CUT))]


def _list(names: Iterable[str]) -> str:
    return f"[{','.join(map(_quoted, names))}]"


def _quoted(words: str) -> str:
    """A string of TOML: as in JSON, except that DEL must be escaped."""
    return json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")
