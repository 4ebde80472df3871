"""Children are waited for without a thread for each, where the system can."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.measured import measured

SCRIPT = """
import threading
import anyio
from wfd.adapters.exits import watch_without_threads

async def main():
    children = [await anyio.open_process(["cat"]) for _ in range(3)]
    print([thread.name for thread in threading.enumerate() if "waitpid" in thread.name])
    for code, child in enumerate(children):
        child.kill() if code else await child.stdin.aclose()
    print([await child.wait() for child in children])

watch_without_threads()
anyio.run(main)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="there are no handles of processes")
def test_waiting_for_children_takes_no_threads(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path)} | measured(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines() == ["[]", "[0, -9, -9]"], done.stderr
