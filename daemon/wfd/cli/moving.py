"""A repository that is not where it was: which namespace it is, and where none can be made."""

from pathlib import Path

from wfd.adapters.moved import Branch, is_gone, knows, lacks
from wfd.adapters.place import Place
from wfd.adapters.repository import Repository
from wfd.commands.namespaces import worked
from wfd.domain.errors import Conflict, NotAllowed, NotFound
from wfd.domain.namespace import Namespace
from wfd.edge.here import Inside, workspace_around
from wfd.layers import REPOSITORY_FILE, hash_of
from wfd.ports import Read
from wfd.rules.typed import typed
from wfd.store.alone import reading


def moved_here(read: Read, place: Place, repository: Repository) -> Namespace | None:
    """The namespace whose repository this is, by what it holds; its old place has none any more.

    One that never had an assignment is known by its name or the configuration that was accepted,
    since nothing else tells it. Raises Conflict where this one lacks commits that open assignments
    need.
    """
    namespaces = read.all(Namespace, "namespaces")
    for one in namespaces:  # a link leads from the old place to the new one
        if Path(one.git_dir).resolve() == repository.git_dir.resolve():
            return one
    for one in namespaces:
        if is_gone(Path(one.git_dir)) and _is_its(read, one, repository):
            refuse_lacking(read, place, one, repository)
            return one
    return None


def refuse_lacking(read: Read, place: Place, namespace: Namespace, repository: Repository) -> None:
    """Raise Conflict if the repository lacks commits that open assignments of it need."""
    own = place.state_dir / "ns" / str(namespace.id) / "repo.git"
    missing = lacks(repository.git_dir, own, branches_of(read, namespace))
    if missing:
        raise Conflict(
            f"{repository.checkout} lacks commits that open assignments of '{namespace.name}'"
            f" need: {', '.join(missing[:5])}; fetch them there from where they still are, or"
            " cancel these assignments"
        )


def branches_of(read: Read, namespace: Namespace) -> list[Branch]:
    return [
        Branch(one.place, bool(one.is_open), one.base_commit, one.head_commit)
        for one in worked(read, namespace.id)
    ]


def refuse_within(place: Place, folder: Path) -> None:
    """Raise NotAllowed in the state folder: what lies there is the daemon's."""
    inside = workspace_around(folder, place.state_dir)
    if inside is not None:
        raise NotAllowed(_whose(place, inside))
    if folder.resolve().is_relative_to(place.state_dir.resolve()):
        raise NotAllowed(
            f"{folder} is in wfd's state folder, {place.state_dir}, where no repository of yours"
            " belongs; go to one elsewhere"
        )


def _whose(place: Place, inside: Inside) -> str:
    of = "wfd" if inside.assignment_id is None else f"A{inside.assignment_id}"
    try:
        with reading(place.store_path) as read:
            owner = read.one(Namespace, "namespace_by_id", id=inside.namespace_id)
    except NotFound:
        owner = None
    if owner is None:
        return f"this is a workspace of {of}, and no repository of yours; go to yours"
    return (
        f"this is a workspace of {of}, made from '{owner.name}', and no repository of yours; go to"
        f" yours: {typed('cd', owner.checkout)}"
    )


def _is_its(read: Read, namespace: Namespace, repository: Repository) -> bool:
    branches = branches_of(read, namespace)
    if branches:
        return knows(repository.git_dir, branches)
    return namespace.name == repository.name or _has_its_configuration(namespace, repository)


def _has_its_configuration(namespace: Namespace, repository: Repository) -> bool:
    try:
        text = (repository.checkout / REPOSITORY_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return hash_of(text) == namespace.trusted_hash
