"""Sending a command: to the daemon, or carried out here while none runs."""

import os
import time

from wfd.adapters import client
from wfd.adapters.lock import DaemonLock
from wfd.adapters.place import Place
from wfd.domain.errors import AlreadyRunning, NotRunning, WfdError
from wfd.edge.here import refuse_in_a_run

START_DEADLINE_S = 5.0
_PAUSE_S = 0.05


def send(place: Place, command: str, values: dict[str, object]) -> dict[str, object]:
    """The command's answer.

    Raises what the command raises, TryLater without an answer in time, and NotAllowed inside
    an agent's run.
    """
    refuse_in_a_run(os.environ)
    deadline = time.monotonic() + START_DEADLINE_S
    while True:
        try:
            return _answer(client.call(place.socket_path, command, values))
        except NotRunning:
            pass
        from wfd.offline import carry_out  # late: a daemon that answers spares it

        lock = DaemonLock(place, of_command=True)
        try:
            lock.acquire()
        except AlreadyRunning:  # a daemon that starts just now, or another wfctl
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
            continue
        try:
            return carry_out(place, command, values)
        finally:
            lock.release()


def _answer(answer: object) -> dict[str, object]:
    if not isinstance(answer, dict):
        raise WfdError(f"the daemon gave an unexpected answer: {answer!r}")
    return answer
