"""What a commit says, and who stands in it: the daemon as its committer, and as its author the
daemon or the user."""

from dataclasses import dataclass

from wfd.adapters.git import Git

_CRUD = " .,:;<>\"\\'\n\t"  # what git itself takes off both ends of a name


@dataclass(frozen=True)
class Person:
    name: str
    email: str


@dataclass(frozen=True)
class CommitWords:
    message: str  # a subject and a body; the files that have changed follow it
    trailers: str
    author: Person | None = None  # None: the daemon


async def user_of(git: Git) -> Person | None:
    """Whom the user's own git names; None where it names nobody, in whole."""
    name = await _asked(git, "user.name")
    email = await _asked(git, "user.email")
    return Person(name, email) if name and email else None


async def _asked(git: Git, key: str) -> str:
    said = await git.ask("config", "--get", key)
    text = said.out.decode("utf-8", "surrogateescape").strip()
    return text if text.strip(_CRUD) and text.isprintable() else ""
