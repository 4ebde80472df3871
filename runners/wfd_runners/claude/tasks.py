"""What Claude Code runs in the background of a turn: commands and agents of its own."""

from collections.abc import Mapping, Sequence

from wfd_runners.fields import mapping, text

ENDED_WELL = frozenset({"completed", "failed"})
ENDED_EARLY = frozenset({"stopped", "killed", "cancelled", "canceled"})


class Tasks:
    """Those that go on, and those that the CLI has ended with itself."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}  # names by ids
        self._stopped: dict[str, str] = {}  # since the agent's last words

    @property
    def are_open(self) -> bool:
        return bool(self._open)

    @property
    def unfinished(self) -> Sequence[str]:
        """The names of those that nobody has waited for."""
        return [*self._stopped.values(), *self._open.values()]

    def hear(self, event: Mapping[str, object], *, is_new: bool) -> None:
        task = text(event, "task_id")
        if task is None:
            return
        name = text(event, "description") or self._open.get(task) or task
        if is_new:
            self._open[task] = name
        status = text(event, "status") or text(mapping(event, "patch"), "status")
        if status in ENDED_WELL:
            self._open.pop(task, None)
            self._stopped.pop(task, None)
        elif status in ENDED_EARLY:
            self._open.pop(task, None)
            self._stopped.setdefault(task, name)

    def agent_goes_on(self) -> None:
        """It has heard of those that were stopped, or stopped them itself."""
        self._stopped.clear()
