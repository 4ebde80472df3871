"""A real store with a clock that a test moves, and commands carried out on it one by one."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from wfd.adapters.assets import policy_file
from wfd.commands.house import House
from wfd.commands.registry import COMMANDS
from wfd.config import Config, RepositoryConfig
from wfd.domain.assignment import Assignment
from wfd.domain.decision import Decision
from wfd.domain.ids import AssignmentId, JobId, RunId
from wfd.domain.job import Job
from wfd.domain.namespace import Namespace
from wfd.domain.run import Run
from wfd.edge.door import checked
from wfd.engine.lease import Taken, Terms, take_work
from wfd.engine.parts import Looked, Settings
from wfd.ports import Tx
from wfd.rules.policy import NO_DAILY, Caps, DailyCaps, Gates, Policy, parse
from wfd.rules.route import Usual
from wfd.store.sqlite import Connected, open_writer

T = TypeVar("T")

START = 1_795_176_000_000
TTL_MS = 60_000
TYPES = ("chat", "document", "implement", "plan", "pm", "review", "uat")
HARNESSES = ("claude", "codex", "gemini", "sim")


@cache
def _shipped_policy() -> Policy:
    return parse(policy_file().read_text(encoding="utf-8"), "default.yaml")


class Ground:
    """Two namespaces, `a` and `b`, in a store of their own."""

    def __init__(
        self, folder: Path, *, gates: Gates | None = None, caps: Caps | None = None,
        checks: tuple[str, ...] = (), daily: DailyCaps = NO_DAILY,
    ) -> None:  # fmt: skip
        self.now = START
        self.open(folder / "wfd.db")
        policy = _shipped_policy()
        policy = replace(policy, gates=gates or policy.gates, caps=caps or policy.caps)
        house = House(policy.gates, policy.caps, checks, TYPES, HARNESSES, daily)
        self.settings = Settings(
            Config(), RepositoryConfig(harness_defaults={"default": "sim"}), policy, house, {}
        )
        for name in ("a", "b"):
            self.send(
                "register", name=name, git_dir=f"/{name}/.git", checkout=f"/{name}",
                trusted_hash=None,
            )  # fmt: skip

    def open(self, path: Path) -> None:
        """Also after a restart: nothing that was in memory is left."""
        self.looked: Looked | None = None
        self.connection = open_writer(path)
        self.connection.execute("pragma synchronous = off")  # no test here pulls the plug
        self._tx = Connected(self.connection, lambda: self.now)

    def close(self) -> None:
        self.connection.close()

    def allows(self, daily: DailyCaps) -> None:
        """The daily caps of every namespace from now on."""
        house = replace(self.settings.house, daily=daily)
        self.settings = replace(self.settings, house=house)

    def do(self, work: Callable[[Tx], T]) -> T:
        """One transaction."""
        self.connection.execute("begin immediate")
        self._tx.tick()
        try:
            result = work(self._tx)
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")
        return result

    def send(self, command: str, **values: object) -> dict[str, object]:
        """A command as the socket takes it; in namespace `a` unless told otherwise."""
        known = COMMANDS[command]
        if "namespace" in known.wants.__dataclass_fields__:
            values = {"namespace": "a", **values}
        want = checked(known.wants, values)
        return self.do(lambda tx: known.run(tx, lambda namespace: self.settings.house, want))

    def create(self, north_star: str = "Discounts work", **values: object) -> AssignmentId:
        answer = self.send("create", north_star=north_star, **values)
        return AssignmentId(int(str(answer["assignment"])))

    def insert(self, into: int, job_type: str = "implement", **values: object) -> JobId:
        answer = self.send(
            "insert_job", assignment=into, type=job_type, **{"context": "do it", **values}
        )
        return JobId(int(str(answer["job"])))

    def take(self, worker: str = "w", room: int = 1, per_namespace: int | None = None) -> Taken:
        terms = Terms(
            room=room,
            per_namespace=per_namespace,
            worker=worker,
            ttl_ms=TTL_MS,
            house=self.settings.house,
            usual_of=lambda namespace, job_type: Usual("sim"),
            looked=self.looked,
            daily_of=lambda namespace: self.settings.house.daily,
        )
        taken = self.do(lambda tx: take_work(tx, terms))
        self.looked = taken.looked
        return taken

    def assignment(self, of: int) -> Assignment:
        found = self.do(lambda tx: tx.one(Assignment, "assignment_by_id", id=of))
        assert found is not None
        return found

    def job(self, of: int) -> Job:
        found = self.do(lambda tx: tx.one(Job, "job_by_id", id=of))
        assert found is not None
        return found

    def run(self, of: int) -> Run:
        found = self.do(lambda tx: tx.one(Run, "run_by_id", id=RunId(of)))
        assert found is not None
        return found

    def jobs(self, of: int) -> list[Job]:
        return self.do(lambda tx: tx.all(Job, "jobs_of", assignment_id=of))

    def decisions(self, of: int) -> list[Decision]:
        return self.do(lambda tx: tx.all(Decision, "decisions_of", assignment_id=of))

    def namespaces(self) -> list[Namespace]:
        return self.do(lambda tx: tx.all(Namespace, "namespaces"))
