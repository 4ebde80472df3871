"""A repository that moved while one of its jobs ran."""

from dataclasses import replace

from wfd.commands.scope import namespace_of
from wfd.engine.parts import Lease, Parts


async def where_it_is(parts: Parts, lease: Lease) -> Lease:
    """The lease with its namespace as it is now: a person may have had it follow a move."""
    namespace = await parts.store.write(lambda tx: namespace_of(tx, lease.namespace.id))
    return replace(lease, namespace=namespace)
