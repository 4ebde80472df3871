"""python -m tests.fakes.model_server --script FILE [--port N] [--bodies FOLDER]"""

import argparse
import json
import signal
import sys
from itertools import count
from pathlib import Path

from tests.fakes.model_server.script_file import read_script
from tests.fakes.model_server.server import ModelServer, Seen


def main() -> None:
    """Serve until interrupted, and print each request as one line."""
    asked = _arguments()
    numbers = count(1)

    def tell(seen: Seen) -> None:
        number = next(numbers)
        role = seen.role or "-"
        print(f"{number:3} {seen.api:9} {role:9} {seen.path}  {seen.prompt[:80]!r}", flush=True)
        if asked.bodies:
            text = json.dumps({"headers": dict(seen.headers), "body": seen.body}, indent=1)
            (asked.bodies / f"{number:03}-{seen.api}.json").write_text(text)

    script = read_script(json.loads(asked.script.read_text()))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ModelServer(script, port=asked.port, on_request=tell) as server:
        print(server.url, flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", type=Path, required=True, help="JSON; see script_file.py")
    parser.add_argument("--port", type=int, default=0, help="by default the system chooses")
    parser.add_argument("--bodies", type=Path, help="an existing folder for whole requests")
    return parser.parse_args()


if __name__ == "__main__":
    main()
