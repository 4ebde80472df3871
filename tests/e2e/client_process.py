"""A client in a process of its own: sends each command of stdin, and prints what it was told.

An answer that does not come is asked for again, with the same key.
"""

import json
import sys
from pathlib import Path

from wfd.adapters.client import call
from wfd.domain.errors import TryLater

socket = Path(sys.argv[1])
for line in sys.stdin:
    command, values = json.loads(line)
    while True:
        try:
            answer = call(socket, command, values)
            break
        except TryLater:
            continue
    print(json.dumps({"key": values["key"], "answer": answer}), flush=True)
