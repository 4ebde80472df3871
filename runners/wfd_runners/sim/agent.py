"""One run of the sim agent, from its command line to its exit code."""

import json
import os
import signal
import sys

from wfd_runners.sim.by_itself import steps_by_itself
from wfd_runners.sim.lines import Interrupted, Lines
from wfd_runners.sim.options import BadUsage, Options, parse
from wfd_runners.sim.play import Player
from wfd_runners.sim.script import Step, load, steps_of
from wfd_runners.sim.sessions import earlier_prompts, remember
from wfd_runners.sim.stream import VERSION, Stream

MAX_PROMPT_BYTES = 10_000_000


def main(argv: list[str]) -> int:
    """Run the agent, and return its exit code."""
    lines = Lines()
    signal.signal(signal.SIGTERM, _end_silently)
    signal.signal(signal.SIGINT, lines.on_sigint)
    # It led here. What the agent runs must not find wfd's own packages by it.
    os.environ.pop("PYTHONPATH", None)
    try:
        options = parse(argv)
        if options.is_version:
            sys.stdout.write(f"sim {VERSION}\n")
            return 0
        return _run(lines, options, _read_prompt())
    except BadUsage as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Interrupted:
        return 130


def _end_silently(number: int, frame: object) -> None:
    os._exit(128 + signal.SIGTERM)


def _read_prompt() -> str:
    data = sys.stdin.buffer.read()
    if len(data) > MAX_PROMPT_BYTES:
        raise BadUsage("Error: piped stdin input exceeds 10MB.")
    if not data.strip():
        raise BadUsage("Error: Input must be provided through stdin when using --print")
    return data.decode("utf-8", "replace")


def _run(lines: Lines, options: Options, prompt: str) -> int:
    session_id = options.resume or options.session_id or _new_session_id()
    stream = Stream(lines, options, session_id, prompt)
    earlier = earlier_prompts(session_id)
    if options.resume and earlier is None:
        stream.unknown_session()
        return 1
    if not options.resume and earlier is not None:
        raise BadUsage(f"Error: Session ID {session_id} is already in use.")
    resumed = f" (resumed after {len(earlier)} messages)" if earlier else ""
    steps = _scripted_steps()
    if steps is None:
        steps = _own_steps(prompt, resumed, has_schema=options.has_schema)
    stream.init()
    if prompt.startswith("/"):
        stream.unknown_command(prompt)
        return 0
    remember(session_id, [*(earlier or ()), prompt])
    return Player(stream, options.denied_tools, f"Done.{resumed}").play(steps)


def _scripted_steps() -> list[Step] | None:
    path = os.environ.get("WFD_SIM_SCRIPT")
    if not path:
        return None
    seqs = (int(os.environ.get(name) or 1) for name in ("WFD_TYPE_SEQ", "WFD_RUN_SEQ"))
    return steps_of(load(path), _job_type(), *seqs)


def _own_steps(prompt: str, resumed: str, *, has_schema: bool) -> list[Step]:
    steps: list[Step] = []
    for name, given in steps_by_itself(_job_type(), prompt):
        if name == "result":
            steps.append((name, f"{given}{resumed}"))
        elif name == "structured" and not has_schema:
            # Without a schema Claude has no tool for it: the answer is text.
            steps.append(("result", f"```json\n{json.dumps(given, indent=2)}\n```{resumed}"))
        else:
            steps.append((name, given))
    return steps


def _job_type() -> str:
    return os.environ.get("WFD_JOB_TYPE") or "chat"


def _new_session_id() -> str:
    digits = os.urandom(16).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
