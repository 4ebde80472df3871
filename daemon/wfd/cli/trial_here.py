"""The trial of the repository that the caller stands in, for `init --try` and `doctor --checks`."""

import os
from pathlib import Path

import anyio
import click

from wfd.adapters.place import Place
from wfd.adapters.repository import find
from wfd.cli.finding import Finding, Level
from wfd.cli.trial import print_tried, try_out
from wfd.domain.errors import WfdError
from wfd.edge.here import namespace_here
from wfd.settings import LiveSettings, Sources
from wfd.store.alone import reading
from wfd_runners import harnesses

WHAT = "set-up and checks"


def try_here(place: Place, *, is_shown: bool) -> list[Finding]:
    """A finding for each command; one that says why where there is nothing to run."""
    try:
        return _tried(place, is_shown=is_shown)[1]
    except WfdError as error:
        return [Finding(Level.FAIL, WHAT, str(error))]


def print_trial(place: Place) -> int:
    """Try, print what came of it, and return the exit code."""
    commit, found = _tried(place, is_shown=True)
    click.echo()
    if found[0].what == WHAT:
        click.echo(f"{WHAT}: {found[0].detail}")
    else:
        print_tried(found, commit)
    return 1 if any(one.is_bad for one in found) else 0


def _tried(place: Place, *, is_shown: bool) -> tuple[str, list[Finding]]:
    repository = anyio.run(find, Path.cwd())
    with reading(place.store_path) as read:
        namespace = namespace_here(read, None, os.environ, Path.cwd())
    live = LiveSettings(place, Sources(None, {}), tuple(sorted(harnesses())))
    settings = live.of(namespace).repository
    if not settings.checks and not settings.workspace.setup:
        detail = "none are configured, so there is nothing to try"
        return repository.head_commit, [Finding(Level.WARN, WHAT, detail)]
    checkout = Path(namespace.checkout)
    found = try_out(place, repository, checkout, live.config, settings, is_shown=is_shown)
    return repository.head_commit, found
