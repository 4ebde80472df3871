"""What the snapshot of a run left out, kept until the next one: a retry tells it again.

By then the ignore rules of the workspace hide it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from wfd.domain.ids import RunId
from wfd.rules.snapshot import Thing


def remember(file: Path, run_id: RunId, things: Iterable[Thing]) -> None:
    """Add to what is kept of this run; what is kept of another one goes."""
    known = {(one.kind, one.path): one for one in recall(file, run_id)}
    found = known | {(one.kind, one.path): one for one in things}
    if found == known:
        return
    fresh = file.with_suffix(".told-new")
    told = {"run": run_id, "things": [vars(one) for one in found.values()]}
    fresh.write_text(json.dumps(told), encoding="ascii")
    fresh.rename(file)


def recall(file: Path, run_id: RunId) -> tuple[Thing, ...]:
    """What is kept of this run."""
    try:
        told = json.loads(file.read_text(encoding="ascii"))
        things = [Thing(**one) for one in told["things"]] if told["run"] == run_id else []
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return tuple(things)
