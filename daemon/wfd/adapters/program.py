"""Whether a program is there, without running it."""

import os
import shutil
from pathlib import Path


def is_there(binary: str, path: str) -> bool:
    """Whether a program could be started, by its name on `path` or by its own whole path.

    One that is named from the folder it starts in cannot be told from here, and is taken for there.
    """
    if os.sep in binary and not Path(binary).is_absolute():
        return True
    return shutil.which(binary, path=path) is not None
