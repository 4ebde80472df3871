"""Which AIs have no program, by the PATH of this process."""

import os
from collections.abc import Mapping, Sequence

from wfd.adapters.program import is_there
from wfd.ports import Harness

AiDocument = Mapping[str, object]  # of `commands.ai.listed`


def with_lacks(
    ais: Sequence[AiDocument], known: Mapping[str, Harness], environ: Mapping[str, str], on: str
) -> list[dict[str, object]]:
    """The same, and in `lacks` that a program is not there. No process is made for it."""
    return [{**ai, "lacks": _lacks(ai, known, environ, on)} for ai in ais]


def _lacks(
    ai: AiDocument, known: Mapping[str, Harness], environ: Mapping[str, str], on: str
) -> str | None:
    harness = known.get(str(ai["harness"]))
    binary, env = ai["binary"] or (harness.binary if harness else ""), ai["env"]
    assert isinstance(binary, str) and isinstance(env, Mapping)
    has_own_path = "PATH" in env
    if not binary or has_own_path or is_there(binary, environ.get("PATH", os.defpath)):
        return None
    return f"no program '{binary}'" + ("" if os.sep in binary else f" on {on}")
