"""What a command line does without the daemon, by this machine's own configuration."""

import os

from wfd.adapters.place import Place
from wfd.commands.ai import listed
from wfd.commands.open_gates import standing as standing_of
from wfd.commands.registry import COMMANDS
from wfd.commands.scope import namespace_of
from wfd.domain.assignment import Assignment
from wfd.edge.door import checked
from wfd.ports import Read
from wfd.programs import with_lacks
from wfd.settings import LiveSettings, Sources
from wfd.store.alone import utc_ms, write_alone
from wfd_runners import harnesses


def carry_out(place: Place, command: str, values: dict[str, object]) -> dict[str, object]:
    """One command by this process. The caller holds the daemon's lock, since none runs."""
    place.refuse_lost_store()
    known = COMMANDS[command]
    want = checked(known.wants, values)
    settings = _settings(place)
    return write_alone(place.store_path, lambda tx: known.run(tx, settings.house_of, want))


def ais(place: Place, read: Read, *, with_spend: bool) -> list[dict[str, object]]:
    """How each AI stands, by this machine's own configuration and this process's PATH."""
    settings = _settings(place)
    found = listed(read, settings.house_of(None), utc_ms(), with_spend=with_spend)
    return with_lacks(found, harnesses(), os.environ, "this shell's PATH")


def standing(place: Place, read: Read, assignment: Assignment, now: int) -> dict[str, object]:
    """Its open gates and what is left of its caps, by its namespace's rules."""
    settings = _settings(place)
    namespace = namespace_of(read, assignment.namespace_id)
    return standing_of(read, assignment, settings.house_of(namespace), now)


def _settings(place: Place) -> LiveSettings:
    return LiveSettings(place, Sources(None, {}), tuple(sorted(harnesses())))
