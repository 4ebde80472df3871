"""A trial of a repository's set-up and checks: once, in a fresh clone of which nothing is kept.

It goes the way of a real run: the same workspaces, environment, containment and time limits. Only
the variables are those of the shell that it is called from, and a daemon may have others.
"""

import fcntl
import os
import signal
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import click

from wfd.adapters import containment, plain_files
from wfd.adapters.checks import ShellChecks
from wfd.adapters.git import of_user
from wfd.adapters.place import Place
from wfd.adapters.repository import Repository
from wfd.adapters.slots import FolderOfSlots
from wfd.adapters.spawn import LocalSpawner
from wfd.adapters.workspaces import GitWorkspaces
from wfd.cli.finding import Finding, Level
from wfd.config import Config, RepositoryConfig
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.errors import Conflict, NotAllowed
from wfd.domain.evidence import NewEvidence
from wfd.domain.ids import AssignmentId, NamespaceId
from wfd.domain.namespace import Namespace
from wfd.edge.live_output import printed
from wfd.edge.words import duration, one_line
from wfd.ports import Workspace
from wfd.rules.cannot_run import cannot_run, why_not
from wfd.rules.environment import of_commands

_NOBODYS = AssignmentId(0)  # the store counts from 1
_NAMESPACE = NamespaceId(1)
CORRECT = "correct .wfd/config.json, run 'wfd trust', then 'wfd doctor --checks'"


@dataclass(frozen=True)
class Tried:
    """One command of set-up or one check, and what came of it."""

    what: str  # "set-up: npm ci", "check test: npm test"
    found: NewEvidence

    @property
    def finding(self) -> Finding:
        took = duration(self.found.duration_ms or 0)
        if self.found.ok:
            return Finding(Level.OK, self.what, f"passed in {took}")
        return Finding(Level.FAIL, self.what, f"{_how(self.found)} after {took}", _way_out(self))


def try_out(
    place: Place,
    repository: Repository,
    checkout: Path,
    config: Config,
    settings: RepositoryConfig,
    *,
    is_shown: bool,
) -> list[Finding]:
    """Run set-up and checks of the commit that the caller stands on; a finding for each.

    `checkout` is where untracked files are copied from. Raises Conflict while another trial runs.
    """
    with _ended_by_signals(), _alone(place) as folder:
        trial = _Trial(place, folder, repository, checkout, config, settings, is_shown)
        return [one.finding for one in anyio.run(trial.run)]


@dataclass(frozen=True)
class _Trial:
    place: Place
    folder: Path
    repository: Repository
    checkout: Path
    config: Config
    settings: RepositoryConfig
    is_shown: bool

    async def run(self) -> list[Tried]:
        contained = await containment.choose(self.config.containment)
        if contained.refusal is not None:
            raise NotAllowed(f"{contained.refusal}; see: wfd doctor")
        checks = ShellChecks(LocalSpawner(owner=uuid.uuid4().hex, containment=contained))
        setup, wanted = self.settings.workspace.setup, self.settings.checks
        async with self._workspace() as here:
            done: list[Tried] = []
            for command in setup:
                limit_ms = self.settings.workspace.timeout_ms
                done.append(await self._try(checks, here, f"set-up: {command}", command, limit_ms))
                if not done[-1].found.ok:
                    return done  # the checks would tell of that alone
            if setup:
                await here.put_back()
            for name, command in wanted.items():
                what, limit_ms = f"check {name}: {command}", self.settings.check_timeout_ms
                done.append(await self._try(checks, here, what, command, limit_ms))
            return done

    async def _try(
        self, checks: ShellChecks, here: "_Clone", what: str, command: str, limit_ms: int
    ) -> Tried:
        slots = FolderOfSlots(self.place.runtime_dir / "slots")
        env = of_commands(os.environ, self.settings.workspace.env)
        async with printed(what, is_shown=self.is_shown) as tell:
            (found,) = await checks.run(
                {"trial": command},
                cwd=here.path,
                env=env | {"WFD_SLOT": str(await slots.of(here.path))},
                out_dir=self.folder / "output",
                tag="trial",
                timeout_ms=limit_ms,
                tell=tell,
            )
        return Tried(what, found)

    @asynccontextmanager
    async def _workspace(self) -> AsyncIterator["_Clone"]:
        """A fresh clone, and no ref of it left in the user's repository."""
        namespace = Namespace(
            _NAMESPACE, self.repository.name, str(self.repository.git_dir), str(self.checkout), None
        )
        assignment = _at(self.repository.head_commit)
        workspaces = GitWorkspaces(self.folder)
        try:
            made = await workspaces.prepare(namespace, assignment)
            await workspaces.copy(namespace, assignment, self.settings.workspace.copy_files)
            yield _Clone(workspaces, namespace, assignment, made)
        finally:
            with anyio.CancelScope(shield=True):
                await _drop_refs(self.repository.git_dir, assignment.branch)


@dataclass(frozen=True)
class _Clone:
    """The workspace of a trial."""

    workspaces: GitWorkspaces
    namespace: Namespace
    assignment: Assignment
    made: Workspace

    @property
    def path(self) -> Path:
        return self.made.path

    async def put_back(self) -> None:
        """As after every set-up: what it has installed stays, what is tracked is as it was."""
        head = self.made.head_commit
        await self.workspaces.ignore_new(self.namespace, self.assignment, head)
        await self.workspaces.restore(self.namespace, self.assignment, head)


def print_tried(found: Iterable[Finding], commit: str) -> None:
    """What each took and came to, and the way out."""
    click.echo(f"Tried in a fresh clone of {commit[:12]}, of which nothing is kept:")
    for one in found:
        mark = "✓" if one.level is Level.OK else "✗"
        click.echo(f"  {mark} {one_line(one.what, 100)}: {one_line(one.detail)}")
        if one.way_out:
            click.echo(f"      {one.way_out}")


def _how(found: NewEvidence) -> str:
    if cannot_run(found.exit_code, found.tail):
        return why_not("it", found.exit_code, found.tail)
    return "it was ended" if found.exit_code is None else f"it failed (exit {found.exit_code})"


def _way_out(tried: Tried) -> str:
    last = tried.found.tail.strip().rpartition("\n")[2]
    said = f"it said last: {one_line(last, 200)}; " if last else ""
    if cannot_run(tried.found.exit_code, tried.found.tail):
        return f"{said}install what is missing, or {CORRECT}"
    if tried.found.exit_code is None:
        return f"{said}raise its time limit, or {CORRECT}"
    return f"{said}fix it in the repository, or {CORRECT}"


def _at(commit: str) -> Assignment:
    """An assignment that no store knows, at a commit."""
    return Assignment(
        id=_NOBODYS, namespace_id=_NAMESPACE, north_star="", state=AssignmentState.ACTIVE,
        reason=None, base_commit=commit, base_tree=None, head_commit=None, head_tree=None,
        is_set_up=False, jobs=0, cost_usd=None, unmeasured=0, wall_ms=0, created_at=0,
        closed_at=None, tokens=None, pm_cost_usd=None, pm_tokens=None, pm_wall_ms=0,
        allowance="{}", resumes_at=None,
    )  # fmt: skip


async def _drop_refs(git_dir: Path, branch: str) -> None:
    git = of_user(git_dir)
    said = await git.run("for-each-ref", "--format=%(refname)", f"refs/{branch}")
    refs = os.fsdecode(said.out).split()
    await git.feed((f"delete {ref}".encode() for ref in refs), "update-ref", "--stdin", end=b"\n")


@contextmanager
def _alone(place: Place) -> Iterator[Path]:
    """An empty folder in the state folder, on the disk where workspaces lie; gone afterwards."""
    folder = place.state_dir / "trial"
    opened = os.open(place.state_dir / "trial.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "another trial of set-up and checks is running; wait until it ends"
            ) from None
        plain_files.remove_tree(folder)  # what a trial that was killed has left
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            plain_files.remove_tree(folder)
    finally:
        os.close(opened)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Have a TERM or a hang-up end it as Ctrl-C does, with all that it has started."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
