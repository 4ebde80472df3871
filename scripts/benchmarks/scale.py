"""How the daemon's cost grows with the number of agents that speak: real sim agents."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cost import memory, percent
from benchmarks.daemon import Daemon, running, until
from benchmarks.setting import Setting

NUMBERS = (1, 4, 16, 64, 256)
PER_SECOND = 10
LASTS_S = 600  # longer than it takes to start the most of them and to measure
SETTLES_S = 3.0
_SPAWNED = "select count(*) from run where state = 'running' and session_id is not null"


@dataclass(frozen=True)
class Point:
    agents: int
    cpu: float  # per cent of one processor
    rss: float  # MiB of the daemon
    events: float  # a second, that were written in all


def scale(setting: Setting) -> list[Point]:
    """One point for each number of agents, each with a daemon of its own."""
    return [_point(setting, number) for number in NUMBERS if number <= setting.of(256, 16)]


def _point(setting: Setting, agents: int) -> Point:
    setting.say(f"{agents} agents, each with {PER_SECOND} events a second")
    with setting.folder("scale") as folder, _speaking(folder, agents) as live:
        time.sleep(SETTLES_S)
        began, before = time.monotonic(), _lines(live)
        cpu = percent(live.pid, setting.of(20, 5))
        events = (_lines(live) - before) / (time.monotonic() - began)
        return Point(agents, cpu, memory(live.pid).rss, events)


@contextmanager
def _speaking(folder: Path, agents: int) -> Iterator[Daemon]:
    """So many agents that have begun to speak."""
    words = {"say": "I look at the next file now, and then at the test that stands beside it."}
    steps = [words, {"sleep": 1 / PER_SECOND}] * (LASTS_S * PER_SECOND)
    script = folder / "script.json"
    script.write_text(json.dumps({"*": [steps]}))
    keys: dict[str, object] = {"limits": {"jobs": agents}, "harnessDefaults": {"default": "sim"}}
    speaking = Daemon(folder / "d", **keys)
    speaking.environ["WFD_SIM_SCRIPT"] = str(script)
    with running(speaking) as live:
        for _ in range(agents):
            live.create()
        until(lambda: live.count(_SPAWNED) == agents, f"{agents} agents speak")
        yield live


def _lines(live: Daemon) -> int:
    transcripts = (live.state_dir / "runs").glob("*/transcript.jsonl")
    return sum(transcript.read_bytes().count(b"\n") for transcript in transcripts)
