"""scripts/torture --kill: lives of a daemon that end by kill -9, and branches that must be whole.

Each job writes one file, named as the job. In the end the branch of an assignment has the file of
each of its jobs that is done, brought there by one commit, and no agent has come to its end twice.
Nothing but the daemon was harmed, so no run has failed.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from torturing.checker import Scene, open_jobs
from torturing.ground import Ground
from wfd.domain.errors import TryLater, WfdError
from wfd.engine.steps import Step
from wfd.send import send

OPEN = 6  # jobs that are kept at work
# where branch and row, or agent and row, may differ
OFTEN = [Step.TAKEN, Step.DELIVERED, Step.SPAWNED, Step.MERGED, Step.RESTORED] * 3
SHORT_S, LONG_S = 0.6, 5.0  # of a life: one that is still recovering, and one that works
_OWN_FILE = {"shell": 'printf "%s\\n" "$WFD_JOB_ID" > "$WFD_JOB_ID.txt"'}
PLAYS: dict[str, object] = {
    "implement": [[_OWN_FILE], [{"sleep": 0.2}, _OWN_FILE], [_OWN_FILE, {"sleep": 0.3}]],
    "document": [[{"sleep": 0.1}, _OWN_FILE], [_OWN_FILE]],
}


def kill(ground: Ground, seed: int, seconds: float) -> Counter[str]:
    """Let one daemon after the other die, with work at hand; how many died where."""
    chance, died = random.Random(f"{seed}.kills"), Counter[str]()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if open_jobs(ground.place.store_path) < OPEN:
            with suppress(TryLater):  # a socket may outlive its daemon for a moment
                _give_work(ground, chance)
        at = chance.choice([*Step, *OFTEN]) if chance.random() < 0.6 else None
        if at is None:
            ground.live_and_die(chance.uniform(0.2, chance.choice((SHORT_S, LONG_S))))
            died["anywhere"] += 1
        elif ground.live_and_die(LONG_S, f"{at}:{chance.randint(1, 3)}"):
            died[at] += 1
        else:
            died["anywhere"] += 1
    return died


def _give_work(ground: Ground, chance: random.Random) -> None:
    """An assignment with a job in main and, at times, others beside and behind it."""
    made = send(ground.place, "create", {**_of_repo("implement"), "north_star": "Write them"})
    of, number = made["assignment"], int(str(made["assignment"]))
    for n in range(chance.choice((0, 1, 1, 2))):
        paths = {"locks": [f"p{number}-{n}/**"], "parallel": True}
        send(ground.place, "insert_job", {**_of_repo("document"), "assignment": of, **paths})
    if chance.random() < 0.3:
        send(ground.place, "insert_job", {**_of_repo("implement"), "assignment": of})
    if chance.random() < 0.15:
        with suppress(WfdError):
            send(ground.place, "cancel_job", {"namespace": "repo", "job": made["job"]})


def _of_repo(job_type: str) -> dict[str, object]:
    return {"namespace": "repo", "type": job_type, "context": "Write your file"}


def broken_promises(of: Scene, runs: Path) -> list[str]:
    return [*_edits(of), *_paid_twice(of, runs), *_blamed(of)]


def _edits(of: Scene) -> Iterator[str]:
    sql = """select job.*, lane.state as lane_state, assignment.head_commit
               from job join assignment on assignment.id = job.assignment_id
               left join lane on lane.assignment_id = job.assignment_id and lane.name = job.lane
              where job.type in ('implement', 'document')"""
    for job in of.rows(sql):
        if job["head_commit"] is None:
            continue
        branch, file = f"wfd/A{job['assignment_id']}", f"J{job['id']}.txt"
        if job["lane_state"] not in (None, "merged"):
            branch += f"-{job['lane']}"
            if not of.git("for-each-ref", f"refs/heads/{branch}"):
                continue
        brought = of.git("log", "--no-merges", "--format=%h", branch, "--", file).split()
        if len(brought) > 1:
            yield f"edits: {file} was brought to {branch} by {brought}"
        if job["state"] == "done":
            is_there = bool(of.git("ls-tree", "--name-only", branch, "--", file))
            if not is_there or not brought:
                yield f"edits: J{job['id']} is done, and {branch} has no {file}"


def _blamed(of: Scene) -> Iterator[str]:
    """A kill alone is no fault of an agent's, of a job's or of a step's, and nobody is asked."""
    sql = """select run.id, run.outcome, run.message, job.type from run
               join job on job.id = run.job_id
              where run.outcome not in ('succeeded', 'lost', 'interrupted', 'cancelled')"""
    for run in of.rows(sql):
        yield f"blamed: R{run['id']} ({run['type']}) ended {run['outcome']}: {run['message']}"


def _paid_twice(of: Scene, runs: Path) -> Iterator[str]:
    finished = Counter[int]()
    for run in of.rows("select id, job_id from run"):
        with suppress(FileNotFoundError):
            said = (runs / f"R{run['id']}" / "transcript.jsonl").read_text(errors="replace")
            finished[run["job_id"]] += '"subtype":"success"' in said
    for job, count in sorted(finished.items()):
        if count > 1:
            yield f"paid twice: {count} agents of J{job} have come to their end"
