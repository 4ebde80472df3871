"""wfd init and wfd trust: a repository becomes a namespace, and its configuration is accepted."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import click

from wfd.adapters.place import Place
from wfd.adapters.proposal import propose
from wfd.adapters.repository import Repository, find
from wfd.config import Config, RepositoryConfig
from wfd.domain.errors import BadConfig, NotFound
from wfd.domain.namespace import Namespace
from wfd.edge.words import tame
from wfd.layers import REPOSITORY_FILE, for_repository, hash_of
from wfd.store.alone import reading


@dataclass(frozen=True)
class SetUp:
    namespace: str
    checkout: Path
    file: Path
    is_new: bool  # the namespace
    wrote_file: bool
    reasons: list[str]  # why the file proposes what it does
    config: RepositoryConfig


def set_up(place: Place, folder: Path, name: str | None) -> SetUp:
    """Register the repository around `folder` and accept its configuration.

    Writes a proposal where there is no configuration, and never over one that is there.
    """
    repository = anyio.run(find, folder)
    file = repository.checkout / REPOSITORY_FILE
    reasons: list[str] = []
    is_there = file.exists()
    if not is_there:
        reasons = _write_proposal(repository, file, name or repository.name)
    text = _text_of(file)
    config = for_repository(Config(), text, str(file))
    wanted = name or config.namespace or repository.name
    answer = _register(place, repository, wanted, text)
    return SetUp(
        namespace=str(answer["namespace"]),
        checkout=repository.checkout,
        file=file,
        is_new=bool(answer["created"]),
        wrote_file=not is_there,
        reasons=reasons,
        config=config,
    )


def accept(place: Place, folder: Path) -> str:
    """Accept the repository's configuration as it is now; what was done, in words."""
    repository = anyio.run(find, folder)
    namespace = _registered(place, repository)
    file = repository.checkout / REPOSITORY_FILE
    text = _text_of(file) if file.exists() else None
    if text is None:
        _register(place, repository, namespace.name, None)
        return f"{file} is not there: '{namespace.name}' goes on with the daemon's own settings"
    config = for_repository(Config(), text, str(file))
    if hash_of(text) == namespace.trusted_hash:
        return f"{file} is accepted already"
    changes = list(_changes(place, namespace.trusted_hash, text)) or list(_commands(config))
    _register(place, repository, namespace.name, text)
    return "\n".join([*map(tame, changes), f"{file} is accepted as it is now"])


def print_set_up(done: SetUp) -> None:
    verb = "is registered" if done.is_new else "was registered already"
    click.echo(f"'{done.namespace}' {verb}: {done.checkout}")
    click.echo(f"{done.file} {'is written' if done.wrote_file else 'is accepted as it is'}:")
    for said in done.reasons or list(_commands(done.config)):
        click.echo(f"  {tame(said)}")
    if not done.config.checks:
        click.echo("  no checks yet: name in it the commands that tell good work from bad")
    click.echo("Next:")
    click.echo("  edit the file if it proposes the wrong thing, then: wfd trust")
    click.echo("  add .wfd/config.json to git, if others are to share it")
    click.echo("  wfd doctor              looks whether all is there")
    click.echo("  wfd start --detach      starts the daemon")
    click.echo("  wfctl create 'what you want'")


def _register(
    place: Place, repository: Repository, name: str, text: str | None
) -> dict[str, object]:
    from wfd.send import send  # late: a slip in the call needs no socket

    trusted = None if text is None else hash_of(text)
    values: dict[str, object] = {
        "name": name,
        "git_dir": str(repository.git_dir),
        "checkout": str(repository.checkout),
        "trusted_hash": trusted,
    }
    if text is not None and trusted is not None:  # before: the daemon may look for it at once
        kept = place.accepted_path(trusted)
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    return send(place, "register", values)


def _registered(place: Place, repository: Repository) -> Namespace:
    with reading(place.store_path) as read:
        found = read.one(Namespace, "namespace_by_git_dir", git_dir=str(repository.git_dir))
    if found is None:
        raise NotFound(f"{repository.checkout} is not registered; run: wfd init")
    return found


def _write_proposal(repository: Repository, file: Path, name: str) -> list[str]:
    """Write the proposal; the reasons for what is in it."""
    proposal = propose(repository.checkout)
    values: dict[str, object] = {"namespace": name, "checks": proposal.checks}
    if proposal.setup or proposal.copy:
        values["workspace"] = {"setup": proposal.setup, "copy": proposal.copy}
    file.parent.mkdir(exist_ok=True)
    with file.open("x", encoding="utf-8") as out:
        out.write(json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    return proposal.reasons


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file} cannot be read: {error}") from None


def _commands(config: RepositoryConfig) -> Iterator[str]:
    """All that the daemon runs because the file names it."""
    for command in config.workspace.setup:
        yield f"set-up: {command}"
    for name, command in config.checks.items():
        yield f"check {name}: {command}"


def _changes(place: Place, trusted: str | None, text: str) -> Iterator[str]:
    """The difference from what was accepted before; nothing where that is not known."""
    try:
        before = place.accepted_path(trusted or "").read_text(encoding="utf-8")
    except OSError:
        return
    yield from difflib.unified_diff(
        before.splitlines(), text.splitlines(), "accepted", "now", lineterm=""
    )
