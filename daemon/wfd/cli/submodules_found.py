"""The submodules of a repository, and whether workspaces will have them."""

import os
from collections.abc import Iterator
from pathlib import Path

import anyio

from wfd.adapters.git import in_checkout
from wfd.adapters.plain_files import is_there
from wfd.cli.finding import Finding, Level
from wfd.domain.errors import Broken
from wfd.edge.words import plural
from wfd.rules.clip import named

MAX_NAMED = 10


def submodule_findings(checkout: Path) -> Iterator[Finding]:
    """One for those that are initialised in the checkout, and one for those that are not."""
    try:
        paths = anyio.run(_submodules, checkout)
    except Broken as error:
        yield Finding(Level.WARN, "submodules", str(error))
        return
    missing = [path for path in paths if not is_there(checkout / path / ".git")]
    if there := len(paths) - len(missing):
        yield Finding(Level.OK, "submodules", f"{plural(there, 'submodule')} in each workspace")
    if missing:
        yield Finding(
            Level.WARN,
            "submodules",
            f"workspaces do not have {named(missing, MAX_NAMED)}, which your checkout does not"
            " have either",
            "run 'git submodule update --init' in it, or have workspace.setup do so",
        )


async def _submodules(checkout: Path) -> list[str]:
    said = await in_checkout(checkout).run("ls-files", "--stage", "-z")
    return [os.fsdecode(one.partition(b"\t")[2]) for one in said.names if one.startswith(b"160000")]
