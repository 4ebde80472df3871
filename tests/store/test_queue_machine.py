"""Random lives of the queue: two workers, a person, lapsing leases, and a clock that jumps.

After each step the laws of tests/store/queue_laws.py hold.
"""

import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.store import queue_laws
from tests.store.ending import end
from tests.store.ground import TTL_MS, Ground

from wfd.commands.closing import close_lane
from wfd.domain.assignment import AssignmentState
from wfd.domain.dependency import OnFailure
from wfd.domain.errors import BadInput, LeaseLost, NotAllowed, NotFound
from wfd.domain.ids import JobId, RunId
from wfd.domain.job import JobState
from wfd.domain.lane import LaneState
from wfd.domain.outcome import Kind
from wfd.domain.run import Run
from wfd.engine.close import Closed
from wfd.ports import Snapshot, Tx
from wfd.rules.after import Again, Elsewhere, Judge
from wfd.rules.daily import DAY_MS
from wfd.rules.policy import Caps, DailyCaps, Gates

CAPS = Caps(jobs=6, attempts=2, no_work=2, wall_ms=40 * TTL_MS, cost_usd=5.0)
DAILY = DailyCaps(jobs=4, cost_usd=3.0)
GATES = Gates(checks="off", review=False, uat=False)
WORKERS = ("w1", "w2")
KEYS = ("k1", "k2", "k3")

which = st.integers(0, 31)  # picks one of what there is, by remainder
workers = st.sampled_from(WORKERS)
priorities = st.integers(-1, 2)
keys = st.none() | st.sampled_from(KEYS)
types = st.sampled_from(["plan", "implement", "review"])
locks = st.sampled_from([(), ("src",), ("src/a/**",), ("docs",), ("**/x", "docs/*")])
then = st.sampled_from(OnFailure)
kinds = st.sampled_from(sorted(set(Kind) - {Kind.CANCELLED}))


def _answer(decision: str) -> str:
    said = {"decision": decision, "job": None, "changes": None, "question": None}
    job = {"type": "implement", "harness": None, "context": "go on"}
    parts: dict[str, dict[str, object]] = {
        "insert_job": {"job": job},
        "retry": {"changes": "smaller steps"},
        "block": {"question": "which one?"},
    }
    return json.dumps({**said, "reason": "nothing_to_change, so", **parts.get(decision, {})})


answers = st.sampled_from(
    [_answer(d) for d in ("insert_job", "retry", "proceed", "complete", "block", "dance")]
    + ["All fine!"]
)


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="wfd-queue-"))
        self.ground = Ground(self.folder, gates=GATES, caps=CAPS, daily=DAILY)
        self.held: dict[str, list[RunId]] = {worker: [] for worker in WORKERS}
        self.lost: list[Run] = []  # runs whose worker does not know yet
        self.by_key: dict[tuple[str, str], JobId] = {}
        self.counted: dict[JobId, str | None] = {}
        self.scene = queue_laws.look(self.ground.connection)

    def teardown(self) -> None:
        self.ground.close()
        shutil.rmtree(self.folder)

    @invariant()
    def laws_hold(self) -> None:
        now = queue_laws.look(self.ground.connection)
        queue_laws.hold_now(now, self.ground.settings.policy)
        queue_laws.hold_between(self.scene, now, self.counted)
        self.scene, self.counted = now, {}

    @initialize(first=st.none() | types, p=priorities)
    def begin(self, first: str | None, p: int) -> None:
        """Never without work: a life in which nobody creates anything shows nothing."""
        for namespace in "aab":
            self.laws_hold()
            self.create(namespace, None, first, p)

    @initialize(globs=st.lists(locks, min_size=2, max_size=4), order=st.booleans(), p=priorities)
    def begin_beside(self, globs: list[tuple[str, ...]], order: bool, p: int) -> None:
        """An assignment of parallel jobs, and one that comes after them."""
        self.laws_hold()
        self.create("a", None, None, p)
        self.laws_hold()
        for number, glob in enumerate(globs):
            self.insert_in_order(0, [0] if order and number else [], OnFailure.WAIT, glob or ("x",),
                                 True, p)  # fmt: skip
            self.laws_hold()
        self.insert_in_order(0, [0, 1], OnFailure.WAIT, (), False, p)

    # --- a person --------------------------------------------------------------

    @rule(namespace=st.sampled_from("ab"), key=keys, job_type=st.none() | types, p=priorities)
    def create(self, namespace: str, key: str | None, job_type: str | None, p: int) -> None:
        self._try(
            "create", namespace=namespace, north_star="go", type=job_type, priority=p, key=key
        )

    @precondition(lambda self: self.scene.assignments)
    @rule(of=which, key=keys, job_type=types, p=priorities, delay=st.none() | st.integers(0, 90))
    def insert(self, of: int, key: str | None, job_type: str, p: int, delay: int | None) -> None:
        assignment = list(self.scene.assignments.values())[of % len(self.scene.assignments)]
        namespace = "ab"[assignment.namespace_id - 1]
        self._try(
            "insert_job", namespace=namespace, key=key, assignment=assignment.id, type=job_type,
            context="do it", priority=p,
            run_after=None if delay is None else self.ground.now + delay * 1000,
        )  # fmt: skip

    @precondition(lambda self: self.scene.assignments)
    @rule(of=which, after=st.lists(which, max_size=2), if_failed=then, globs=locks,
          parallel=st.booleans(), p=priorities)  # fmt: skip
    def insert_in_order(
        self, of: int, after: list[int], if_failed: OnFailure, globs: tuple[str, ...],
        parallel: bool, p: int,
    ) -> None:  # fmt: skip
        assignment = list(self.scene.assignments.values())[-1 - of % len(self.scene.assignments)]
        jobs = list(self.scene.jobs.values())
        self._try(
            "insert_job", namespace="ab"[assignment.namespace_id - 1], assignment=assignment.id,
            type="implement", context="do it", priority=p, locks=globs, parallel=parallel,
            after=[jobs[-1 - n % len(jobs)].id for n in after] if jobs else [],
            if_failed=if_failed,
        )  # fmt: skip

    @precondition(lambda self: self.scene.jobs)
    @rule(of=which, other=which, if_failed=then, drop=st.booleans())
    def depend(self, of: int, other: int, if_failed: OnFailure, drop: bool) -> None:
        jobs = list(self.scene.jobs.values())
        job, need = jobs[-1 - of % len(jobs)], jobs[-1 - other % len(jobs)]
        which_way = {"drop": [need.id]} if drop else {"after": [need.id], "if_failed": if_failed}
        self._try("depend", namespace="ab"[job.namespace_id - 1], job=job.id, **which_way)

    @precondition(lambda self: self.scene.lanes)
    @rule(of=which)
    def abandon(self, of: int) -> None:
        lane = list(self.scene.lanes.values())[-1 - of % len(self.scene.lanes)]
        namespace = "ab"[self.scene.assignments[lane.assignment_id].namespace_id - 1]
        self._try(
            "abandon_lane", namespace=namespace, assignment=lane.assignment_id, lane=lane.name
        )

    @precondition(lambda self: self.scene.jobs)
    @rule(of=which, command=st.sampled_from(["cancel_job", "retry_job"]))
    def cancel_or_retry(self, of: int, command: str) -> None:
        job = list(self.scene.jobs.values())[-1 - of % len(self.scene.jobs)]
        self._try(command, namespace="ab"[job.namespace_id - 1], job=job.id)

    @precondition(lambda self: self.scene.assignments)
    @rule(of=which, status=st.sampled_from(AssignmentState))
    def move(self, of: int, status: AssignmentState) -> None:
        assignment = list(self.scene.assignments.values())[of % len(self.scene.assignments)]
        self._try(
            "update_assignment", namespace="ab"[assignment.namespace_id - 1],
            assignment=assignment.id, status=status, reason="because",
        )  # fmt: skip

    # --- the workers -----------------------------------------------------------

    @rule(worker=workers, room=st.integers(1, 3), per_namespace=st.none() | st.just(1))
    def lease(self, worker: str, room: int, per_namespace: int | None) -> None:
        taken = self.ground.take(worker, room, per_namespace)
        self.held[worker] += [lease.run.id for lease in taken.leases]
        jobs = queue_laws.look(self.ground.connection).jobs.values()
        for namespace in self.ground.namespaces():
            ready = [
                j for j in jobs if j.namespace_id == namespace.id and j.state is JobState.QUEUED
            ]
            left = [min((-j.priority, j.id) for j in ready)] if ready else []
            ours = [x.job for x in taken.leases if x.namespace.id == namespace.id]
            ranks = [*((-job.priority, job.id) for job in ours), *left]
            assert ranks == sorted(ranks), "what is taken goes before what is left"

    @rule(of=which, kind=kinds, answer=answers, cost=st.sampled_from([None, 0.0, 0.5]))
    def end(self, of: int, kind: Kind, answer: str, cost: float | None) -> None:
        """A worker closes a run that it holds; if none does, they take work first."""
        if not any(self.held.values()):
            self.lease("w1", 1, None)
        held = [(worker, id_) for worker in WORKERS for id_ in self.held[worker]]
        if not held:
            return
        worker, run_id = held[of % len(held)]
        self.held[worker].remove(run_id)
        run = self.ground.run(run_id)
        self._close(run, kind, answer, cost)

    @rule(of=which, answer=answers)
    def answer(self, of: int, answer: str) -> None:
        """As `end`, but all goes well: the way through the queue that most jobs take."""
        self.end(of, Kind.SUCCEEDED, answer, 0.1)

    @rule(answer=answers, takes=st.integers(1, 4))
    def go_on(self, answer: str, takes: int) -> None:
        """The workers take what there is, and then all of that ends well."""
        self.lease("w1", takes, None)
        self.laws_hold()
        for _ in range(sum(map(len, self.held.values()))):
            self.end(0, Kind.SUCCEEDED, answer, 0.1)
            self.laws_hold()

    @rule(worker=workers, after_ms=st.sampled_from([0, TTL_MS + 1]))
    def sweep(self, worker: str, after_ms: int) -> None:
        """It renews its own leases, and takes back one that another has let lapse."""
        self.ground.now += after_ms
        for run_id in self.held[worker]:
            assert self.ground.do(lambda tx, id=run_id: _extend(tx, id)) == 1  # type: ignore[misc]
        lapsed = self.ground.do(lambda tx: tx.all(Run, "lapsed_runs", now=tx.now))
        assert not {run.id for run in lapsed} & set(self.held[worker])
        for run in lapsed[:1]:
            self._close(run, Kind.LOST, "", None)
            for held in self.held.values():
                if run.id in held:
                    held.remove(run.id)
            self.lost.append(run)

    @precondition(lambda self: self.lost)
    @rule(of=which, kind=kinds)
    def write_late(self, of: int, kind: Kind) -> None:
        """The one who lost its lease wakes up and writes: nothing comes of it."""
        run = self.lost[of % len(self.lost)]
        written = self.ground.connection.total_changes
        assert self.ground.do(lambda tx: _heartbeat(tx, run)) == 0
        try:
            self._close(run, kind, _answer("complete"), 1.0)
        except LeaseLost as error:
            assert error.run_id == run.id
        else:
            raise AssertionError("a lost lease was closed")
        assert self.ground.connection.total_changes == written

    @rule(ms=st.sampled_from([1, 5_000, TTL_MS + 1, 600_000, DAY_MS]))
    def time_passes(self, ms: int) -> None:
        self.ground.now += ms

    # --- their hands -----------------------------------------------------------

    def _try(self, command: str, **values: object) -> None:
        try:
            answer = self.ground.send(command, **values)
        except (NotAllowed, BadInput, NotFound):
            now = queue_laws.look(self.ground.connection)
            assert now == self.scene, "what is refused changes nothing"
            return
        key = values.get("key")
        if command in ("create", "insert_job"):
            self._made(str(values["namespace"]), None if key is None else str(key), answer)

    def _made(self, namespace: str, key: str | None, answer: dict[str, object]) -> None:
        job_id = JobId(int(str(answer["job"])))
        assert answer["created"] is (job_id not in self.scene.jobs)
        if key is not None:
            assert self.by_key.setdefault((namespace, key), job_id) == job_id

    def _close(self, run: Run, kind: Kind, answer: str, cost: float | None) -> Closed:
        reset_at = self.ground.now + 90_000 if kind is Kind.RATE_LIMITED else None
        closed = end(
            self.ground, run, kind, text=answer, cost_usd=cost, reset_at=reset_at,
            snapshot=self._worked(run, kind),
        )  # fmt: skip
        if isinstance(closed.next, Again | Elsewhere | Judge):
            self.counted[run.job_id] = closed.next.counter
        return closed

    def _worked(self, run: Run, kind: Kind) -> Snapshot | None:
        """What it changed, in a lane; a merge closes its lane before it ends, if all goes well."""
        job = self.ground.job(run.job_id)
        if job.has_own_lane and run.id % 3:
            return Snapshot(f"c{run.id}", f"t{run.id}", "c", "t")
        is_open = (
            self.ground.run(run.id).state == "running" and not self.ground.run(run.id).cancel_reason
        )
        if job.merges is not None and kind is Kind.SUCCEEDED and is_open:
            of, name = job.assignment_id, job.merges
            self.ground.do(lambda tx: close_lane(tx, of, name, LaneState.MERGED))
        return None


def _extend(tx: Tx, run_id: RunId) -> int:
    return tx.run("extend_lease", id=run_id, ttl_ms=TTL_MS, now=tx.now)


_PROMPT = {
    "parent_commit": "c",
    "parent_tree": "t",
    "prompt_hash": "h",
    "resumed": None,
    "model": None,
}


def _heartbeat(tx: Tx, run: Run) -> int:
    return (
        _extend(tx, run.id)
        + tx.run("record_session", id=run.id, session_id="x", model="m", cli_version=None)
        + tx.run("record_prompt", id=run.id, **_PROMPT)
        + tx.run("ask_to_cancel", id=run.id, reason="late")
    )


QueueMachine.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestTheQueue = QueueMachine.TestCase
