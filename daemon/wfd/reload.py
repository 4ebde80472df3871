"""Reading the daemon's configuration again: when its files change, on SIGHUP, and when asked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
from structlog.typing import FilteringBoundLogger

from wfd.domain.errors import WfdError
from wfd.settings import LiveSettings
from wfd.store.alone import utc_ms


@dataclass(frozen=True)
class Refused:
    """The configuration on disk, which does not count."""

    error: str
    since: int  # UTC milliseconds


class Reloading:
    """`before` is called before each reading, and `after` when it is over, good or bad."""

    def __init__(
        self,
        settings: LiveSettings,
        log: FilteringBoundLogger,
        before: Callable[[], None],
        after: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._log = log
        self._before = before
        self._after = after
        self.refused: Refused | None = None

    def now(self) -> list[str]:
        """The keys that have changed. Raises what a bad file raises; the last good one stays."""
        self._before()
        try:
            changed = self._settings.reload()
        except (WfdError, OSError) as error:
            since = self.refused.since if self.refused else utc_ms()
            self.refused = Refused(str(error), since)
            self._log.error("config.refused", error=str(error), kept="the last good configuration")
            raise
        else:
            self.refused = None
            self._log.info("config.reloaded", changed=changed)
            return changed
        finally:
            self._after()

    def loudly(self) -> None:
        """The same where nobody waits for the answer but the log."""
        try:
            self.now()
        except (WfdError, OSError):
            return

    async def watch_files(self) -> None:
        """Reload when the daemon's own configuration changes on disk."""
        stopped = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_set_at_the_end, stopped, name="end of watching")
            try:
                while not stopped.is_set():
                    await self._watch_folders(stopped)
            # no watches left, say, or none work here: SIGHUP and `wfd reload` do the same
            except (OSError, RuntimeError) as error:
                self._log.warning("config.not_watched", error=str(error))
            group.cancel_scope.cancel()

    async def _watch_folders(self, stopped: anyio.Event) -> None:
        """Until other folders have to be watched."""
        from watchfiles import awatch

        names = {str(file) for file in self._settings.files}
        folders = _folders_to_watch(self._settings)
        async for changes in awatch(
            *folders,
            step=1000,
            debounce=1000,
            rust_timeout=60_000,  # short ones would wake an idle daemon for nothing
            recursive=False,
            stop_event=stopped,
        ):
            has_moved = _folders_to_watch(self._settings) != folders
            if has_moved or any(path in names for _, path in changes):
                self.loudly()
            if has_moved:
                return


async def _set_at_the_end(stopped: anyio.Event) -> None:
    """The watching thread cannot be cancelled, and looks at this event instead."""
    try:
        await anyio.sleep_forever()
    finally:
        stopped.set()


def _folders_to_watch(settings: LiveSettings) -> set[Path]:
    """Those of the files, or what is there of the way to them: a folder may be made later."""
    ways = ([file.parent, *file.parent.parents] for file in settings.files)
    return {next(folder for folder in way if folder.is_dir()) for way in ways}
