"""Where the repository of a namespace lies, and how one is forgotten."""

from dataclasses import dataclass

from wfd.commands.house import HouseOf
from wfd.commands.prune import MAX_ROWS, forget
from wfd.commands.record import Of, add_event
from wfd.commands.scope import namespace_named
from wfd.domain.errors import Conflict, NotAllowed
from wfd.domain.ids import NamespaceId
from wfd.domain.namespace import Namespace
from wfd.ports import Read, Tx

MAX_NAMED = 10  # assignments, in one sentence


@dataclass(frozen=True)
class MoveNamespace:
    namespace: str
    was: str  # the git folder that it had when the caller looked
    git_dir: str
    checkout: str


@dataclass(frozen=True)
class RemoveNamespace:
    namespace: str


@dataclass(frozen=True)
class ListedNamespace(Namespace):
    assignments: int
    open_assignments: int


@dataclass(frozen=True)
class Worked:
    """What the repository of a namespace holds of an assignment, or of a lane."""

    place: str  # A7 or A7-J42: the name of its refs and its branch
    is_open: bool
    base_commit: str
    head_commit: str | None


def move_namespace(tx: Tx, house_of: HouseOf, want: MoveNamespace) -> dict[str, object]:
    """{"namespace": name, "id": id}. The caller has looked whether it is the same repository."""
    namespace = namespace_named(tx, want.namespace)
    if namespace.git_dir != want.was:
        raise Conflict(f"'{namespace.name}' was moved to {namespace.checkout} just now")
    repoint(tx, namespace, want.git_dir, want.checkout)
    return {"namespace": namespace.name, "id": namespace.id}


def repoint(tx: Tx, namespace: Namespace, git_dir: str, checkout: str) -> None:
    """Raises Conflict for a repository that is another namespace."""
    other = tx.one(Namespace, "namespace_by_git_dir", git_dir=git_dir)
    if other is not None and other.id != namespace.id:
        raise Conflict(f"{checkout} is the namespace '{other.name}' already")
    tx.run("repoint_namespace", id=namespace.id, git_dir=git_dir, checkout=checkout)
    add_event(tx, "namespace.moved", Of(namespace.id), {})


def remove_namespace(tx: Tx, house_of: HouseOf, want: RemoveNamespace) -> dict[str, object]:
    """{"namespace": name, "rows": how many are gone, "is_gone": all of them}

    One short transaction; the caller asks until all is gone. Raises NotAllowed while an
    assignment is open or a run still ends.
    """
    namespace = namespace_named(tx, want.namespace)
    refuse_open(tx, namespace)
    left = MAX_ROWS
    while left > 0:  # the newest first: an older one may be what a later one retries
        newest = tx.one(int, "newest_assignment_of", namespace_id=namespace.id)
        if newest is None:
            break
        left = forget(tx, newest, left)
    if left > 0:
        left -= tx.run("forget_questions_of_namespace", id=namespace.id)
        left -= tx.run("forget_spend_of_namespace", id=namespace.id)
        left -= tx.run("forget_namespace", id=namespace.id)
        add_event(tx, "namespace.removed", Of(), {"name": namespace.name})
        return {"namespace": namespace.name, "rows": MAX_ROWS - left, "is_gone": True}
    return {"namespace": namespace.name, "rows": MAX_ROWS - left, "is_gone": False}


def open_assignments(read: Read, namespace_id: NamespaceId) -> list[int]:
    return read.all(int, "open_assignments_of", namespace_id=namespace_id)


def refuse_open(read: Read, namespace: Namespace) -> None:
    """Raise NotAllowed while anything of it is open."""
    found = open_assignments(read, namespace.id)
    if found:
        more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        names = ", ".join(f"A{one}" for one in found[:MAX_NAMED])
        raise NotAllowed(
            f"'{namespace.name}' has open assignments: {names}{more}; complete or cancel them,"
            " or say --cancel"
        )
    if read.one(int, "running_in", namespace_id=namespace.id):
        raise NotAllowed(f"runs of '{namespace.name}' are still being ended; try again")


def listed(read: Read) -> list[ListedNamespace]:
    return read.all(ListedNamespace, "namespaces_listed")


def worked(read: Read, namespace_id: NamespaceId) -> list[Worked]:
    """The newest first; those that have no commit yet are left out."""
    return read.all(Worked, "work_of_namespace", namespace_id=namespace_id)
