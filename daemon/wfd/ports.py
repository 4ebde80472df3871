"""What the engine needs from outside. Rooms meet only here and in rows."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from wfd.domain.assignment import Assignment
from wfd.domain.errors import DamagedStore
from wfd.domain.evidence import NewEvidence
from wfd.domain.ids import AssignmentId, JobId, NamespaceId, RunId
from wfd.domain.kept import Kept
from wfd.domain.namespace import Namespace
from wfd.domain.notice import NotDelivered, Notice, Rule
from wfd.domain.outcome import Conclusion, EndedBy
from wfd.domain.signal import Signal
from wfd.domain.template import Writes

T = TypeVar("T")


class Clock(Protocol):
    def now(self) -> int:
        """UTC milliseconds."""
        ...


# --- store -------------------------------------------------------------------


class Read(Protocol):
    """Named statements of store/sql/<dialect>, each row as an object of `into`.

    `into` is a frozen dataclass whose fields are named as the columns, or a scalar type
    (int, str, float) for a statement with one column.
    """

    def one(self, into: type[T], statement: str, **values: object) -> T | None: ...

    def all(self, into: type[T], statement: str, **values: object) -> list[T]: ...


class Tx(Read, Protocol):
    """One transaction. All of it commits, or nothing of it."""

    @property
    def now(self) -> int:
        """UTC milliseconds; the same for all that one transaction writes."""
        ...

    def run(self, statement: str, **values: object) -> int:
        """Execute, and return how many rows it touched."""
        ...

    def insert(self, statement: str, **values: object) -> int:
        """Execute an insert, and return the new row's id."""
        ...


@dataclass(frozen=True)
class Trouble:
    """What keeps a store from being used."""

    reason: str  # with the way out
    since: int


class Store(Protocol):
    """One writer with group commit, and short reads beside it."""

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction and return its result after the commit.

        `work` is a pure function of the transaction: it may run again if the batch around it
        failed. What it raises rolls back its own writes alone. Shielded from cancellation.
        """
        ...

    async def one(self, into: type[T], statement: str, **values: object) -> T | None: ...

    async def all(self, into: type[T], statement: str, **values: object) -> list[T]: ...

    @property
    def log_bytes(self) -> int:
        """The size of what is written beside the store, and kept while an old snapshot is read."""
        ...

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing new should be begun; None while it is well."""
        ...

    @property
    def damage(self) -> DamagedStore | None:
        """What has turned out to be damaged; it does not heal."""
        ...

    async def until_damaged(self) -> None: ...


# --- harness -----------------------------------------------------------------


@dataclass(frozen=True)
class Ask:
    """What a run asks of an agent. The prompt itself goes through stdin."""

    workspace: Path
    run_dir: Path  # the run's own folder, outside the workspace, for files a CLI must be given
    session_id: str  # a fresh UUID, for the CLIs that let the caller choose
    resume: str | None = None  # the session to go on with instead
    binary: str | None = None  # a path or name instead of the harness's own
    model: str | None = None
    writes: Writes = Writes.MAY
    is_pm: bool = False  # no tools that write
    schema: Mapping[str, Any] | None = None  # JSON Schema of the answer
    instructions: str | None = None  # the repository's own CLAUDE.md or AGENTS.md
    budget_usd: float | None = None
    max_turns: int | None = None
    environ: Mapping[str, str] | None = None  # variables to look for a login in; None: our own


@dataclass(frozen=True)
class Launch:
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  # set for this run
    pass_env: tuple[str, ...] = ()  # names or NAME_* patterns let through from the daemon's own
    unset_env: tuple[str, ...] = ()  # names or patterns never let through
    files: Mapping[Path, str] = field(default_factory=dict)  # written before the spawn


@dataclass(frozen=True)
class End:
    """How a process ended, for `conclude`."""

    exit_code: int | None  # negative: that signal; None: unknown, as after a restart
    ended_by: EndedBy
    stderr: str  # its tail
    now: int  # UTC milliseconds, to read clock times such as "resets 1:06pm" against


class Codec(Protocol):
    """One run's stream. Holds what it has seen, does no IO."""

    def read(self, line: bytes) -> Sequence[Signal]:
        """The meaning of one line, without its newline. Never raises on bad input."""
        ...

    @property
    def is_finished(self) -> bool:
        """A terminal event was seen: the process should end soon by itself."""
        ...

    @property
    def tokens(self) -> int | None:
        """What it has used so far at least, in and out; None as long as its CLI has told nothing.

        Asked after every few lines. What `conclude` tells is never less.
        """
        ...

    def conclude(self, end: End) -> Conclusion: ...


class Harness(Protocol):
    """How one kind of agent CLI is launched and understood. Never spawns."""

    name: str
    binary: str  # its usual name on PATH; "" for the built-in one
    tried: tuple[str, ...]  # its versions that wfd was tried with, oldest first; () if built in
    resumes: bool
    reports_cost: bool
    usage_spans_session: bool  # its tokens are those of the whole session, earlier runs included
    max_prompt_bytes: int
    graceful_signal: int
    log_in_by: str  # how a person does that, in words

    def tame(self, prompt: str, workspace: Path) -> str:
        """The prompt with nothing in it that this CLI would carry out before its model reads it.

        Prompts quote what agents wrote, and a quoted word must not bring in a file.
        """
        ...

    def launch(self, ask: Ask) -> Launch: ...

    def codec(self) -> Codec: ...

    def read_stderr(self, line: str) -> Signal | None:
        """What a line of stderr means while the run goes on (a CLI that retries, say)."""
        ...

    def login(self, environ: Mapping[str, str]) -> str | None:
        """Which login a run would use, as far as variables and files tell; None if none is there.

        For a person: "the key in ANTHROPIC_API_KEY". It asks nobody and runs nothing, so a
        login that has expired still counts.
        """
        ...


# --- processes ---------------------------------------------------------------


@dataclass(frozen=True)
class Birth:
    """What finds a process again after a restart, and never another one."""

    pid: int
    pid_start: int | None  # clock ticks since boot; None where the system does not tell
    boot_id: str | None


class Process(Protocol):
    birth: Birth

    async def wait(self) -> int:
        """Its exit code; negative for a signal."""
        ...

    async def signal(self, number: int) -> None:
        """To the agent itself, not to its group; nothing if it is gone."""
        ...


@dataclass(frozen=True)
class Command:
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    tag: str  # value of WFD_RUN_ID, carried by the whole tree
    stdout: Path
    stderr: Path | None = None  # None: into stdout
    stdin: Path | None = None  # None: /dev/null


class Spawner(Protocol):
    @property
    def containment(self) -> str:
        """What keeps the processes of a run together, as one word."""
        ...

    @property
    def refusal(self) -> str | None:
        """Why nothing is started here, if nothing is."""
        ...

    async def spawn(self, command: Command) -> Process:
        """Start it in a session of its own. Raises FileNotFoundError for an unknown binary."""
        ...

    async def end_tree(self, tag: str, birth: Birth | None = None) -> int:
        """Kill all that carries the tag or descends from it, prove it gone, return how many.

        Raises Broken when something survives a bounded number of kills.
        """
        ...

    async def end_trees(self, births: Mapping[str, Birth | None]) -> int:
        """The same for many tags at once, as after a restart."""
        ...

    async def observe(self) -> None:
        """Remember who belongs to which run, for when it hides. On every heartbeat."""
        ...

    async def reap_adopted(self) -> int:
        """Take the exits of orphans that ended by themselves. On every heartbeat."""
        ...


class Versions(Protocol):
    async def of(self, binary: str) -> str | None:
        """What a program says of its version; None if it is not there or says none."""
        ...


class Tailer(Protocol):
    def poke(self) -> None:
        """Look at all files now, as when a process is known to have ended."""
        ...

    def follow(self, path: Path, *, is_done: Callable[[], bool]) -> AsyncIterator[list[bytes]]:
        """Batches of whole lines as they are written, until `is_done()` and the file is read.

        A batch is empty when the file has grown and no line has ended in it.
        """
        ...


# --- workspaces --------------------------------------------------------------


@dataclass(frozen=True)
class Workspace:
    path: Path
    base_commit: str
    base_tree: str
    head_commit: str  # the branch as the daemon knows it
    head_tree: str
    is_new: bool  # made by this call: set-up and baseline are due


@dataclass(frozen=True)
class OnDisk:
    """Where a workspace lies, or what a half-made or half-removed one has left."""

    namespace_id: NamespaceId
    assignment_id: AssignmentId
    lane: str  # "main" for the assignment's own
    path: Path


@dataclass(frozen=True)
class LeftOut:
    """Things of one kind that lie in a workspace, and that no commit holds."""

    kind: str  # in a word or two: "large files", "nested repositories", "stashes"
    text: str  # a line for each, the largest first; how many are not named stands last


@dataclass(frozen=True)
class Snapshot:
    commit: str
    tree: str
    parent_commit: str  # the branch before the run
    parent_tree: str
    left_out: tuple[LeftOut, ...] = ()

    @property
    def is_empty(self) -> bool:
        return self.tree == self.parent_tree


@dataclass(frozen=True)
class Conflicting:
    """Two branches that cannot be merged without a person or an agent."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class Diff:
    patch: Path
    files: int
    insertions: int
    deletions: int
    stat: str  # as git's --stat prints it


class Workspaces(Protocol):
    """An assignment as one of its lanes sees it has the workspace and the branch of that lane."""

    def path(self, namespace: Namespace, assignment: Assignment) -> Path:
        """Where the assignment's workspace lies, or would lie."""
        ...

    async def prepare(self, namespace: Namespace, assignment: Assignment) -> Workspace:
        """The assignment's workspace, made from the base if it is not there."""
        ...

    async def base(self, namespace: Namespace, assignment: Assignment) -> tuple[str, str]:
        """Where the assignment's branch begins, commit and tree, pinned from now on."""
        ...

    async def merge(
        self,
        namespace: Namespace,
        assignment: Assignment,
        lane: Assignment,
        job_id: JobId,
        run_id: RunId,
    ) -> Snapshot | Conflicting:
        """A commit of the assignment's head and the lane's; the same again for the same job.

        The branch and the workspace stay where they are.
        """
        ...

    async def snapshot(
        self, namespace: Namespace, assignment: Assignment, job_id: JobId, run_id: RunId, title: str
    ) -> Snapshot:
        """Commit what the workspace holds, in the daemon's own repository."""
        ...

    async def restore(self, namespace: Namespace, assignment: Assignment, commit: str) -> None:
        """Put tracked files back to `commit` and remove new ones that are not ignored."""
        ...

    async def deliver(
        self,
        namespace: Namespace,
        assignment: Assignment,
        run_id: RunId,
        commit: str,
        *,
        moves_branch: bool,
    ) -> None:
        """Bring it to the user's repository as refs/wfd/A7/R101, and the branch wfd/A7 to it."""
        ...

    async def text_at(
        self, namespace: Namespace, commit: str, names: Sequence[str], max_bytes: int
    ) -> str | None:
        """The first of these files at the top of `commit`, if it is plain; links are none."""
        ...

    async def diff(self, namespace: Namespace, old: str, new: str, patch: Path) -> Diff: ...

    async def changed(self, namespace: Namespace, old: str, new: str) -> list[str]:
        """The paths in which two commits differ; of what was moved, both."""
        ...

    async def copy(
        self, namespace: Namespace, assignment: Assignment, globs: Sequence[str]
    ) -> list[str]:
        """Copy untracked files of the user's checkout into the workspace, and name them."""
        ...

    async def ignore_new(
        self, namespace: Namespace, assignment: Assignment, commit: str
    ) -> list[str]:
        """Ignore from now on what is new beside `commit`, such as what set-up has installed."""
        ...

    async def mark_set_up(self, namespace: Namespace, assignment: Assignment) -> None:
        """What git ignores in the workspace from now on is no part of its set-up."""
        ...

    async def remove(self, namespace: Namespace, assignment: Assignment) -> Kept:
        """Remove the workspace, and keep what it alone holds: by refs, and in the trash."""
        ...

    async def sweep_trash(self, max_age_ms: int, max_bytes: int) -> list[Kept]:
        """Delete what lies in the trash for too long, then the oldest until the rest fits."""
        ...

    async def on_disk(self) -> list[OnDisk]:
        """All workspaces that lie there, whether or not anybody knows of them."""
        ...

    async def delivered(self, namespace: Namespace, assignment: Assignment) -> str | None:
        """Where the branch was delivered last, whatever its row says; None if it never was."""
        ...

    async def retire(self, namespace: Namespace, assignment: Assignment) -> None:
        """Drop the branch of a lane that was merged, if it is where the daemon left it."""
        ...


class Checks(Protocol):
    async def run(
        self,
        commands: Mapping[str, str],
        *,
        cwd: Path,
        out_dir: Path,
        tag: str,
        timeout_ms: int,
        stop_at_failure: bool = False,
    ) -> list[NewEvidence]:
        """Run each shell command by name, one after the other; kind is CHECK.

        The environment is clean, holds no model credential, and carries the tag; what a
        command leaves running is ended. Output is kept whole in `out_dir/<name>.log`.
        """
        ...


# --- notices -----------------------------------------------------------------


class Notifier(Protocol):
    async def send(self, rule: Rule, notice: Notice) -> NotDelivered | None:
        """Tell it once; None when it has arrived. Bounded in time, and raises nothing of its own.

        The same notice of the same rule carries the same key, so that whoever gets it twice can
        tell.
        """
        ...

    def problem(self, rule: Rule) -> str | None:
        """What keeps the rule from telling anything, such as a secret that is not there."""
        ...
