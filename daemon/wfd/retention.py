"""Forget, now and then, what configuration does not want kept for longer."""

from functools import partial

import anyio
import anyio.to_thread

from wfd.adapters.place import Place
from wfd.config import RetentionConfig
from wfd.domain.errors import WfdError
from wfd.engine.parts import Parts
from wfd.prune import Wanted, prune
from wfd.settings import LiveSettings
from wfd.store.store import utc_ms

DAY_MS = 86_400_000
EVERY_S = 3600.0


async def retain(place: Place, parts: Parts, settings: LiveSettings) -> None:
    while True:
        wanted = _outlived(settings.config.retention, utc_ms())
        if wanted is not None and parts.store.trouble is None:
            # in a thread of its own, as a person who calls wfctl prune: it may take long
            work = partial(prune, place, wanted, is_trial=False, tell=lambda what: None)
            try:
                done = await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
                if done.folders or done.rows:
                    parts.log.info("store.pruned", **vars(done))
            except (WfdError, OSError) as error:
                parts.log.warning("store.not_pruned", error=str(error))
        await anyio.sleep(EVERY_S)


def _outlived(keeps: RetentionConfig, now: int) -> Wanted | None:
    """What may go by now: no transcript outlives the rows that tell of it."""
    days = [n for n in (keeps.transcripts_days, keeps.rows_days) if n is not None]
    if not days:
        return None
    rows = None if keeps.rows_days is None else now - keeps.rows_days * DAY_MS
    return Wanted(now - min(days) * DAY_MS, rows)
