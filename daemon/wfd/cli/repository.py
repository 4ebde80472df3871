"""wfd init and wfd trust: a repository becomes a namespace, and its configuration is accepted."""

import difflib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import click

from wfd.adapters.place import Place
from wfd.adapters.proposal import propose
from wfd.adapters.repository import Repository, find
from wfd.adapters.users_repository import UsersRepository
from wfd.cli.filters_found import filter_findings
from wfd.cli.moving import moved_here, refuse_within
from wfd.cli.submodules_found import submodule_findings
from wfd.config import Config, RepositoryConfig
from wfd.domain.errors import BadConfig, Conflict, NotAllowed, NotFound
from wfd.domain.namespace import Namespace
from wfd.edge.here import common_git_dir
from wfd.edge.words import tame
from wfd.known_ais import known_here, refuse_unknown_default
from wfd.layers import REPOSITORY_FILE, for_repository, hash_of
from wfd.rules.typed import typed
from wfd.store.alone import reading


@dataclass(frozen=True)
class SetUp:
    namespace: str
    checkout: Path
    git_dir: Path
    file: Path
    is_new: bool  # the namespace
    moved_from: Path | None  # a checkout that is gone
    wrote_file: bool
    reasons: list[str]  # why the file proposes what it does
    config: RepositoryConfig
    goes_on: list[str]


def set_up(place: Place, folder: Path, name: str | None) -> SetUp:
    """Register the repository around `folder` and accept its configuration.

    Writes a proposal where there is no configuration, and never over one that is there. One that
    differs from what was accepted is left to `accept`, which shows the difference.
    """
    refuse_within(place, folder)
    repository = anyio.run(find, folder)
    known = _known(place, repository)
    moved_from = None if known is None else _moved_from(known, repository)
    file = repository.checkout / REPOSITORY_FILE
    if known is not None and name not in (None, known.name):
        raise NotAllowed(
            f"{repository.checkout} is registered as '{known.name}' and keeps that name;"
            " leave out --name"
        )
    is_there = file.exists()
    text, reasons = (
        _text_here(known, file) if is_there else _new_text(place, repository, known, name)
    )
    config = _sound(place, text, file)
    wanted = name or config.namespace or repository.name
    with nullcontext() if is_there else _written(file, text):
        answer = _register(place, repository, known, wanted, text)
    return SetUp(
        namespace=str(answer["namespace"]),
        checkout=repository.checkout,
        git_dir=repository.git_dir,
        file=file,
        is_new=bool(answer["created"]),
        moved_from=moved_from,
        wrote_file=not is_there,
        reasons=reasons,
        config=config,
        goes_on=list(_goes_on(answer)),
    )


def accept(place: Place, folder: Path) -> str:
    """Accept the repository's configuration as it is now; what was done, in words."""
    refuse_within(place, folder)
    repository = anyio.run(find, folder)
    namespace = _registered(place, repository)
    moved_from = _moved_from(namespace, repository)
    file = repository.checkout / REPOSITORY_FILE
    text = _text_of(file) if file.exists() else None
    said = list(_what_is_accepted(place, namespace, file, text))
    # also what is accepted already: a file may have been put back, and jobs may wait for that
    answer = _register(place, repository, namespace, namespace.name, text)
    if moved_from is not None:
        said.append(_moved(namespace.name, moved_from, repository.checkout))
    return "\n".join([*said, *_goes_on(answer)])


def print_set_up(done: SetUp) -> None:
    verb = "is registered" if done.is_new else "was registered already"
    click.echo(f"'{done.namespace}' {verb}: {done.checkout}")
    if done.moved_from is not None:
        click.echo(_moved(done.namespace, done.moved_from, done.checkout))
    click.echo(f"{done.file} {'is written' if done.wrote_file else 'is accepted as it is'}:")
    for said in done.reasons or list(_commands(done.config)):
        click.echo(f"  {tame(said)}")
    if done.config.namespace not in (None, done.namespace):
        click.echo(
            f"  the name in it is ignored: this repository is registered as '{done.namespace}'"
        )
    users = UsersRepository(done.git_dir, done.checkout)
    for one in (
        *filter_findings(users, done.config.workspace.filters),
        *submodule_findings(done.checkout),
    ):
        if one.way_out:
            click.echo(f"  {tame(f'{one.what}: {one.detail}; {one.way_out}')}")
    if not done.config.checks:
        click.echo("  no checks yet: add the commands that tell good work from bad")
    for line in done.goes_on:
        click.echo(line)
    click.echo("Next:")
    click.echo("  edit the file if it proposes the wrong thing, then: wfd trust")
    click.echo("  add .wfd/config.json to git, if others are to share it")
    click.echo("  wfd doctor              checks that everything is installed")
    click.echo("  wfd doctor --checks     runs set-up and checks once, in a fresh clone")
    click.echo("  wfd start --detach      starts the daemon")
    click.echo("  wfctl create 'what you want'")


def _moved_from(known: Namespace, repository: Repository) -> Path | None:
    """The checkout that was registered and is gone; None where it is this one.

    Raises Conflict for another that is still there: what it says is what counts.
    """
    there = Path(known.checkout)
    if known.git_dir != str(repository.git_dir):
        return there
    if there.resolve() == repository.checkout.resolve():
        return None
    if common_git_dir(there) != repository.git_dir.resolve():
        return there
    is_linked = not (there / ".git").is_dir()
    remove = typed("git", "worktree", "remove", there)
    way_out = f"; to move it here, first: {remove}" if is_linked else ""
    raise Conflict(
        f"this repository is registered as '{known.name}' with its checkout {there}, whose"
        " .wfd/config.json is in effect: go there for 'wfd init' and 'wfd trust'; wfctl works"
        f" here, too{way_out}"
    )


def _moved(name: str, before: Path, now: Path) -> str:
    return f"'{name}' has moved from {before}, which is gone, to {now}"


def _text_here(known: Namespace | None, file: Path) -> tuple[str, list[str]]:
    """What the file says. Raises NotAllowed where that is not what was accepted before."""
    text = _text_of(file)
    if known is not None and hash_of(text) != known.trusted_hash:
        raise NotAllowed(
            f"{file} has changed since it was accepted, and init does not accept a change;"
            " 'wfd trust' shows what has changed and accepts it"
        )
    return text, []


def _new_text(
    place: Place, repository: Repository, known: Namespace | None, name: str | None
) -> tuple[str, list[str]]:
    """What the file is to say, with the reasons: what was accepted before, or a proposal."""
    if known is None or known.trusted_hash is None:
        return _proposal(repository, known.name if known else name or repository.name)
    text = _accepted_text(place, known.trusted_hash)
    if text is None:
        raise NotAllowed(
            f"{repository.checkout / REPOSITORY_FILE} is gone, and it was accepted before; put it"
            " back, or run 'wfd trust' to continue without it"
        )
    return text, ["as it was accepted before"]


@contextmanager
def _written(file: Path, text: str) -> Iterator[None]:
    """Have the file there, and leave it behind only if all goes well."""
    is_new_folder = not file.parent.exists()
    file.parent.mkdir(exist_ok=True)
    with file.open("x", encoding="utf-8") as out:
        out.write(text)
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        if is_new_folder:
            with suppress(OSError):  # somebody has put something else there
                file.parent.rmdir()
        raise


def _what_is_accepted(
    place: Place, namespace: Namespace, file: Path, text: str | None
) -> Iterator[str]:
    if text is None:
        yield f"{file} is not there: '{namespace.name}' now uses the daemon's own settings"
        return
    config = _sound(place, text, file)
    if hash_of(text) == namespace.trusted_hash:
        yield f"{file} is accepted already"
        return
    changes = list(_changes(place, namespace.trusted_hash, text)) or list(_commands(config))
    yield from map(tame, changes)
    yield f"{file} is accepted as it is now"


def _sound(place: Place, text: str, file: Path) -> RepositoryConfig:
    """What the file says. Raises BadConfig for a text that no daemon could go by."""
    from wfd_runners import harnesses  # late: most slips are found before any is needed

    config = for_repository(Config(), text, str(file))
    refuse_unknown_default(config, known_here(place, harnesses()), f"{file}: ")
    return config


def _goes_on(answer: Mapping[str, object]) -> Iterator[str]:
    """What waited for this, in words."""
    assignments = answer["goes_on"]
    assert isinstance(assignments, list)
    for one in assignments:
        yield f"A{one} continues"


def _register(
    place: Place, repository: Repository, known: Namespace | None, name: str, text: str | None
) -> dict[str, object]:
    from wfd.send import send  # late: a slip in the call needs no socket

    trusted = None if text is None else hash_of(text)
    values: dict[str, object] = {
        "name": name,
        "git_dir": str(repository.git_dir),
        "checkout": str(repository.checkout),
        "trusted_hash": trusted,
    }
    if known is not None and known.git_dir != str(repository.git_dir):
        values["moved_from"] = known.git_dir
    if text is not None and trusted is not None:  # before: the daemon may look for it at once
        kept = place.accepted_path(trusted)
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    return send(place, "register", values)


def _registered(place: Place, repository: Repository) -> Namespace:
    found = _known(place, repository)
    if found is None:
        raise NotFound(f"{repository.checkout} is not registered; run: wfd init")
    return found


def _known(place: Place, repository: Repository) -> Namespace | None:
    place.refuse_lost_store()
    try:
        with reading(place.store_path) as read:
            found = read.one(Namespace, "namespace_by_git_dir", git_dir=str(repository.git_dir))
            return found or moved_here(read, place, repository)
    except NotFound:  # there is no store yet
        return None


def _proposal(repository: Repository, name: str) -> tuple[str, list[str]]:
    """The text of one, and the reasons for what is in it."""
    proposal = propose(repository.checkout)
    values: dict[str, object] = {"namespace": name, "checks": proposal.checks}
    if proposal.setup or proposal.copy:
        values["workspace"] = {"setup": proposal.setup, "copy": proposal.copy}
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n", proposal.reasons


def _accepted_text(place: Place, trusted: str) -> str | None:
    """What was accepted before; None where that is not known any more."""
    try:
        text = place.accepted_path(trusted).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return text if hash_of(text) == trusted else None


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file} cannot be read: {error}") from None


def _commands(config: RepositoryConfig) -> Iterator[str]:
    """All that the daemon runs, copies and lets through because the file names it."""
    for name in config.workspace.env:
        yield f"passed through: the daemon's variable {name}"
    for glob in config.workspace.copy_files:
        yield f"copy: {glob}"
    for command in config.workspace.setup:
        yield f"set-up: {command}"
    for name, command in config.checks.items():
        yield f"check {name}: {command}"
    for name in config.workspace.filters:
        yield f"filter {name}: what filter.{name} names in your own git configuration"


def _changes(place: Place, trusted: str | None, text: str) -> Iterator[str]:
    """The difference from what was accepted before; nothing where that is not known."""
    before = None if trusted is None else _accepted_text(place, trusted)
    if before is None:
        return
    yield from difflib.unified_diff(
        before.splitlines(), text.splitlines(), "accepted", "now", lineterm=""
    )
