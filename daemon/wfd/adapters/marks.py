"""The marks that the processes of runs carry in their environments."""

from wfd.adapters import proc
from wfd.adapters.proc import Seen, Table

RUN = "WFD_RUN_ID"
OWNER = "WFD_OWNER"
_NAMES = tuple(f"{name}=".encode() for name in (RUN, OWNER))


class Marks:
    """Which marks a process carries, each environment read once.

    What a process has written over its own environment since is not seen, nor need it be: an
    exec moves the environment, and it is read again.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, tuple[int, int]], frozenset[bytes]] = {}

    def of(self, seen: Seen) -> frozenset[bytes]:
        """Its entries, as b"WFD_RUN_ID=R1"."""
        if seen.environment is None:
            return frozenset()
        key = (seen.pid, seen.start, seen.environment)
        found = self._known.get(key)
        if found is None:
            found = _marks_in(proc.environ(seen.pid))
            if seen.environment != proc.NOWHERE:
                self._known[key] = found
        return found

    def forget_ended(self, table: Table) -> None:
        """Now and then, so that it stays as small as the table."""
        if len(self._known) > 2 * len(table):
            alive = {(seen.pid, seen.start) for seen in table.values()}
            for key in list(self._known):  # another thread may be at it, too
                if key[:2] not in alive:
                    self._known.pop(key, None)


def _marks_in(environ: bytes) -> frozenset[bytes]:
    return frozenset(entry for entry in environ.split(b"\0")[:-1] if entry.startswith(_NAMES))
