"""What the engine works with: its ports, and what it keeps in memory of its live runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import anyio
from structlog.typing import FilteringBoundLogger

from wfd.commands.house import House
from wfd.config import Config, RepositoryConfig
from wfd.domain.ai import Ai
from wfd.domain.assignment import Assignment
from wfd.domain.errors import Broken
from wfd.domain.ids import AssignmentId, RunId
from wfd.domain.job import Job
from wfd.domain.namespace import Namespace
from wfd.domain.outcome import Conclusion, EndedBy
from wfd.domain.run import Run
from wfd.domain.run_folder import RunFolder
from wfd.domain.template import Template
from wfd.engine.pulse import Pulse
from wfd.ports import (
    Birth,
    Checks,
    Clock,
    Harness,
    Slots,
    Spawner,
    Store,
    Tailer,
    Versions,
    Workspaces,
)
from wfd.rules.policy import Policy


@dataclass(frozen=True)
class Settings:
    """All that configuration says about one namespace at this moment."""

    config: Config
    repository: RepositoryConfig
    policy: Policy  # its gates and caps are those of the namespace
    house: House
    templates: Mapping[str, Template | Broken]  # a broken one is its own error
    is_accepted: bool = True  # False: defaults, as what a person accepted is not known


class SettingsSource(Protocol):
    config: Config

    def of(self, namespace: Namespace) -> Settings:
        """Raises BadConfig, or NotAllowed for a file that nobody has accepted."""
        ...

    def last_good(self, namespace: Namespace) -> Settings:
        """What a person accepted last, whatever the file holds now. To finish what has begun.

        Where that is not known it is the defaults, and says so by `is_accepted`.
        """
        ...

    def house_of(self, namespace: Namespace | None) -> House:
        """That of the machine itself for None."""
        ...


@dataclass(frozen=True)
class Lease:
    """A job that is ours for now, and the run that proves it."""

    namespace: Namespace
    assignment: Assignment
    job: Job
    run: Run
    ai: Ai
    why_not: str | None = None  # no AI fits; `ai` is then only a name
    finishes: Run | None = None  # the earlier run whose agent is done, and whose end it redoes

    @property
    def worked(self) -> Run:
        """The run that an agent has worked in, or somebody by hand."""
        return self.finishes or self.run


@dataclass(frozen=True)
class Looked:
    """When the jobs that wait for an AI were last sent anew, and which AIs there were."""

    at: int
    ais: tuple[Ai, ...]


def birth_of(run: Run) -> Birth | None:
    return None if run.pid is None else Birth(run.pid, run.pid_start, run.boot_id)


@dataclass(frozen=True)
class Ended:
    """An agent that is over, as its codec concluded it."""

    conclusion: Conclusion
    ended_by: EndedBy
    exit_code: int | None
    birth: Birth | None  # None: it never began, or nobody knows
    blames_ai: bool = False  # the AI itself ended so, and not what is around it
    has_begun: bool = True  # it may have changed something


@dataclass
class LiveRun:
    """A run as this daemon holds it in memory."""

    lease: Lease
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ending: anyio.Event = field(default_factory=anyio.Event)
    ended_by: EndedBy = EndedBy.NONE
    is_lost: bool = False
    has_agent: bool = False  # while true, `ending` is heeded and the agent may end gracefully
    has_result: bool = False  # the agent has given its result: only evidence is missing
    birth: Birth | None = None
    over: Ended | None = None  # its agent, once it is

    def end(self, by: EndedBy) -> None:
        """End the run; the first who asks is named."""
        if self.ended_by is not EndedBy.NONE or self.is_lost:
            return
        self.ended_by = by
        self.ending.set()
        if not self.has_agent:
            self.scope.cancel()

    def lose(self) -> None:
        """Its lease is gone: end the tree, write nothing."""
        self.is_lost = True
        self.ending.set()
        self.scope.cancel()


@dataclass
class Parts:
    store: Store
    spawner: Spawner
    tailer: Tailer
    workspaces: Workspaces
    checks: Checks
    slots: Slots
    versions: Versions
    harnesses: Mapping[str, Harness]
    settings: SettingsSource
    clock: Clock
    roll: Callable[[], float]
    worker: str  # the name of this life of the daemon
    folder_of: Callable[[RunId], RunFolder]
    tag_of: Callable[[RunId], str]
    scratch: Path  # a folder for what belongs to no run
    log: FilteringBoundLogger
    environ: Mapping[str, str]
    free_bytes: Callable[[], int]  # on the disk of the state folder
    live: dict[RunId, LiveRun] = field(default_factory=dict)
    concluding: set[RunId] = field(default_factory=set)  # by hand, and no longer in their hands
    looked: Looked | None = None  # at the jobs that wait for an AI
    removing: dict[AssignmentId, anyio.Event] = field(default_factory=dict)  # set when it is gone
    is_stopping: bool = False
    pulse: Pulse = field(default_factory=Pulse)
    _wake: anyio.Event = field(default_factory=anyio.Event)

    @property
    def agents(self) -> int:
        """How many of the live runs are those of agents, and not by hand."""
        return sum(1 for live in self.live.values() if live.lease.run.by_hand is None)

    def wake(self) -> None:
        """Something changed: let the worker look."""
        self._wake.set()

    async def wait(self, timeout_ms: int) -> None:
        """Until something changed, at most so long."""
        with anyio.move_on_after(timeout_ms / 1000):
            await self._wake.wait()
        self._wake = anyio.Event()
