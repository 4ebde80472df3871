"""Make a repository known to the store, and accept its configuration."""

from dataclasses import dataclass

from wfd.commands.house import HouseOf
from wfd.commands.record import Of, add_event
from wfd.domain.errors import Conflict
from wfd.domain.ids import NamespaceId
from wfd.domain.namespace import Namespace
from wfd.ports import Tx


@dataclass(frozen=True)
class Register:
    name: str
    git_dir: str
    checkout: str
    trusted_hash: str | None  # SHA-256 of the .wfd/config.json that the person accepts


def register(tx: Tx, house_of: HouseOf, want: Register) -> dict[str, object]:
    """{"namespace": name, "id": id, "created": bool}; again is fine and takes the new hash."""
    known = tx.one(Namespace, "namespace_by_git_dir", git_dir=want.git_dir)
    if known is not None:
        tx.run(
            "move_namespace", id=known.id, checkout=want.checkout, trusted_hash=want.trusted_hash
        )
        add_event(tx, "namespace.trusted", Of(known.id), {})
        return {"namespace": known.name, "id": known.id, "created": False}
    taken = tx.one(Namespace, "namespace_by_name", name=want.name)
    if taken is not None:
        raise Conflict(
            f"namespace '{want.name}' is {taken.checkout} already; choose another with --name"
        )
    namespace_id = NamespaceId(tx.insert("add_namespace", now=tx.now, **vars(want)))
    add_event(tx, "namespace.registered", Of(namespace_id), {})
    return {"namespace": want.name, "id": namespace_id, "created": True}
