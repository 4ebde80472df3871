"""A command line as a person can paste it, whatever stands in its paths and names."""

import shlex


def typed(*words: object) -> str:
    """The words as a shell reads them back: `git -C '/my shop' status`."""
    return shlex.join(str(word) for word in words)
