"""The filters that a repository's .gitattributes name, and whether the daemon may run each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio

from wfd.adapters.attributes import attributes_of
from wfd.adapters.filters import filters
from wfd.adapters.git import in_checkout
from wfd.adapters.users_repository import UsersRepository
from wfd.cli.finding import Finding, Level
from wfd.domain.errors import Broken
from wfd.edge.words import plural


def filter_findings(users: UsersRepository, accepted: Sequence[str]) -> Iterator[Finding]:
    """Of each filter that tracked files need, in a checkout with its accepted configuration."""
    try:
        named = anyio.run(_named, users.checkout)
        config = anyio.run(users.config) if named else {}
    except Broken as error:
        yield Finding(Level.WARN, "filters", str(error))
        return
    known = filters(config, accepted, (), users.git_dir)
    for name, count in sorted(named.items()):
        what, files = f"filter {name}", plural(count, "file")
        if name in known.usable:
            yield Finding(Level.OK, what, f"accepted, for {files}")
        else:
            yield Finding(
                Level.WARN,
                what,
                f"agents see {files} as git stores them, and their changes are not committed",
                known.refusal(name),
            )


async def _named(checkout: Path) -> Counter[str]:
    """How many tracked files each filter has."""
    git = in_checkout(checkout)
    tracked = (await git.run("ls-files", "-z")).names
    attributes = await attributes_of(git, tracked)
    return Counter(one.filter for one in attributes.values() if one.filter is not None)
