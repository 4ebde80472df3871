"""The sim agent as a harness: it speaks Claude's stream, so Claude's codec reads it."""

import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

import wfd_runners
from wfd.domain.signal import Retrying, Signal
from wfd.ports import Ask, Launch
from wfd_runners.claude.harness import ClaudeCodec, flags

# as a CLI may say on stderr alone: "Attempt 3 failed: overloaded", or with a wait of 500 ms
_ATTEMPT = re.compile(r"Attempt (\d{1,9}) failed(?:, waiting (\d{1,9}) ms)?: (.*)")


class Sim:
    name = "sim"
    binary = ""
    tried: tuple[str, ...] = ()
    resumes = True
    reports_cost = True
    usage_spans_session = False
    max_prompt_bytes = 9_900_000
    graceful_signal = int(signal.SIGINT)
    log_in_by = ""

    def tame(self, prompt: str, workspace: Path) -> str:
        return prompt

    def launch(self, ask: Ask) -> Launch:
        # -P: a json.py at the root of a workspace must not become the agent's own.
        agent = (ask.binary,) if ask.binary else (sys.executable, "-P", "-m", "wfd_runners.sim")
        return Launch(
            argv=(*agent, *flags(ask)),
            env={"PYTHONPATH": str(Path(wfd_runners.__file__).parent.parent)},
            pass_env=("WFD_SIM_*",),
        )

    def codec(self) -> ClaudeCodec:
        return ClaudeCodec()

    def read_stderr(self, line: str) -> Signal | None:
        found = _ATTEMPT.match(line)
        if found is None:
            return None
        attempt, delay_ms, words = found.groups()
        return Retrying(int(attempt), None if delay_ms is None else int(delay_ms), words)

    def login(self, environ: Mapping[str, str]) -> str | None:
        return "needs none"
