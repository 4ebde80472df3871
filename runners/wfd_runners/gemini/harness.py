"""Gemini CLI, headless."""

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from wfd.domain.signal import Signal
from wfd.ports import Ask, Launch
from wfd_runners.gemini import home, stderr
from wfd_runners.gemini.login import VARIABLES, find_login
from wfd_runners.gemini.stream import GeminiCodec

__all__ = ["Gemini", "GeminiCodec"]

QUIET = {
    "NO_COLOR": "1",
    "NO_BROWSER": "true",  # a login that has expired is said, and opens no page
    "GEMINI_CLI_NO_RELAUNCH": "1",  # one process, which signals reach
}

# Not trusting the folder is what keeps a repository's own settings out: see home.py.
APART = {"GEMINI_CLI_TRUST_WORKSPACE": "false"}

EVERYONE = (
    "GEMINI_MODEL",
    "GEMINI_CLI_CUSTOM_HEADERS",
    "GOOGLE_GENAI_API_VERSION",
    "NODE_EXTRA_CA_CERTS",
)

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

# `@path` as the CLI finds it, anywhere in a prompt; quotes and backslashes keep a path together.
_REFERENCE = re.compile(
    r"(?<!\\)@(?P<path>(?:\"[^\"]*\"|\\.|[^ \t\n\r,;!?()\[\]{}.]|\.(?!$|[ \t\n\r]))+)"
)


class Gemini:
    name = "gemini"
    binary = "gemini"
    tried: tuple[str, ...] = ("0.61.0",)
    resumes = True
    reports_cost = False
    usage_spans_session = False
    max_prompt_bytes = 8_000_000  # the CLI cuts at 8 MiB, with no more than a warning
    graceful_signal = int(signal.SIGTERM)  # any ends it at once and without a word
    log_in_by = "start 'gemini' and choose a login, or set GEMINI_API_KEY"

    def tame(self, prompt: str, workspace: Path) -> str:
        return _REFERENCE.sub(lambda found: _escaped(found, workspace), prompt)

    def launch(self, ask: Ask) -> Launch:
        login = find_login(os.environ if ask.environ is None else ask.environ)
        return Launch(
            argv=(ask.binary or self.binary, *_flags(ask, login.model)),
            env={**QUIET, **APART, **home.places(ask.run_dir), **login.env},
            pass_env=(*EVERYONE, *VARIABLES.get(login.kind or "", ())),
            files=home.files(ask, login.kind),
        )

    def codec(self) -> GeminiCodec:
        return GeminiCodec()

    def read_stderr(self, line: str) -> Signal | None:
        return stderr.retry(line)

    def login(self, environ: Mapping[str, str]) -> str | None:
        return find_login(environ).words


def _escaped(found: re.Match[str], workspace: Path) -> str:
    """A reference that the CLI would follow, with the backslash that keeps it from that.

    Any other stays as it is, or a model would copy the backslash out of the code it is shown.
    """
    path = re.sub(r"\\(.)", r"\1", found["path"]).replace('"', "")
    return f"\\{found[0]}" if _is_there(workspace / path) else found[0]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, or a NUL
        return False


def _flags(ask: Ask, chosen: str | None) -> tuple[str, ...]:
    """The options of one run. The prompt is no part of them."""
    argv = ["--output-format", "stream-json"]
    # With this mode alone no tool is there that writes. The others come by the policy.
    argv += ["--approval-mode", "default"]
    if not ask.is_pm:
        argv += [f"--policy={home.policy(ask.run_dir)}"]
    if model := ask.model or chosen:
        argv += ["--model", model]
    return (*argv, *_session(ask))


def _session(ask: Ask) -> tuple[str, str]:
    if ask.resume is None:
        return ("--session-id", ask.session_id)
    file = _recorded(ask.run_dir.parent, ask.resume)
    if file is None:  # refused by the CLI, in its own words
        return ("--resume", ask.resume)
    return ("--session-file", str(file))


def _recorded(runs: Path, session_id: str) -> Path | None:
    """Where an earlier run's home keeps a session, which goes on from there as a new one."""
    if not _ID.fullmatch(session_id):  # it comes out of a stream, and becomes a pattern
        return None
    found = runs.glob(f"*/.gemini/tmp/*/chats/session-*-{session_id[:8]}.jsonl")
    # A session that was itself gone on with leaves a second file, with nothing but its start.
    return max(found, key=lambda file: file.stat().st_size, default=None)
