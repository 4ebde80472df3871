"""A run: one attempt at a job. Its id is the fencing token."""

from dataclasses import dataclass
from enum import StrEnum

from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.outcome import EndedBy, Kind


class RunState(StrEnum):
    RUNNING = "running"
    CLOSED = "closed"


@dataclass(frozen=True)
class Run:
    id: RunId
    job_id: JobId
    assignment_id: AssignmentId
    namespace_id: NamespaceId
    state: RunState
    worker: str  # boot of the daemon that holds it
    harness: str
    ai: str
    lease_until: int
    cancel_reason: str | None  # set when a person or a cap wants it ended
    started_at: int
    spawned_at: int | None
    ended_at: int | None
    pid: int | None
    pid_start: int | None  # start time of pid in clock ticks since boot
    boot_id: str | None
    session_id: str | None
    resumed: str | None  # the session that it went on with
    prompt_hash: str | None
    cli_version: str | None
    model: str | None
    outcome: Kind | None
    message: str | None
    reset_at: int | None
    ended_by: EndedBy | None
    exit_code: int | None  # negative: killed by that signal
    cost_usd: float | None
    tokens_in: int | None
    tokens_cached: int | None
    tokens_out: int | None
    turns: int | None
    tools: int
    answer: str | None
    structured: str | None  # JSON
    parent_commit: str | None  # the branch before this run
    parent_tree: str | None
    snapshot_commit: str | None
    snapshot_tree: str | None
    activity: str | None  # "tries again (2) after 4s: …" of its CLI, or a command of the daemon's
    retries: int  # how often its CLI has tried again by itself
    account: str | None  # the login whose limits it shared
    route: str | None  # JSON: why it went to this AI, and who was passed over
    containment: str | None  # what kept its processes together
    by_hand: str | None  # who works on it, where that is not an agent of the daemon's own
    is_probe: bool  # it shows whether an AI or an account works again
    activity_since: int | None = None  # when that command began; None for a word of the CLI

    @property
    def is_redone_end(self) -> bool:
        """It had no agent: it has redone the end of the run before it, whose session it names."""
        return self.spawned_at is None and self.outcome is not None and self.session_id is not None
