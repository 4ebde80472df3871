"""The end of an earlier run, tried again: its agent is done, and a step after it had failed.

No agent runs. How the earlier run ended is read from its folder once more, and each step finds
what the earlier try has done.
"""

from dataclasses import replace
from functools import partial

import anyio.to_thread

from wfd.domain.errors import DamagedStore, LeaseLost
from wfd.domain.outcome import Conclusion, Kind, Outcome, Usage
from wfd.engine.finish import finish, not_finished
from wfd.engine.over import Closing
from wfd.engine.parts import Ended, LiveRun, Parts
from wfd.engine.room import SHORT_DEADLINE_S, once_it_passes
from wfd.engine.step_failed import during
from wfd.engine.steps import Step, reached
from wfd.engine.transcript_end import lost, read_end
from wfd.engine.workplace import empty_folder


async def redo(parts: Parts, live: LiveRun) -> Closing:
    """The end that the earlier run should have had. What it used up was counted with it."""
    lease = live.lease
    try:
        ended = await once_it_passes(
            parts, lease.run, partial(_read, parts, live), SHORT_DEADLINE_S
        )
    except (LeaseLost, DamagedStore):
        raise
    except Exception as error:
        return not_finished(parts, lease, lost(lease, Conclusion(Outcome(Kind.LOST))), error)
    return await finish(parts, lease, ended)


async def _read(parts: Parts, live: LiveRun) -> Ended:
    with during("reading its transcript"):
        await empty_folder(parts, live.lease.run)
        # in a thread: a long transcript must not keep the leases of others from being renewed
        ended = await anyio.to_thread.run_sync(read_end, parts, live.lease)
    told = replace(ended.conclusion, usage=Usage(), cost_usd=None, turns=None)
    reached(Step.READ)
    live.over = replace(ended, conclusion=told)
    return live.over
