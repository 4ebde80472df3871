"""What is really used where the caller stands: the settings of its repository, and the AIs."""

import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wfd.adapters.place import Place
from wfd.commands.house import House
from wfd.commands.roster import defined
from wfd.config import Config, RepositoryConfig
from wfd.domain.ai import Ai, AiRow
from wfd.domain.errors import NotFound, WfdError
from wfd.domain.namespace import Namespace
from wfd.edge.here import namespace_here
from wfd.ports import Read
from wfd.settings import LiveSettings, Sources
from wfd.store.alone import reading
from wfd_runners import harnesses

_NO_PLACE = Place(Path(), Path())  # looked at for a namespace alone, and without a store is none


@dataclass(frozen=True)
class InUse:
    config: Config
    repository: RepositoryConfig  # with what was accepted of it; outside of one the daemon's own
    house: House
    ais: Mapping[str, Ai]  # those that were registered, too


def in_use(where: Place | None) -> InUse:
    """Raises BadConfig for the daemon's own files. A repository's that is off does not count."""
    live = LiveSettings(where or _NO_PLACE, Sources(None, {}), tuple(sorted(harnesses())))
    namespace, rows = (None, []) if where is None else _stored(where)
    if namespace is None:
        repository: RepositoryConfig = live.config
        house = live.house_of(None)
    else:
        settings = live.last_good(namespace)
        repository, house = settings.repository, settings.house
    return InUse(live.config, repository, house, defined(house, rows))


def _stored(where: Place) -> tuple[Namespace | None, list[AiRow]]:
    """Nothing of a store that is of no use, which is told elsewhere."""
    try:
        with reading(where.store_path) as read:
            return _namespace(read, where), read.all(AiRow, "ais")
    except (WfdError, sqlite3.Error):
        return None, []


def _namespace(read: Read, where: Place) -> Namespace | None:
    try:
        return namespace_here(read, None, os.environ, Path.cwd(), where.state_dir)
    except NotFound:
        return None
