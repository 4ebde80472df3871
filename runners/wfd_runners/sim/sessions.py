"""The sim agent's sessions: for each id, the prompts that it was given."""

import contextlib
import json
import os
from pathlib import Path


def earlier_prompts(session_id: str) -> list[str] | None:
    """The prompts of a session, or None when there is no such session."""
    try:
        prompts = json.loads(_path(session_id).read_bytes())
    except (OSError, ValueError):
        return None
    return prompts if isinstance(prompts, list) else None


def remember(session_id: str, prompts: list[str]) -> None:
    """Keep a session's prompts. Where the home cannot be written, the session is lost."""
    path = _path(session_id)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside first: a kill in between must not leave half a session.
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(prompts))
        aside.replace(path)


def _path(session_id: str) -> Path:
    own = os.environ.get("WFD_SIM_HOME")
    home = Path(own) if own else Path(os.environ.get("HOME", "/")) / ".wfd-sim"
    return home / "sessions" / f"{session_id.lower()}.json"
