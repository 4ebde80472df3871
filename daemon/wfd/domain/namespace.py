"""A namespace: one repository and everything that belongs to it."""

from dataclasses import dataclass

from wfd.domain.ids import NamespaceId


@dataclass(frozen=True)
class Namespace:
    id: NamespaceId
    name: str
    git_dir: str
    checkout: str
    trusted_hash: str | None  # SHA-256 of the .wfd/config.json that a person accepted
