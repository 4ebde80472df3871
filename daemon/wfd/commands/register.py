"""Make a repository known to the store, and accept its configuration."""

from dataclasses import dataclass

from wfd.commands.house import HouseOf
from wfd.commands.namespaces import repoint
from wfd.commands.record import Of, add_event
from wfd.commands.released import release
from wfd.commands.scope import namespace_of
from wfd.commands.settle import pause_at_cap
from wfd.domain.assignment import AssignmentState
from wfd.domain.errors import Conflict
from wfd.domain.ids import NamespaceId
from wfd.domain.job import By
from wfd.domain.namespace import Namespace
from wfd.domain.question import TRUST
from wfd.ports import Tx

_ACCEPTED = "the configuration is accepted"


@dataclass(frozen=True)
class Register:
    name: str
    git_dir: str
    checkout: str
    trusted_hash: str | None  # SHA-256 of the .wfd/config.json that the person accepts
    moved_from: str | None = None  # the git folder that it had, for a repository that has moved


def register(tx: Tx, house_of: HouseOf, want: Register) -> dict[str, object]:
    """{"namespace": name, "id": id, "created": bool, "goes_on": assignments that waited for it}

    Again is fine and takes the new hash.
    """
    known = tx.one(Namespace, "namespace_by_git_dir", git_dir=want.moved_from or want.git_dir)
    if known is not None and want.moved_from is not None:
        repoint(tx, known, want.git_dir, want.checkout)
    if known is not None:
        tx.run(
            "move_namespace", id=known.id, checkout=want.checkout, trusted_hash=want.trusted_hash
        )
        add_event(tx, "namespace.trusted", Of(known.id), {})
        goes_on = _release(tx, house_of, known.id)
        return {"namespace": known.name, "id": known.id, "created": False, "goes_on": goes_on}
    taken = tx.one(Namespace, "namespace_by_name", name=want.name)
    if taken is not None:
        raise Conflict(
            f"namespace '{want.name}' is {taken.checkout} already; choose another with --name"
        )
    namespace_id = NamespaceId(
        tx.insert(
            "add_namespace",
            name=want.name,
            git_dir=want.git_dir,
            checkout=want.checkout,
            trusted_hash=want.trusted_hash,
            now=tx.now,
        )
    )
    add_event(tx, "namespace.registered", Of(namespace_id), {})
    return {"namespace": want.name, "id": namespace_id, "created": True, "goes_on": []}


def _release(tx: Tx, house_of: HouseOf, namespace_id: NamespaceId) -> list[int]:
    """Let go what waited for the configuration to be accepted; the assignments that go on."""
    let_go = release(tx, TRUST, _ACCEPTED, By.PERSON, namespace_id)
    if not let_go:
        return []
    house = house_of(namespace_of(tx, namespace_id))
    now = [pause_at_cap(tx, one, house) for one in let_go]
    return [one.id for one in now if one.state is AssignmentState.ACTIVE]
