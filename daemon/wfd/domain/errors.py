"""What callers must not ignore, each with the exit code a shell sees.

WfdError                 1  failed
├── BadInput             2  usage: the words of a call are off
│   └── BadConfig        2  a configuration file is off
├── NotFound             3  no such thing here
├── NotAllowed           4  the thing's state, a gate or a cap forbids it
├── Conflict             5  somebody else holds it
│   ├── LeaseLost        5  the run is no longer ours: stop, write nothing
│   └── AlreadyRunning   5  a second daemon on one store
├── NotRunning           6  the daemon is not running
├── TryLater            75  no answer in time
└── Broken               1  a store, a workspace or a template cannot be used
    ├── CannotRun        1  a check needs a program that is not there
    ├── NewerStore       1  the store was written by a newer wfd
    └── StoreFailed      1  the trouble is the store's file; the daemon's store logs it once
        ├── StoreDown   75  it cannot be read or written now, and may heal
        └── DamagedStore 74  it is damaged or gone: only a backup helps
"""

import difflib
from collections.abc import Iterable


class WfdError(Exception):
    exit_code = 1

    @property
    def kind(self) -> str:
        return type(self).__name__


class BadInput(WfdError):
    exit_code = 2


class BadConfig(BadInput):
    pass


class NotFound(WfdError):
    exit_code = 3


class NotAllowed(WfdError):
    exit_code = 4


class Conflict(WfdError):
    exit_code = 5


class LeaseLost(Conflict):
    def __init__(self, run_id: int) -> None:
        super().__init__(f"the lease of R{run_id} is lost")
        self.run_id = run_id


class AlreadyRunning(Conflict):
    pass


class NotRunning(WfdError):
    exit_code = 6


class TryLater(WfdError):
    exit_code = 75


class Broken(WfdError):
    pass


class CannotRun(Broken):
    pass


class NewerStore(Broken):
    pass


class StoreFailed(Broken):
    pass


class StoreDown(StoreFailed):
    exit_code = 75


class DamagedStore(StoreFailed):
    exit_code = 74


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not known: the nearest one, then all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    return f"no {noun} '{name}'{hint}; known: {', '.join(names) or 'none'}"


def from_wire(kind: str, message: str) -> WfdError:
    """The error that a daemon sent over its socket, as the class it was there."""
    known = {cls.__name__: cls for cls in _tree(WfdError)}
    cls = known.get(kind, WfdError)
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    return error


def _tree(cls: type[WfdError]) -> Iterable[type[WfdError]]:
    yield cls
    for sub in cls.__subclasses__():
        yield from _tree(sub)
