"""The named steps of a run's path, at which a test can end or halt the daemon from outside.

WFD_TEST_AT="spawned:kill" has the daemon end as by kill -9 when a run first gets there, and
"closed:2:stop" has it stand still, as by SIGSTOP, the second time. Without the variable nothing
happens. Agents never see it.
"""

import os
import signal
from collections.abc import Callable, Mapping
from enum import StrEnum

from wfd.domain.errors import BadInput, unknown

VARIABLE = "WFD_TEST_AT"


class Step(StrEnum):
    LEASED = "leased"  # and not spawned
    PREPARED = "prepared"  # its prompt is written and recorded
    SPAWNED = "spawned"  # and not recorded
    STREAMING = "streaming"  # the first line is heard
    HEARD = "heard"  # the result is read, its tree may still live, and nothing is closed
    TAKEN = "taken"  # the snapshot is made, in the daemon's own repository alone
    DELIVERED = "delivered"  # the branch has moved, and the row does not know it
    JUDGING = "judging"  # evidence is being gathered
    CLOSING = "closing"  # all of it is written and not committed
    DECIDED = "decided"  # the same, with what a PM has decided
    CLOSED = "closed"
    MERGED = "merged"  # the merge commit is made, in the daemon's own repository alone
    RESTORED = "restored"  # after a merge: branch and workspace have moved, and no row knows it
    READ = "read"  # it is read from a run's folder how it ended; no step after that is done yet
    ASIDE = "aside"  # a restore has moved the old store away, and the new one is not in its place
    ORPHANED = "orphaned"  # what an earlier life left is killed, and its runs are not taken over


_HOW = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def reached(step: Step) -> None:
    """Say that a run is at this step."""
    if _armed is not None:
        _armed(step)


def _arm(environ: Mapping[str, str]) -> Callable[[Step], None] | None:
    text = environ.get(VARIABLE)
    if not text:
        return None
    name, *count, how = text.split(":")
    if name not in set(Step):
        raise BadInput(f"{VARIABLE}: {unknown('step', name, Step)}")
    if how not in _HOW:
        raise BadInput(f"{VARIABLE}: {unknown('end', how, _HOW)}")
    left = int(count[0]) if count else 1

    def armed(step: Step) -> None:
        nonlocal left
        if step == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), _HOW[how])

    return armed


_armed = _arm(os.environ)
