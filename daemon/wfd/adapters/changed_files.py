"""The files that a commit changes, as its message names them."""

from wfd.adapters.git import Git

MAX_NAMED = 10
MAX_NAME = 100


async def changed_files(git: Git, old: str, new: str) -> str:
    """'M hello.py' and the like, a line for each file; of many, the first ones and a number."""
    said = await git.run("diff-tree", "-r", "-z", "--no-renames", "--name-status", old, new)
    words = said.names
    pairs = list(zip(words[::2], words[1::2], strict=False))
    lines = [f"{kind.decode()} {_shown(name)}" for kind, name in pairs[:MAX_NAMED]]
    if len(pairs) > MAX_NAMED:
        lines.append(f"and {len(pairs) - MAX_NAMED} more")
    return "\n".join(lines)


def _shown(name: bytes) -> str:
    text = name.decode("utf-8", "backslashreplace")
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return plain if len(plain) <= MAX_NAME else plain[: MAX_NAME - 1] + "…"
