"""A whole engine in the test's own process: real store, real git, real agents (the sim)."""

import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import structlog
from anyio.abc import TaskGroup
from tests.measured import measured

from wfd.adapters.assets import policy_file
from wfd.adapters.checks import ShellChecks
from wfd.adapters.place import Place, place
from wfd.adapters.slots import FolderOfSlots
from wfd.adapters.spawn import LocalSpawner
from wfd.adapters.tail import FileTailer
from wfd.adapters.tree import become_subreaper
from wfd.adapters.versions import ToldVersions
from wfd.adapters.workspaces import GitWorkspaces
from wfd.commands.registry import COMMANDS
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.decision import Decision
from wfd.domain.evidence import Evidence
from wfd.domain.ids import AssignmentId
from wfd.domain.job import Job
from wfd.domain.run import Run
from wfd.edge.door import checked
from wfd.engine import heartbeat, housekeep, recover, worker
from wfd.engine.lease import Terms
from wfd.engine.parts import Parts
from wfd.engine.stop import Stopping
from wfd.layers import hash_of
from wfd.rules.route import Usual
from wfd.settings import LiveSettings, Sources
from wfd.store.store import SqliteStore, utc_ms
from wfd_runners import harnesses

DEADLINE_S = 60


class SystemClock:
    def now(self) -> int:
        return utc_ms()


def git(repository: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class Bench:
    """A repository, a store and an engine over them."""

    def __init__(self, tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp = tmp
        self.repository = tmp / "repo"
        self.place: Place = place(tmp / "state")
        self.script: Path | None = None
        self.config: dict[str, object] = {}
        self.free_bytes = 2**40
        self.environ = {
            **measured(),
            "PATH": os.environ["PATH"],
            "HOME": str(tmp / "home"),
            "WFD_SIM_HOME": str(tmp / "sim"),
        }
        monkeypatch.setenv("WFD_CONFIG_DIR", str(tmp / "config"))
        (tmp / "home").mkdir()
        self.flags: dict[str, object] = {
            "harnessDefaults": {"default": "sim"},
            "harnesses": {"sim": {"env": ["COVERAGE_*"]}},
            "pollMs": 200,
            "leaseTtlMs": 3000,
            "graceMs": 1000,
            "drainMs": 0,
        }
        self._make_repository()

    def _make_repository(self) -> None:
        self.repository.mkdir()
        git(self.repository, "init", "-q", "-b", "main")
        git(self.repository, "config", "user.name", "T")
        git(self.repository, "config", "user.email", "t@localhost")
        (self.repository / "README.md").write_text("sample\n")
        git(self.repository, "add", ".")
        git(self.repository, "commit", "-qm", "first")

    def git(self, *words: str) -> str:
        return git(self.repository, *words)

    def plays(self, script: dict[str, object]) -> None:
        """The sim agent's behaviour from now on."""
        self.script = self.tmp / "script.json"
        self.script.write_text(json.dumps(script))
        self.environ["WFD_SIM_SCRIPT"] = str(self.script)

    def policy(self, *, base_ms: int) -> str:
        """The shipped policy with its waits for transient failures cut short."""
        text = policy_file().read_text()
        return text.replace("base_ms: 5_000, factor: 3", f"base_ms: {base_ms}, factor: 1")

    def survivors(self, run_id: int) -> list[int]:
        """Processes that still carry the run's mark."""
        marks = {f"WFD_RUN_ID=R{run_id}".encode(), f"WFD_OWNER={self.place.key}".encode()}
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    environ = set((folder / "environ").read_bytes().split(b"\0"))
                except OSError:
                    continue
                if marks <= environ:
                    found.append(int(folder.name))
        return found

    def configures(self, **keys: object) -> None:
        """The repository's accepted .wfd/config.json."""
        self.config.update(keys)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Opened"]:
        settings = LiveSettings(self.place, Sources(None, self.flags), tuple(sorted(harnesses())))
        store = await SqliteStore.open(self.place.store_path)
        spawner = LocalSpawner(owner=self.place.key, adopts=become_subreaper())
        parts = Parts(
            store=store,
            spawner=spawner,
            tailer=FileTailer(),
            workspaces=GitWorkspaces(self.place.state_dir),
            checks=ShellChecks(spawner),
            slots=FolderOfSlots(self.tmp / "slots"),
            versions=ToldVersions(spawner),
            harnesses=harnesses(),
            settings=settings,
            clock=SystemClock(),
            roll=lambda: 0.5,
            worker="test",
            folder_of=self.place.make_run_folder,
            tag_of=lambda run_id: f"R{run_id}",
            scratch=self.place.state_dir / "scratch",
            log=structlog.get_logger(),
            environ=self.environ,
            free_bytes=lambda: self.free_bytes,
        )
        opened = Opened(self, parts, settings)
        try:
            await opened.register()
            yield opened
        finally:
            with anyio.CancelScope(shield=True):
                await store.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Opened"]:
        """The engine from its start, as `wfd start` would have it; interrupted at the end."""
        async with self.opened() as opened:
            left = await recover.end_orphans(opened.parts)
            async with self.at_work(opened) as group:
                recover.conclude_all(opened.parts, group, left)
                yield opened

    @asynccontextmanager
    async def at_work(self, opened: "Opened") -> AsyncIterator[TaskGroup]:
        """All loops of the engine, over a store that is open already."""
        parts = opened.parts
        async with anyio.create_task_group() as group:
            group.start_soon(heartbeat.beat, parts)
            group.start_soon(housekeep.housekeep, parts)
            group.start_soon(worker.work, parts, group)
            try:
                yield group
            finally:
                with anyio.CancelScope(shield=True):
                    await Stopping().drain(parts)
                group.cancel_scope.cancel()


class Opened:
    def __init__(self, bench: Bench, parts: Parts, settings: LiveSettings) -> None:
        self.bench = bench
        self.parts = parts
        self.settings = settings

    async def register(self) -> None:
        trusted = None
        if self.bench.config:
            text = json.dumps(self.bench.config)
            folder = self.bench.repository / ".wfd"
            folder.mkdir(exist_ok=True)
            (folder / "config.json").write_text(text)
            trusted = hash_of(text)
            kept = self.bench.place.accepted_path(trusted)
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(text)
        await self.send(
            "register",
            name="repo",
            git_dir=str(self.bench.repository / ".git"),
            checkout=str(self.bench.repository),
            trusted_hash=trusted,
        )

    def terms(self, room: int = 1, worker: str = "another", ttl_ms: int = 60_000) -> Terms:
        """On which a worker that is not this engine's takes work."""
        house = self.settings.house_of(None)
        return Terms(room, None, worker, ttl_ms, house, lambda namespace, job_type: Usual("sim"))

    async def send(self, command: str, **values: object) -> dict[str, object]:
        known = COMMANDS[command]
        if "namespace" in known.wants.__dataclass_fields__:
            values = {"namespace": "repo", **values}
        want = checked(known.wants, values)
        answer = await self.parts.store.write(
            lambda tx: known.run(tx, self.settings.house_of, want)
        )
        self.parts.wake()
        return answer

    async def create(self, north_star: str = "Make it so", **values: object) -> AssignmentId:
        answer = await self.send("create", north_star=north_star, **values)
        return AssignmentId(int(str(answer["assignment"])))

    async def until(self, holds: Callable[[Assignment], bool], of: AssignmentId) -> Assignment:
        """Wait until something holds of an assignment; the test fails at the deadline."""
        with anyio.fail_after(DEADLINE_S):
            while True:
                found = await self.assignment(of)
                if holds(found):
                    return found
                await anyio.sleep(0.02)

    async def settled(self, of: AssignmentId) -> Assignment:
        return await self.until(lambda a: a.state is not AssignmentState.ACTIVE, of)

    async def until_running(self, of: AssignmentId) -> Run:
        """Wait until an agent of the assignment has been spawned."""
        with anyio.fail_after(DEADLINE_S):
            while True:
                for run in await self.runs(of):
                    if run.state == "running" and run.pid is not None:
                        return run
                await anyio.sleep(0.02)

    async def assignment(self, of: AssignmentId) -> Assignment:
        found = await self.parts.store.one(Assignment, "assignment_by_id", id=of)
        assert found is not None
        return found

    async def jobs(self, of: AssignmentId) -> list[Job]:
        return await self.parts.store.all(Job, "jobs_of", assignment_id=of)

    async def runs(self, of: AssignmentId) -> list[Run]:
        return await self.parts.store.all(Run, "runs_of", assignment_id=of)

    async def evidence(self, of: AssignmentId) -> list[Evidence]:
        return await self.parts.store.all(Evidence, "evidence_of", assignment_id=of)

    async def decisions(self, of: AssignmentId) -> list[Decision]:
        return await self.parts.store.all(Decision, "decisions_of", assignment_id=of)

    async def chain(self, of: AssignmentId) -> list[str]:
        """The jobs as `type:state` in the order they were made."""
        return [f"{job.type}:{job.state}" for job in await self.jobs(of)]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)
