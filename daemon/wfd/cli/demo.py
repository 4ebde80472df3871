"""`wfd demo`: the main job of the product, on a sample repository of its own."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from wfd.adapters.place import Place, place
from wfd.cli.daemon import start_detached, stop_daemon
from wfd.cli.story import Story
from wfd.domain.assignment import Assignment, AssignmentState
from wfd.domain.errors import BadInput, Broken, unknown
from wfd.domain.evidence import Evidence
from wfd.domain.job import Job
from wfd.domain.run import Run
from wfd.edge.outcome_word import ended
from wfd.edge.words import duration, money, spend
from wfd.layers import hash_of
from wfd.ports import Harness
from wfd.send import send
from wfd.store.alone import reading
from wfd_runners import harnesses

NORTH_STAR = "hello() greets the world: it returns 'Hello, world!', and its test is green."
SIM_DEADLINE_S = 120.0
DEADLINE_S = 3600.0

_FILES = {
    "hello.py": 'def hello() -> str:\n    return "TODO"\n',
    "test_hello.py": (
        "import unittest\n\nfrom hello import hello\n\n\n"
        "class HelloTest(unittest.TestCase):\n"
        "    def test_it_greets_the_world(self) -> None:\n"
        '        self.assertEqual(hello(), "Hello, world!")\n'
    ),
    ".gitignore": "__pycache__/\n.wfd/\n",
}

_SCRIPT = {
    "implement": [
        [
            {"say": "I will fix hello()."},
            {"edit": {"path": "hello.py", "replace": ["TODO", "Hello world"]}},
            {"result": "All done! hello() greets the world and all tests pass."},
        ],
        [
            {"say": "The comma and the exclamation mark are missing. Running the test this time."},
            {"edit": {"path": "hello.py", "replace": ["Hello world", "Hello, world!"]}},
            {"shell": f"{shlex.quote(sys.executable)} -m unittest -q"},
            {"result": "hello() returns 'Hello, world!'; I ran the test and it is green."},
        ],
    ]
}


def run_demo(harness: str, *, plain: bool) -> int:
    """Tell the story of one assignment, live; 0 when it is complete in the end."""
    agent = _needed(harness)
    console = Console(highlight=False, soft_wrap=True, no_color=plain or None)
    if agent.login(os.environ) is None:
        # not refused: a keychain, or a helper of the CLI's own, is not to be seen from here
        console.print(
            f"No login of {harness} was found here; if it has none, the assignment will be blocked"
        )
    home = Path(tempfile.mkdtemp(prefix="wfd-demo-")).resolve()
    repository = home / "sample"
    _make_repository(repository)
    here = _own_place(home, harness)
    console.print(f"A sample repository with a red test lies in {repository}")
    with _daemon(here, home, harness):
        assignment_id = _begin(here, repository)
        story = Story(here.store_path, console, plain=plain or not console.is_terminal)
        deadline_s = SIM_DEADLINE_S if harness == "sim" else DEADLINE_S
        assignment = story.follow(assignment_id, deadline_s)
    _show_end(console, here, repository, assignment)
    return 0 if assignment.state is AssignmentState.COMPLETE else 1


def _needed(harness: str) -> Harness:
    """The agent. Raises BadInput for one that cannot be had, before anything is made."""
    known = harnesses()
    if harness not in known:
        raise BadInput(unknown("harness", harness, known))
    binary = known[harness].binary
    if binary and shutil.which(binary) is None:
        raise BadInput(f"no '{binary}' on PATH; install it, or try the demo without --harness")
    return known[harness]


def _make_repository(repository: Path) -> None:
    repository.mkdir()
    for name, text in _FILES.items():
        (repository / name).write_text(text, encoding="utf-8")
    identity = ("-c", "user.name=wfd demo", "-c", "user.email=demo@localhost")
    _git(repository, "init", "--quiet", "--initial-branch=main")
    _git(repository, "add", ".")
    _git(repository, *identity, "commit", "--quiet", "--message", "A greeting that is to be done")
    folder = repository / ".wfd"
    folder.mkdir()
    own = {
        "namespace": "sample",
        "checks": {"tests": f"{shlex.quote(sys.executable)} -m unittest -q"},
        "gates": {"checks": "strict", "review": True, "uat": True},
    }
    (folder / "config.json").write_text(json.dumps(own, indent=2) + "\n", encoding="utf-8")


def _own_place(home: Path, harness: str) -> Place:
    """A store and a configuration of the demo's own, for the daemon that it starts too."""
    (home / "config").mkdir()
    os.environ["WFD_STATE_DIR"] = str(home / "state")
    os.environ["WFD_CONFIG_DIR"] = str(home / "config")
    if harness == "sim":
        script = home / "sim-script.json"
        script.write_text(json.dumps(_SCRIPT, indent=2), encoding="utf-8")
        os.environ["WFD_SIM_SCRIPT"] = str(script)
        os.environ["WFD_SIM_HOME"] = str(home / "sim")
    return place()


@contextmanager
def _daemon(here: Place, home: Path, harness: str) -> Iterator[None]:
    config = home / "config" / "config.json"
    config.write_text(json.dumps({"harnessDefaults": {"default": harness}}), encoding="utf-8")
    # a closed terminal must not leave a daemon behind that starts agents
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    start_detached(here, None, None, None)
    try:
        yield
    finally:
        stop_daemon(here, at_once=True, timeout_s=60, tell=lambda _: None)


def _begin(here: Place, repository: Path) -> int:
    text = (repository / ".wfd" / "config.json").read_text(encoding="utf-8")
    send(
        here,
        "register",
        {
            "name": "sample",
            "git_dir": str(repository / ".git"),
            "checkout": str(repository),
            "trusted_hash": hash_of(text),
        },
    )
    made = send(
        here,
        "create",
        {
            "namespace": "sample",
            "north_star": NORTH_STAR,
            "type": "plan",
            "context": "Plan the smallest change that makes the test green.",
        },
    )
    return int(str(made["assignment"]))


def _show_end(console: Console, here: Place, repository: Path, assignment: Assignment) -> None:
    console.print()
    console.print(_chain(here, assignment))
    if assignment.base_commit and assignment.head_commit:
        diff = _git(repository, "diff", assignment.base_commit, assignment.head_commit)
        console.print(diff.rstrip(), markup=False)
    console.print()
    console.print(
        f"A{assignment.id} is {assignment.state}: {assignment.reason or ''}", markup=False
    )
    console.print(f"cost    {spend(assignment.cost_usd, assignment.unmeasured)}")
    if _git(repository, "branch", "--list", assignment.branch):
        console.print(f"branch  {assignment.branch} in {repository}; main is as it was")
    if assignment.state is AssignmentState.COMPLETE:
        _show_commands(console, here, repository)
    else:
        console.print(
            "The demo's daemon has stopped. Once that is fixed, run the demo again; the files of"
            f" this one are in {here.state_dir.parent}; delete them when you are done.",
            markup=False,
        )


def _show_commands(console: Console, here: Place, repository: Path) -> None:
    beside = Path(sys.executable).with_name("wfctl")
    wfctl = shlex.quote(str(beside)) if beside.exists() else "wfctl"
    console.print("\nLook around:")
    for line in (
        f"cd {shlex.quote(str(repository))}",
        f"export WFD_STATE_DIR={shlex.quote(str(here.state_dir))}",
        "git merge wfd/A1            # takes the branch; 'git switch wfd/A1' only tries it",
        f"{wfctl} assignment A1      # the chain, and who decided what and why",
        f"{wfctl} evidence J3 tests  # what the daemon saw when the agent said 'all done'",
        f"{wfctl} tail J5            # what the agent then said and did",
    ):
        console.print(f"  {line}", markup=False)


def _chain(here: Place, assignment: Assignment) -> Table:
    with reading(here.store_path) as read:
        jobs = read.all(Job, "jobs_of", assignment_id=assignment.id)
        runs = read.all(Run, "runs_of", assignment_id=assignment.id)
        evidence = read.all(Evidence, "evidence_of", assignment_id=assignment.id)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("job", "type", "outcome", "evidence", "time", "cost"):
        table.add_column(column)
    for job in jobs:
        mine = [run for run in runs if run.job_id == job.id]
        seen = [e for e in evidence if e.run_id in {run.id for run in mine}]
        took = sum((run.ended_at or run.started_at) - run.started_at for run in mine)
        cost = mine[-1].cost_usd if mine else None
        table.add_row(
            f"J{job.id}",
            job.type,
            str(ended(job.state, job.outcome) or job.state),
            ", ".join(_seen(one) for one in seen if one.kind != "diff"),
            duration(took),
            money(cost),
        )
    return table


def _seen(one: Evidence) -> str:
    match one.kind:
        case "verdict":
            return "pass" if one.ok else "fail"
        case "baseline":
            return f"{one.name} {'green' if one.ok else 'red'} at the base"
        case _:
            return f"{one.name} {'green' if one.ok else 'red'}"


def _git(repository: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Broken(f"git {words[0]} failed in {repository}: {done.stderr.strip()}")
    return done.stdout
