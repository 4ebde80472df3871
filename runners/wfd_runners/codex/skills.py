"""Where codex finds skills, to keep them out of a run.

`$name` anywhere in a prompt brings in the skill of that name, whole, also where an agent's
answer is quoted: what an earlier agent has written could instruct those who judge it.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from wfd.domain.errors import BadInput

MAX_FOLDERS = 500  # each skill is named in one argument of the command line


def skills_in(workspace: Path) -> list[Path]:
    """Those of a workspace. Raises BadInput when there is too much to look at."""
    folders = [workspace / above / "skills" for above in (".agents", ".codex")]
    looked_at = list(islice(_folders(folders), MAX_FOLDERS + 1))
    if len(looked_at) > MAX_FOLDERS:
        raise BadInput(
            f"more than {MAX_FOLDERS} folders of skills lie in the workspace, and codex cannot"
            " be kept from so many; remove them, or choose another harness"
        )
    return _skills(looked_at)


def skills_at_home(codex_home: Path) -> list[Path]:
    """The person's own. Where there are very many, as many as can be named."""
    folders = [codex_home / "skills", Path.home() / ".agents" / "skills"]
    return _skills(islice(_folders(folders), MAX_FOLDERS))


def _folders(roots: list[Path]) -> Iterator[tuple[str, list[str]]]:
    """All folders below, with the names of their files; links are followed, as codex does."""
    for root in roots:
        for path, _, names in os.walk(root, followlinks=True):
            yield path, names


def _skills(folders: Iterable[tuple[str, list[str]]]) -> list[Path]:
    return [Path(path) / "SKILL.md" for path, names in folders if "SKILL.md" in names]
